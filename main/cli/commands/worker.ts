// `brownout worker --queue URL`: computes points of sweeps that other processes put into a queue.
import { UsageError, type Command } from '../command.ts';
import { EXIT } from '../terminal.ts';
import { printable } from '../text.ts';

export const command: Command = {
  operands: '',
  purpose: 'compute points of sweeps from a queue',
  details:
    'On any number of machines: each worker takes points that brownout sweep --queue puts into Redis, and hands back whole runs. It keeps nothing. Ctrl-C finishes the points under way; a second one leaves them to other workers.',
  options: {
    queue: { type: 'string', value: 'URL', help: 'the Redis: redis://[user:password@]host[:port][/database]' },
    concurrency: { type: 'string', value: 'N', help: 'simulations at the same time (default: one for each core)' },
    'allow-qemu': { type: 'boolean', help: 'let points with backend: qemu start QEMU on this machine' },
  },
  takes: [0, 0],
  async run(words, terminal) {
    const url = words.text('queue');
    if (url === undefined) throw new UsageError('something is missing: brownout worker --queue redis://…');
    const concurrency = words.whole('concurrency', 1, 256);
    const { redisAddress, QueueError } = await import('../../queue/redis.ts');
    const { PointWorker } = await import('../../queue/pointWorker.ts');
    try {
      const address = redisAddress(url);
      const worker = new PointWorker({
        address,
        allowQemu: words.flag('allow-qemu'),
        say: (line) => {
          terminal.say(printable(line, 500));
        },
        ...(concurrency === undefined ? {} : { concurrency }),
      });
      terminal.say(`Taking points from ${printable(address.shown)}. Ctrl-C ends.`);
      await new Promise<void>((resolve) => {
        if (terminal.interrupted.aborted) resolve();
        terminal.interrupted.addEventListener('abort', () => {
          resolve();
        });
      });
      terminal.say('Finishing the points under way; Ctrl-C again leaves them to other workers.');
      await worker.close();
      terminal.say(`${worker.done} points done.`);
      return EXIT.done;
    } catch (error) {
      if (error instanceof QueueError) throw new UsageError(printable(error.message, 500));
      throw error;
    }
  },
};
