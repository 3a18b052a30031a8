// The process behind `brownout` and `npm start`. brownout.js has seen to a Node that can run this.
import { main } from './cli.ts';
import { EXIT, processTerminal } from './terminal.ts';

const terminal = processTerminal();
try {
  process.exitCode = await main(process.argv.slice(2), terminal);
} catch (error) {
  terminal.say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  terminal.say('brownout: this is a defect of Brownout itself; please report it with the lines above.');
  process.exitCode = EXIT.failed;
} finally {
  terminal.dispose();
}
