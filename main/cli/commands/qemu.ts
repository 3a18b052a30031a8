// `brownout qemu check`: whether runs with `backend: qemu` are possible on this machine.
import { qemuCheck } from '../../qemu/check.ts';
import { UsageError, type Command } from '../command.ts';
import { EXIT } from '../terminal.ts';
import { printable, printableJson, wrap } from '../text.ts';

export const command: Command = {
  operands: 'check',
  purpose: 'say what of QEMU is there, and what works',
  details:
    'Boots a guest of ours for a moment under each accelerator, without a network or a disk. BROWNOUT_QEMU names another program than qemu-system-x86_64. Exit code 1: no guest can run.',
  options: { json: { type: 'boolean', help: 'the answer as one JSON document' } },
  takes: [1, 1],
  async run(words, terminal) {
    const [what] = words.positionals;
    if (what !== 'check') throw new UsageError(`brownout qemu knows only check, not ${printable(what ?? '', 40)}`);
    terminal.progress('starting a guest …');
    let found;
    try {
      found = await qemuCheck({ signal: terminal.interrupted });
    } catch (error) {
      if (!terminal.interrupted.aborted) throw error;
      return EXIT.interrupted;
    } finally {
      terminal.progress('');
    }
    if (words.flag('json')) terminal.out(`${printableJson(found)}\n`);
    else {
      const lines = wrap(printable(found.message), 80);
      for (const { name, works, detail } of found.accelerators)
        lines.push(...wrap(`${name}: ${works ? 'works' : 'does not work'}, ${printable(detail, 400)}`, 80));
      terminal.out(`${lines.join('\n')}\n`);
    }
    return found.usable ? EXIT.done : EXIT.failed;
  },
};
