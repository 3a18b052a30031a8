import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson, isArray, isObject } from '../../../engine/uapi/json-text.ts';
import type { JsonValue } from '../../../engine/uapi/json-text.ts';
import { parseScripts } from '../../../engine/uapi/parse.ts';
import { describeProblem } from '../../../engine/uapi/problems.ts';
import { runScript } from '../../../engine/uapi/run.ts';
import { MACHINE, aScript } from './aScript.ts';
import type { StepWords } from './aScript.ts';

const problemsOf = (...documents: unknown[]): string[] =>
  parseScripts(documents.map((document, i) => ({ name: `f${i}.json`, text: JSON.stringify(document) }))).problems.map(
    describeProblem,
  );
const textProblems = (text: string): string[] => parseScripts([{ name: 'f.json', text }]).problems.map(describeProblem);
const stepProblems = (...steps: unknown[]): string[] =>
  problemsOf({ format: 'uapi-script/1', name: 's', machine: MACHINE, steps });
const machineProblems = (machine: object): string[] => problemsOf(aScript(machine, []));
const runProblem = (steps: readonly StepWords[], machine: object = MACHINE): string | undefined => {
  const { scripts, problems } = parseScripts([{ name: 'f.json', text: JSON.stringify(aScript(machine, steps)) }]);
  expect(problems).toEqual([]);
  const problem = runScript(scripts[0]!, () => undefined);
  return problem === undefined ? undefined : describeProblem(problem);
};

describe('JSON text', () => {
  const plain = (value: JsonValue): unknown => {
    if (isArray(value)) return value.map(plain);
    if (!isObject(value)) return value;
    return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  };

  it('is read as JSON.parse reads it, whatever the layout', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 2), (text, indent) => {
        const value: unknown = JSON.parse(text);
        const laidOut = JSON.stringify(value, null, indent);
        let read: JsonValue;
        try {
          read = readJson(laidOut);
        } catch (error) {
          // The one thing stricter: integers a double cannot hold.
          expect(String(error)).toMatch(/2\^53|too large/);
          return;
        }
        expect(plain(read)).toEqual(JSON.parse(laidOut));
      }),
    );
  });

  it.each([
    ['', 'the text ends too early'],
    ['{"a": 1,}', 'a key in quotes was expected'],
    ['[1,]', 'a value was expected'],
    ['[1 2]', ']'],
    ['[01]', ']'],
    ['"\n"', 'must be escaped'],
    ['"\\x"', 'must be escaped'],
    ['{"a": 1, "a": 1}', 'the key "a" is there twice'],
    ['{} {}', 'text after the document'],
    ['nul', 'a value was expected'],
    ['9007199254740992', '2^53'],
    ['1e400', 'too large'],
    ['['.repeat(1000), 'nest'],
    ['{"a":'.repeat(1000), 'nest'],
    ["{'a': 1}", 'a key in quotes'],
    ['// no comments', 'a value was expected'],
  ])('%j is refused: %s', (text, why) => {
    expect(textProblems(text).join('\n')).toContain(why);
  });

  it('a problem has its line and column', () => {
    expect(textProblems('{\n  "a": 1,\n  "a": 2}')).toEqual(['f.json: line 3, column 3: the key "a" is there twice']);
  });

  it('a key such as __proto__ is a key like any other', () => {
    expect(textProblems('{"__proto__": {"format": "uapi-script/1", "name": "s", "steps": []}}').join('\n')).toContain(
      '__proto__: unknown key',
    );
  });
});

describe('a script', () => {
  const step = { call: 'IOMMU_IOAS_ALLOC' };

  it.each([
    [
      'a script',
      { format: 'uapi-script/1', name: 's', steps: [], step: [] },
      'step: unknown key (did you mean steps?)',
    ],
    ['a machine', aScript({ ...MACHINE, iomu: {} }, []), 'machine.iomu: unknown key'],
    ['memory', aScript({ memory: { bytes: 1 } }, []), 'machine.memory.bytes: unknown key'],
    ['an IOMMU', aScript({ iommu: { ...MACHINE.iommu, pagesizes: [] } }, []), 'machine.iommu.pagesizes: unknown key'],
    [
      'a device',
      aScript({ ...MACHINE, devices: [{ name: 'd', type: 'pci' }] }, []),
      'machine.devices[0].type: unknown',
    ],
    ['a file', aScript({ files: [{ fd: 1, gpa: 0, size: 4096, name: '' }] }, []), 'machine.files[0].name: unknown key'],
  ])('with an unknown key in %s is wrong', (_what, document, problem) => {
    expect(problemsOf(document).join('\n')).toContain(problem);
  });

  it.each([
    ['a step', { ...step, expected: {} }, 'steps[0].expected: unknown key (did you mean expect?)'],
    ['its arguments', { ...step, args: { flag: 1 } }, 'steps[0].args.flag: unknown argument (did you mean flags?)'],
    ['its expectation', { ...step, expect: { ok: true, output: {} } }, 'steps[0].expect.output: unknown key'],
    [
      'an entry',
      { call: 'IOMMU_IOAS_ALLOW_IOVAS', args: { allowed_iovas: [{ start: 0, last: 1, end: 1 }] } },
      'steps[0].args.allowed_iovas[0].end: unknown key',
    ],
  ])('with an unknown key in %s is wrong', (_what, wrong, problem) => {
    expect(stepProblems(wrong).join('\n')).toContain(problem);
  });

  it('every problem names file, script, step and path', () => {
    expect(stepProblems(step, { ...step, args: { flags: -1 } })).toEqual([
      'f0.json: s: step 1: steps[1].args.flags: a number was expected: an integer from 0, or "0x…" in lower case',
    ]);
  });

  it('has a name of its own over all files', () => {
    expect(problemsOf(aScript({}, [], 'a'), [aScript({}, [], 'b'), aScript({}, [], 'a')])).toEqual([
      'f1.json: a: name: a script of this name is in f0.json',
    ]);
  });

  it.each([
    [{}, 'format'],
    [[], undefined],
    [null, 'an object was expected'],
    [[1, 'x'], 'an object was expected'],
    [{ ...aScript({}, []), format: 'uapi-script/2' }, '"uapi-script/1" was expected'],
    [{ ...aScript({}, []), name: '' }, 'name'],
    [{ ...aScript({}, []), name: 7 }, 'name'],
    [{ ...aScript({}, []), source: [] }, 'source'],
    [{ ...aScript({}, []), steps: {} }, 'an array was expected'],
    [{ ...aScript({}, []), machine: [] }, 'machine: an object was expected'],
  ])('%j', (document, problem) => {
    const found = problemsOf(document).join('\n');
    if (problem === undefined) expect(found).toBe('');
    else expect(found).toContain(problem);
  });

  it.each([
    [{ call: 'IOMMU_IOAS_ALOC' }, 'unknown call (did you mean IOMMU_IOAS_ALLOC?)'],
    [{ call: 'toString' }, 'unknown call'],
    [{ call: 5 }, 'unknown call'],
    [{}, 'unknown call'],
    [{ ...step, as: '9' }, 'a name was expected'],
    [{ ...step, as: '' }, 'a name was expected'],
    [{ ...step, args: [] }, 'an object was expected'],
    [{ ...step, expect: {} }, 'either ok or errno'],
    [{ ...step, expect: { ok: true, errno: 'EINVAL' } }, 'either ok or errno'],
    [{ ...step, expect: { ok: false } }, 'true was expected'],
    [{ ...step, expect: { errno: 'EWRONG' } }, 'the name of an errno'],
    [{ ...step, expect: { ok: true, out: [] } }, 'an object was expected'],
    [{ ...step, expect: { ok: true, out: { out_ioas_id: { $between: [1] } } } }, '[lowest, highest]'],
    [{ ...step, expect: { ok: true, out: { out_ioas_id: { $above: 1 } } } }, 'unknown matcher'],
    [{ ...step, expect: { ok: true, out: { out_ioas_id: { $any: true, $ne: 1 } } } }, 'stands alone'],
    [{ ...step, expect: { ok: true, out: { out_ioas_id: '$x' } } }, 'nothing is bound to x before'],
    [{ ...step, args: { flags: ['NO_SUCH'] } }, 'flags'],
    [{ call: 'IOMMU_IOAS_MAP', args: { flags: ['IOMMU_IOAS_MAP_READABEL'] } }, 'did you mean IOMMU_IOAS_MAP_READABLE?'],
    [{ call: 'IOMMU_IOAS_MAP', args: { iova: '0X10' } }, 'a number was expected'],
    [{ call: 'IOMMU_IOAS_MAP', args: { iova: '0x10000000000000000' } }, 'a number was expected'],
    [{ call: 'IOMMU_IOAS_MAP', args: { iova: 1.5 } }, 'a number was expected'],
    [{ call: 'IOMMU_IOAS_MAP', args: { iova: null } }, 'a number was expected'],
    [{ call: 'IOMMU_IOAS_MAP', args: { ioas_id: 2 ** 32 } }, 'does not fit 32 bits'],
    [{ call: 'IOMMU_IOAS_MAP', args: { ioas_id: '$ioas' } }, 'nothing is bound to ioas before'],
    [{ call: 'IOMMU_IOAS_MAP', args: { ioas_id: '$' } }, 'a reference is'],
    [{ call: 'device.attach', args: { device: 'dev0' } }, 'the argument to is missing'],
    [{ call: 'device.attach', args: { device: 'dev9', to: 1 } }, 'one of dev0'],
    [
      { call: 'device.dma', args: { device: 'dev0', op: 'erase', iova: 0, length: 1 } },
      '"read" or "write" was expected',
    ],
    [{ call: 'mdev.pin', args: { device: 'dev0', iova: 0, npage: 1 } }, 'dev0 is not of kind mdev'],
    [{ call: 'VFIO_DEVICE_FEATURE', args: { device: 'dev0', feature: 1, op: 'TRY' } }, 'GET, SET or PROBE'],
    [{ call: 'IOMMU_HWPT_GET_DIRTY_BITMAP', args: { data: { offset: 0 } } }, 'buffer is missing'],
  ])('step %j: %s', (wrong, problem) => {
    expect(stepProblems(wrong).join('\n')).toContain(problem);
  });

  it('binds a device’s own name, and a name again: the later one wins', () => {
    expect(
      stepProblems(
        { ...step, as: 'a' },
        { ...step, as: 'a', expect: { ok: true, out: { out_ioas_id: { $ne: '$a' } } } },
        { call: 'IOMMU_HWPT_ALLOC', args: { dev_id: '$dev0', pt_id: '$a.out_ioas_id' } },
      ),
    ).toEqual([]);
  });

  it.each([
    [{ memory: { size: -1 } }, 'machine.memory.size'],
    [{ memory: { size: '0xffffffffffffffff' } }, 'at most 4 TiB'],
    [{ memory: { base_va: 1 } }, 'a multiple of 4096'],
    [{ memory: { base_va: '0xfffffffffffff000' } }, 'passes the end of addresses'],
    [{ memory: { base_pa: '0xfffffffff000' } }, '48 address bits'],
    [{ memlock_limit: '12' }, 'machine.memlock_limit'],
    [{ container: 'type2' }, 'one of iommufd, type1v2, type1 was expected'],
    [{ iommu: {} }, 'machine.iommu.format'],
    [{ iommu: { format: 'amd-v1' } }, 'page_sizes'],
    [{ iommu: { format: 'amd-v1', page_sizes: [] } }, 'page_sizes'],
    [{ iommu: { format: 'amd-v1', page_sizes: [4097] } }, 'page_sizes'],
    [{ iommu: { format: 'vtd-ss', page_sizes: [8192] } }, 'page_sizes'],
    [{ iommu: { ...MACHINE.iommu, apertures: [] } }, 'an aperture is missing'],
    [{ iommu: { ...MACHINE.iommu, apertures: [[9, 1]] } }, 'apertures'],
    [
      {
        iommu: {
          ...MACHINE.iommu,
          apertures: [
            [10, 20],
            [15, 30],
          ],
        },
      },
      'ascend',
    ],
    [{ iommu: { ...MACHINE.iommu, reserved: [[1]] } }, 'reserved'],
    [{ iommu: MACHINE.iommu, iommus: [] }, 'exclude each other'],
    [{ iommus: [{ format: 'amd-v1', page_sizes: [4096] }] }, 'name'],
    [{ ...MACHINE, devices: [{ name: 'a' }, { name: 'a' }] }, 'a is there twice'],
    [{ ...MACHINE, devices: [{ name: 'a', iommu: 'iommu9' }] }, 'iommu'],
    [{ devices: [{ name: 'a' }] }, 'iommu'],
    [{ ...MACHINE, devices: [{ name: 'a', kind: 'usb' }] }, 'kind'],
    [{ ...MACHINE, devices: [{ name: 'a', migration: { flags: ['STOP'] } }] }, 'flags'],
    [{ ...MACHINE, devices: Array.from({ length: 2000 }, (_, i) => ({ name: `d${i}` })) }, 'devices'],
    [{ files: [{ fd: 1, gpa: 0, size: 2 ** 40 }] }, 'files'],
    [{ iommu: { ...MACHINE.iommu, reserved: Array.from({ length: 1001 }, (_, i) => [i, i]) } }, 'at most 1000 entries'],
    [{ dma_entry_limit: 2 ** 33 }, 'dma_entry_limit'],
  ])('machine %j: %s', (machine, problem) => {
    expect(machineProblems(machine).join('\n')).toContain(problem);
  });

  it('many problems are cut where they would drown the reader', () => {
    const steps = Array.from({ length: 5000 }, () => ({ call: 'no such call' }));
    expect(stepProblems(...steps).length).toBe(100);
  });

  it('has a bounded number of steps', () => {
    const steps = Array.from({ length: 10_001 }, () => step);
    expect(stepProblems(...steps).join('\n')).toContain('a script may have 10000 steps');
  });
});

describe('a script that turns out wrong while it runs', () => {
  const map = (length: number | string, more: object = {}): StepWords => [
    'IOMMU_IOAS_MAP',
    { ioas_id: '$ioas', flags: 7, user_va: 0x7f0000000000, iova: 0, length, ...more },
  ];
  const before: readonly StepWords[] = [
    ['IOMMU_IOAS_ALLOC', {}, 'ioas'],
    ['IOMMU_HWPT_ALLOC', { dev_id: '$dev0', pt_id: '$ioas', flags: 2 }, 'hwpt'],
    ['device.attach', { device: 'dev0', to: '$hwpt' }],
  ];

  it('a name whose step failed is not bound', () => {
    const steps: StepWords[] = [
      ['IOMMU_IOAS_ALLOC', { flags: 1 }, 'a'],
      ['IOMMU_DESTROY', { id: '$a' }],
    ];
    expect(runProblem(steps)).toMatch(/^f\.json: a script: step 1: steps\[1\]\.args\.id: /);
  });

  it('a failing step binds no name, though it answers something: the earlier one stands', () => {
    const ranges = (num_iovas: number): StepWords => ['IOMMU_IOAS_IOVA_RANGES', { ioas_id: '$ioas', num_iovas }, 'r'];
    const use: StepWords = ['IOMMU_DESTROY', { id: '$r' }];
    const alloc: StepWords = ['IOMMU_IOAS_ALLOC', {}, 'ioas'];
    expect(runProblem([alloc, ranges(0), use])).toContain('steps[2].args.id');
    expect(runProblem([alloc, ranges(1), ranges(0), use])).toBeUndefined();
  });

  it('a field that was not answered is no reference', () => {
    expect(
      runProblem([
        ['IOMMU_IOAS_ALLOC', {}, 'a'],
        ['IOMMU_DESTROY', { id: '$a.iova' }],
      ]),
    ).toContain('steps[1].args.id');
  });

  const repeated = (count: number, step: (i: number) => StepWords): StepWords[] =>
    Array.from({ length: count }, (_, i) => step(i));
  const copy = (i: number): StepWords => [
    'IOMMU_IOAS_COPY',
    { src_ioas_id: '$ioas', dst_ioas_id: '$ioas', flags: 7, src_iova: 0, dst_iova: 2 ** i, length: 2 ** i },
  ];
  const dirty = (length: number | string, more: object = {}): StepWords => [
    'IOMMU_HWPT_GET_DIRTY_BITMAP',
    { hwpt_id: '$hwpt', iova: 0, length, page_size: 4096, ...more },
  ];
  const dma = (length: number | string): StepWords => ['device.dma', { device: 'dev0', op: 'write', iova: 0, length }];
  const unmap: StepWords = ['IOMMU_IOAS_UNMAP', { ioas_id: '$ioas', iova: 0, length: '0xffffffffffffffff' }];

  it.each<[string, StepWords[]]>([
    ['a buffer of 2^53 bytes', [['buffer.alloc', { length: 2 ** 53 - 1 }]]],
    ['many large buffers', repeated(9, () => ['buffer.alloc', { length: 2 ** 25 }])],
    ['DMA without end', [...before, map(2 ** 30), ...repeated(9000, () => dma(2 ** 30))]],
    ['areas that double with every copy', [before[0]!, map(1), ...repeated(52, copy)]],
    ['mapping and unmapping without end', [...before, ...repeated(4900, (i) => (i % 2 === 0 ? map(2 ** 30) : unmap))]],
    ['bitmaps of 2^27 bits', [...before, ...repeated(9000, () => dirty(2 ** 39))]],
    [
      'reads into a large buffer',
      [...before, ['buffer.alloc', { length: 2 ** 28 }, 'b'], ...repeated(9000, () => dirty(2 ** 43, { data: '$b' }))],
    ],
  ])('%s ends soon, with a clear error', (_what, steps) => {
    const machine = { iommu: { format: 'amd-v1', page_sizes: [4096] }, devices: [{ name: 'dev0' }] };
    expect(runProblem(steps, machine)).toMatch(/buffers of one script|too much work/);
  });

  it('lengths of 2^64 and ranges of terabytes are answered like any other', () => {
    const steps: StepWords[] = [
      ...before,
      map('0xffffffffffffffff'),
      map('0xfffffffffffff000'),
      dma('0xffffffffffffffff'),
      ['IOMMU_HWPT_GET_DIRTY_BITMAP', { hwpt_id: '$hwpt', iova: 0, length: 0, page_size: 1 }],
      ['IOMMU_HWPT_GET_DIRTY_BITMAP', { hwpt_id: '$hwpt', iova: 0, length: '0x1000000000000', page_size: 4096 }],
      ['vcpu.write', { gpa: '0xffffffffffffffff', length: '0xffffffffffffffff' }],
      ['IOMMU_IOAS_UNMAP', { ioas_id: '$ioas', iova: 0, length: '0xffffffffffffffff' }],
    ];
    expect(runProblem(steps)).toBeUndefined();
  });
});

describe('any text', () => {
  it('is either scripts or problems, never an exception', () => {
    const words = fc.constantFrom(
      'format',
      'uapi-script/1',
      'name',
      'machine',
      'steps',
      'call',
      'args',
      'iommu',
      'IOMMU_IOAS_MAP',
      '$x',
      'as',
      'out',
      'expect',
      'errno',
      'EINVAL',
      'iova',
      '0x10',
      'devices',
    );
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.oneof(words, fc.integer(), fc.boolean(), fc.constant(null), fc.double()),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(words, tie('value'), { maxKeys: 4 }),
      ),
    })).value;
    fc.assert(
      fc.property(value, (document) => {
        const text = JSON.stringify(document);
        const { problems } = parseScripts([{ name: 'f', text }]);
        for (const problem of problems) expect(describeProblem(problem)).not.toBe('');
      }),
      { numRuns: 500 },
    );
  });

  it('well-formed scripts with any numbers run to an answer, whatever the calls make of them', () => {
    const number = fc.oneof(
      fc.nat(10),
      fc.constantFrom(
        4096,
        8192,
        2 ** 21,
        2 ** 30,
        2 ** 32 - 1,
        '0xffffffffffffffff',
        '0xfffffffffffff000',
        '0x8000000000000000',
      ),
    );
    const small = fc.oneof(fc.nat(8), fc.constantFrom(2 ** 32 - 1));
    const fields = {
      IOMMU_IOAS_MAP: { u32: ['ioas_id', 'flags', '__reserved', 'size'], u64: ['user_va', 'length', 'iova'] },
      IOMMU_IOAS_COPY: { u32: ['src_ioas_id', 'dst_ioas_id', 'flags'], u64: ['src_iova', 'dst_iova', 'length'] },
      IOMMU_IOAS_UNMAP: { u32: ['ioas_id'], u64: ['iova', 'length'] },
      IOMMU_HWPT_ALLOC: { u32: ['dev_id', 'pt_id', 'flags', 'data_type', 'data_len'], u64: [] },
      IOMMU_HWPT_GET_DIRTY_BITMAP: { u32: ['hwpt_id', 'flags'], u64: ['iova', 'length', 'page_size'] },
      IOMMU_HWPT_SET_DIRTY_TRACKING: { u32: ['hwpt_id', 'flags'], u64: [] },
      IOMMU_OPTION: { u32: ['option_id', 'object_id'], u64: ['val64'] },
      IOMMU_DESTROY: { u32: ['id'], u64: [] },
      IOMMU_VFIO_IOAS: { u32: ['ioas_id'], u64: [] },
      VFIO_IOMMU_MAP_DMA: { u32: ['flags', 'argsz'], u64: ['vaddr', 'iova', 'size'] },
      VFIO_IOMMU_UNMAP_DMA: { u32: ['flags', 'argsz'], u64: ['iova', 'size'] },
    } as const;
    const call = fc.constantFrom(...(Object.keys(fields) as (keyof typeof fields)[]));
    const step = call.chain((name) =>
      fc
        .record(
          Object.fromEntries([
            ...fields[name].u32.map((field) => [field, small] as const),
            ...fields[name].u64.map((field) => [field, number] as const),
          ]),
          { requiredKeys: [] },
        )
        .map((args): StepWords => [name, args]),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30, size: 'max' }), (steps) => {
        const problem = runProblem([
          ['IOMMU_IOAS_ALLOC', {}],
          ['IOMMU_HWPT_ALLOC', { dev_id: 1, pt_id: 2, flags: 2 }],
          ...steps,
        ]);
        if (problem !== undefined) expect(problem).toContain('too much work');
      }),
      { numRuns: 200 },
    );
  });
});
