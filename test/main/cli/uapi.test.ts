import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { aFolder } from '../aFolder.ts';
import { brownout } from './brownout.ts';

const ALLOC = { call: 'IOMMU_IOAS_ALLOC', as: 'ioas' };
const REFUSED = { call: 'IOMMU_IOAS_UNMAP', args: { ioas_id: '$ioas', iova: 4096, length: 4096 } };

function aFile(document: unknown, name = 'script.json'): string {
  const file = join(aFolder(), name);
  writeFileSync(file, typeof document === 'string' ? document : JSON.stringify(document));
  return file;
}

const aScript = (name: string, steps: readonly object[]): object => ({
  format: 'uapi-script/1',
  name,
  source: 'a test',
  machine: {},
  steps,
});

describe('brownout uapi', () => {
  it('prints one JSON object per step, with what it answered', async () => {
    const { code, stdout, stderr } = await brownout(['uapi', aFile(aScript('a/b', [ALLOC, REFUSED]))]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      '{"script":"a/b","step":0,"call":"IOMMU_IOAS_ALLOC","ok":true,"out":{"out_ioas_id":1}}\n' +
        '{"script":"a/b","step":1,"call":"IOMMU_IOAS_UNMAP","errno":"ENOENT"}\n',
    );
  });

  it('--json makes one document of all files', async () => {
    const files = [aFile([aScript('a', [ALLOC]), aScript('b', [])]), aFile(aScript('c', [ALLOC, REFUSED]))];
    const { code, stdout } = await brownout(['uapi', ...files, '--json']);
    expect(code).toBe(0);
    const document = JSON.parse(stdout) as { format: string; results: { script: string; step: number }[] };
    expect(document.format).toBe('uapi-result/1');
    expect(document.results.map(({ script, step }) => [script, step])).toEqual([
      ['a', 0],
      ['c', 0],
      ['c', 1],
    ]);
  });

  it('tells a step that answers otherwise than expected, runs on, and exits 1', async () => {
    const steps = [{ ...ALLOC, expect: { errno: 'EINVAL' } }, { ...REFUSED, expect: { ok: true } }, ALLOC];
    const { code, stdout, stderr } = await brownout(['uapi', aFile(aScript('a', steps))]);
    expect(code).toBe(1);
    expect(stderr.split('\n')).toEqual([
      'a 0 IOMMU_IOAS_ALLOC: expected EINVAL, got ok',
      'a 1 IOMMU_IOAS_UNMAP: expected ok, got ENOENT',
      '',
    ]);
    expect(stdout.trim().split('\n').length).toBe(3);
  });

  it('runs nothing if any file is wrong, and tells all that is', async () => {
    const good = aFile(aScript('good', [ALLOC]), 'good.json');
    const bad = aFile(aScript('bad', [{ ...ALLOC, arg: 1 }, { call: 'IOMMU_IOAS_ALOC' }]), 'bad.json');
    const { code, stdout, stderr } = await brownout(['uapi', good, bad]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/bad\.json: bad: step 0: .*arg/);
    expect(stderr).toMatch(/bad\.json: bad: step 1: .*did you mean IOMMU_IOAS_ALLOC/);
  });

  it('a script that turns out wrong while it runs ends; the others run; exit 2', async () => {
    const steps = [
      { ...REFUSED, args: { ...REFUSED.args, ioas_id: 9 }, as: 'no' },
      { ...REFUSED, args: { ioas_id: '$no', iova: 0, length: 0 } },
    ];
    const { code, stdout, stderr } = await brownout(['uapi', aFile([aScript('a', steps), aScript('b', [ALLOC])])]);
    expect(code).toBe(2);
    expect(stdout.trim().split('\n').length).toBe(2);
    expect(stderr).toContain('a: step 1: steps[1].args.ioas_id');
  });

  it('reads standard input as -', async () => {
    const input = JSON.stringify(aScript('in', [ALLOC]));
    expect((await brownout(['uapi', '-'], { input })).stdout).toContain('"script":"in"');
  });

  it.each([
    ['{', 'line 1'],
    ['\u0000', 'line 1'],
    ['['.repeat(100_000), 'line 1'],
  ])('text that is no script (%#) is told, with its line', async (text, told) => {
    const { code, stderr } = await brownout(['uapi', aFile(text)]);
    expect(code).toBe(2);
    expect(stderr).toContain(told);
    expect(stderr).not.toContain(' at ');
  });

  it.each([
    [['uapi'], 'something is missing'],
    [['uapi', '/nowhere.json'], 'there is no such file'],
    [['uapi', '/'], 'is a folder, expected a script file'],
    [['uapi', '/dev/zero'], 'is too large'],
    [['uapi', '--rules', 'mergd', '-'], 'did you mean merged?'],
  ])('%j is wrong input: %s', async (args, told) => {
    const { code, stdout, stderr } = await brownout(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(told);
  });

  it('writes nothing a terminal obeys, whatever a script is called', async () => {
    const { stdout, stderr } = await brownout([
      'uapi',
      aFile(aScript('\u001b[2J\u202e\u009b', [{ ...ALLOC, expect: { errno: 'EINVAL' } }])),
    ]);
    // eslint-disable-next-line no-control-regex
    expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/u);
    expect((JSON.parse(stdout) as { script: string }).script).toBe('\u001b[2J\u202e\u009b');
  });

  it('--rules chooses how the type1 container answers', async () => {
    const unmap = {
      call: 'VFIO_IOMMU_UNMAP_DMA',
      args: { iova: 0, size: 8192, flags: ['VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP'], bitmap: { pgsize: 4096, size: 8 } },
    };
    const map = (iova: number): object => ({
      call: 'VFIO_IOMMU_MAP_DMA',
      args: { flags: ['VFIO_DMA_MAP_FLAG_READ', 'VFIO_DMA_MAP_FLAG_WRITE'], vaddr: '0x7f0000000000', iova, size: 4096 },
    });
    const script = {
      ...aScript('a', [
        { call: 'device.attach', args: { device: 'dev0', to: 'container' } },
        map(0),
        map(4096),
        { call: 'VFIO_IOMMU_DIRTY_PAGES', args: { flags: ['VFIO_IOMMU_DIRTY_PAGES_FLAG_START'] } },
        unmap,
      ]),
      machine: { container: 'type1v2', iommu: { format: 'amd-v1', page_sizes: [4096] }, devices: [{ name: 'dev0' }] },
    };
    const file = aFile(script);
    const last = async (...more: string[]): Promise<unknown> => {
      const { stdout } = await brownout(['uapi', file, ...more]);
      return JSON.parse(stdout.trim().split('\n').at(-1)!);
    };
    expect(await last()).toMatchObject({ ok: true });
    expect(await last('--rules', 'one-mapping')).toMatchObject({ errno: 'EINVAL' });
  });
});
