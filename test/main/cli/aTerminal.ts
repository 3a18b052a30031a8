// A terminal that nobody looks at: what a command writes, kept as text. For commands tried in process; brownout.ts runs them as
// a user does.
import { main } from '../../../main/cli/cli.ts';
import type { ExitCode, Terminal } from '../../../main/cli/terminal.ts';

export interface Said {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

export async function inProcess(args: readonly string[], interrupted = new AbortController().signal): Promise<Said> {
  let stdout = '';
  let stderr = '';
  const terminal: Terminal = {
    out: (text) => (stdout += text),
    bytes: (bytes) => (stdout += Buffer.from(bytes).toString('utf8')),
    say: (line) => (stderr += `${line}\n`),
    progress: () => undefined,
    watched: false,
    isTerminal: false,
    columns: 80,
    interrupted,
  };
  const code = await main(args, terminal);
  return { code, stdout, stderr };
}
