// To be imported before everything else by a window: its content security policy forbids eval, and zod would try it for every
// schema (and be reported) unless it is told before the first schema is made.
import * as z from 'zod';

z.config({ jitless: true });
