// Parts of guest memory that the facts do not carry: ranges that are no plain RAM at first, and modules that can be plugged. Read
// from the resolved file (bytes).
import * as z from 'zod';

const guestSchema = z.object({
  guest: z.object({
    regions: z.array(z.object({ offset: z.number(), size: z.number(), as: z.string() })),
    dimms: z.array(z.object({ name: z.string(), size: z.number() })),
  }),
});
export type Specials = z.infer<typeof guestSchema>['guest'];

/** None where the file is not (yet) readable. */
export function specialsOf(resolved: unknown): Specials {
  const read = guestSchema.safeParse(resolved);
  return read.success ? read.data.guest : { regions: [], dimms: [] };
}
