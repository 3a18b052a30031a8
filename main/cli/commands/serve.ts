// `brownout serve`: the app in a browser, on this machine alone.
import { ServiceError } from '../../contract/errors.ts';
import { startHost, type Host } from '../../serve/host.ts';
import { UsageError, type Command } from '../command.ts';
import { dbOption, storeFile } from '../storeOption.ts';
import { EXIT, type ExitCode, type Terminal } from '../terminal.ts';
import { printable } from '../text.ts';

export const command: Command = {
  operands: '',
  purpose: 'serve the lab to a browser on this machine',
  details:
    'Prints the address to open. Whoever knows the whole address can use the lab; nobody else can, and no other machine. Ctrl-C ends it: simulations under way are cancelled and kept.',
  options: {
    port: { type: 'string', value: 'N', help: 'on this port (default: any that is free)' },
    'allow-qemu': { type: 'boolean', help: 'let experiments with backend: qemu start QEMU on this machine' },
    db: dbOption,
  },
  takes: [0, 0],
  run(words, terminal) {
    const port = words.whole('port', 0, 65_535) ?? 0;
    return serve({ storeFile: storeFile(words), port, qemuAllowed: words.flag('allow-qemu') }, terminal);
  },
};

/** Until the terminal is interrupted. */
export async function serve(
  {
    open,
    ...options
  }: {
    readonly storeFile: string;
    readonly port: number;
    readonly qemuAllowed: boolean;
    /** Where the window begins, as its router writes it: `edit/draft/3`. */
    readonly open?: string | undefined;
  },
  terminal: Terminal,
): Promise<ExitCode> {
  let host: Host;
  try {
    host = await startHost({
      ...options,
      say: (line) => {
        terminal.say(line);
      },
    });
  } catch (error) {
    if (error instanceof ServiceError) {
      terminal.say(`brownout: ${printable(error.message)}`);
      return EXIT.failed;
    }
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new UsageError(`port ${options.port} is in use; --port 0 takes one that is free`);
    if (code === 'EACCES') throw new UsageError(`no permission to use port ${options.port}; take one above 1023`);
    throw error;
  }
  terminal.out(`${host.address}${open === undefined ? '' : `&open=${encodeURIComponent(open)}`}\n`);
  terminal.say('Open this address in a browser on this machine. Ctrl-C ends Brownout.');
  await new Promise<void>((resolve) => {
    if (terminal.interrupted.aborted) resolve();
    terminal.interrupted.addEventListener('abort', () => {
      resolve();
    });
  });
  terminal.say('Ending …');
  await host.close();
  return EXIT.done;
}
