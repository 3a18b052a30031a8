// Checking the machine of a script.
import { U64_MAX } from '../iommufd/address.ts';
import type { FormatName } from '../iommu/formats/format.ts';
import { formatNamed } from '../iommu/formats/table.ts';
import { POWER_OF_TWO } from '../iommu/leafchoice.ts';
import { MIGRATION_P2P, MIGRATION_PRE_COPY, MIGRATION_STOP_COPY } from '../vfio/migration-states.ts';
import { isArray, isObject } from './json-text.ts';
import type { JsonObject, JsonValue } from './json-text.ts';
import { fitsBits, readU64 } from './numbers.ts';
import type { Problems } from './problems.ts';
import type { ByteRange, ContainerKind, DeviceSpec, FileSpec, IommuSpec, MachineSpec } from './script.ts';
import { suggestion } from './suggest.ts';

const FORMATS: readonly FormatName[] = ['amd-v1', 'vtd-ss', 'arm-lpae-s1', 'arm-lpae-s2', 'mock'];
const CONTAINERS: readonly ContainerKind[] = ['iommufd', 'type1v2', 'type1'];
const MIGRATION_FLAGS = { STOP_COPY: MIGRATION_STOP_COPY, P2P: MIGRATION_P2P, PRE_COPY: MIGRATION_PRE_COPY } as const;
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

const MEMORY_SIZE_MAX = 1n << 42n;
const PHYSICAL_MAX = 1n << 48n;
/** Of each list: devices, files, ranges. */
const ENTRIES_MAX = 1000;
const PAGE_MASK = 0xfffn;

/** Aperture of a domain where the script gives none. */
const DEFAULT_APERTURE: Readonly<Partial<Record<FormatName, ByteRange>>> = {
  'amd-v1': { first: 0n, last: U64_MAX },
  mock: { first: 0x1000000n, last: 0x7fffffffn },
};
const APERTURE_48_BITS: ByteRange = { first: 0n, last: (1n << 48n) - 1n };

export function parseMachine(value: JsonValue | undefined, problems: Problems): MachineSpec {
  const reader = new MachineReader(problems);
  return reader.machine(value);
}

class MachineReader {
  private readonly problems: Problems;

  constructor(problems: Problems) {
    this.problems = problems;
  }

  machine(value: JsonValue | undefined): MachineSpec {
    const path = 'machine';
    const keys = ['memory', 'memlock_limit', 'files', 'iommu', 'iommus', 'devices', 'container', 'dma_entry_limit'];
    const object = this.object(value ?? new Map<string, JsonValue>(), path, keys);
    const memory = this.object(object.get('memory') ?? new Map<string, JsonValue>(), `${path}.memory`, [
      'size',
      'base_va',
      'base_pa',
    ]);
    const memorySize = this.u64(memory, 'size', `${path}.memory`, 1n << 30n);
    const baseVa = this.u64(memory, 'base_va', `${path}.memory`, 0x7f0000000000n);
    const basePa = this.u64(memory, 'base_pa', `${path}.memory`, 0x100000000n);
    if (memorySize > MEMORY_SIZE_MAX) this.problems.add(`${path}.memory.size`, 'memory is at most 4 TiB');
    for (const [key, base] of [
      ['base_va', baseVa],
      ['base_pa', basePa],
    ] as const) {
      if ((base & PAGE_MASK) !== 0n) this.problems.add(`${path}.memory.${key}`, 'a multiple of 4096 was expected');
    }
    if (baseVa + memorySize > U64_MAX)
      this.problems.add(`${path}.memory.base_va`, 'memory passes the end of addresses');
    if (basePa + memorySize > PHYSICAL_MAX)
      this.problems.add(`${path}.memory.base_pa`, 'memory passes 48 address bits');
    const memlock = object.get('memlock_limit');
    const iommus = this.iommus(object);
    return {
      memorySize,
      baseVa,
      basePa,
      memlockLimit: memlock === null || memlock === undefined ? undefined : this.u64(object, 'memlock_limit', path, 0n),
      files: this.files(object, memorySize),
      iommus,
      devices: this.devices(object, iommus),
      container: this.word(object, 'container', path, CONTAINERS, 'iommufd'),
      dmaEntryLimit: Number(this.u64(object, 'dma_entry_limit', path, 65535n, 32)),
    };
  }

  private iommus(machine: JsonObject): IommuSpec[] {
    const single = machine.get('iommu');
    const several = machine.get('iommus');
    if (single !== undefined && several !== undefined)
      this.problems.add('machine', 'iommu and iommus exclude each other');
    if (single !== undefined) return [this.iommu(single, 'machine.iommu', 'iommu0')];
    if (several === undefined) return [];
    const list = this.array(several, 'machine.iommus').map((item, i) => this.iommu(item, `machine.iommus[${i}]`));
    this.uniqueNames(
      list.map((iommu) => iommu.name),
      'machine.iommus',
    );
    return list;
  }

  private iommu(value: JsonValue, path: string, defaultName?: string): IommuSpec {
    const keys = ['name', 'format', 'page_sizes', 'dirty_tracking', 'nesting', 'apertures', 'reserved'];
    const object = this.object(value, path, keys);
    const format = this.word(object, 'format', path, FORMATS, 'amd-v1', true);
    const apertures = object.has('apertures') ? this.ranges(object, 'apertures', path) : [];
    for (let i = 1; i < apertures.length; i++) {
      if (apertures[i]!.first <= apertures[i - 1]!.last) {
        this.problems.add(`${path}.apertures[${i}]`, 'apertures ascend and do not overlap');
      }
    }
    if (object.has('apertures') && apertures.length === 0)
      this.problems.add(`${path}.apertures`, 'an aperture is missing');
    return {
      name: this.name(object, path, defaultName),
      format,
      pageSizes: this.pageSizes(object, format, path),
      dirtyTracking: this.boolean(object, 'dirty_tracking', path, true),
      nesting: this.boolean(object, 'nesting', path, true),
      apertures: apertures.length > 0 ? apertures : [DEFAULT_APERTURE[format] ?? APERTURE_48_BITS],
      reserved: this.ranges(object, 'reserved', path),
    };
  }

  private pageSizes(iommu: JsonObject, format: FormatName, path: string): number[] {
    const allowed = formatNamed(format).leafShifts.map((shift) => POWER_OF_TWO[shift]!);
    const sizes: number[] = [];
    const value = iommu.get('page_sizes');
    const list = value === undefined ? [] : this.array(value, `${path}.page_sizes`);
    if (list.length === 0) this.problems.add(`${path}.page_sizes`, 'at least one leaf size was expected');
    list.forEach((item, i) => {
      const size = Number(readU64(item) ?? 0n);
      const itemPath = `${path}.page_sizes[${i}]`;
      if (!allowed.includes(size)) this.problems.add(itemPath, `${format} has no leaves of this size`);
      else if (sizes.includes(size)) this.problems.add(itemPath, 'the size is there twice');
      else sizes.push(size);
    });
    return sizes.length > 0 ? sizes : [4096];
  }

  private devices(machine: JsonObject, iommus: readonly IommuSpec[]): DeviceSpec[] {
    const value = machine.get('devices');
    const list = value === undefined ? [] : this.array(value, 'machine.devices');
    const devices = list.map((item, i) => this.device(item, `machine.devices[${i}]`, iommus));
    this.uniqueNames(
      devices.map((device) => device.name),
      'machine.devices',
    );
    return devices;
  }

  private device(value: JsonValue, path: string, iommus: readonly IommuSpec[]): DeviceSpec {
    const keys = ['name', 'kind', 'iommu', 'reserved', 'dirty_tracking', 'migration', 'dma_logging'];
    const object = this.object(value, path, keys);
    const kind = this.word(object, 'kind', path, ['pci', 'mdev'] as const, 'pci');
    const wanted = object.get('iommu');
    const fallback = iommus.length === 1 ? iommus[0]!.name : 'iommu0';
    const iommu = wanted ?? fallback;
    if (kind === 'pci' && !iommus.some((other) => other.name === iommu)) {
      const known = iommus.map((other) => other.name);
      const hint = typeof iommu === 'string' ? suggestion(iommu, known) : '';
      this.problems.add(`${path}.iommu`, `the machine has no such IOMMU${hint}`);
    }
    const migration = object.get('migration');
    const migrationPath = `${path}.migration`;
    const migrationObject =
      migration === undefined ? undefined : this.object(migration, migrationPath, ['flags', 'stop_copy_length']);
    return {
      name: this.name(object, path),
      kind,
      iommu: kind === 'pci' && typeof iommu === 'string' ? iommu : undefined,
      reserved: this.ranges(object, 'reserved', path),
      dirtyTracking: object.has('dirty_tracking') ? this.boolean(object, 'dirty_tracking', path, true) : undefined,
      migrationFlags: migrationObject === undefined ? undefined : this.migrationFlags(migrationObject, migrationPath),
      stopCopyLength:
        migrationObject === undefined ? 0n : this.u64(migrationObject, 'stop_copy_length', migrationPath, 0n),
      dmaLogging: this.boolean(object, 'dma_logging', path, false),
    };
  }

  private migrationFlags(migration: JsonObject, path: string): number {
    let flags = 0;
    const value = migration.get('flags');
    const list = value === undefined ? [] : this.array(value, `${path}.flags`);
    list.forEach((flag, i) => {
      if (typeof flag === 'string' && Object.hasOwn(MIGRATION_FLAGS, flag)) {
        flags |= MIGRATION_FLAGS[flag as keyof typeof MIGRATION_FLAGS];
      } else {
        this.problems.add(`${path}.flags[${i}]`, 'STOP_COPY, P2P or PRE_COPY was expected');
      }
    });
    return flags;
  }

  private files(machine: JsonObject, memorySize: bigint): FileSpec[] {
    const value = machine.get('files');
    const list = value === undefined ? [] : this.array(value, 'machine.files');
    const seen = new Set<number>();
    return list.map((item, i) => {
      const path = `machine.files[${i}]`;
      const object = this.object(item, path, ['fd', 'gpa', 'size']);
      for (const key of ['fd', 'gpa', 'size']) if (!object.has(key)) this.problems.add(path, `${key} is missing`);
      const file = {
        fd: Number(this.u64(object, 'fd', path, 0n, 31)),
        gpa: this.u64(object, 'gpa', path, 0n),
        size: this.u64(object, 'size', path, 0n),
      };
      if (seen.has(file.fd)) this.problems.add(`${path}.fd`, 'the fd is open already');
      seen.add(file.fd);
      if ((file.gpa & PAGE_MASK) !== 0n) this.problems.add(`${path}.gpa`, 'a multiple of 4096 was expected');
      if (file.gpa + file.size > memorySize) this.problems.add(path, 'the file reaches beyond guest memory');
      return file;
    });
  }

  private ranges(object: JsonObject, key: string, path: string): ByteRange[] {
    const value = object.get(key);
    if (value === undefined) return [];
    const ranges: ByteRange[] = [];
    this.array(value, `${path}.${key}`).forEach((item, i) => {
      const first = isArray(item) && item.length === 2 ? readU64(item[0]) : undefined;
      const last = isArray(item) && item.length === 2 ? readU64(item[1]) : undefined;
      if (first === undefined || last === undefined || first > last) {
        this.problems.add(`${path}.${key}[${i}]`, '[first, last] was expected, first not above last');
      } else {
        ranges.push({ first, last });
      }
    });
    return ranges;
  }

  private object(value: JsonValue, path: string, keys: readonly string[]): JsonObject {
    if (!isObject(value)) {
      this.problems.add(path, 'an object was expected');
      return new Map();
    }
    for (const key of value.keys()) {
      if (!keys.includes(key)) this.problems.add(`${path}.${key}`, `unknown key${suggestion(key, keys)}`);
    }
    return value;
  }

  private array(value: JsonValue, path: string): readonly JsonValue[] {
    if (!isArray(value)) {
      this.problems.add(path, 'an array was expected');
      return [];
    }
    if (value.length > ENTRIES_MAX) this.problems.add(path, `at most ${ENTRIES_MAX} entries were expected`);
    return value.slice(0, ENTRIES_MAX);
  }

  private u64(object: JsonObject, key: string, path: string, missing: bigint, bits = 64): bigint {
    const value = object.get(key);
    if (value === undefined) return missing;
    const number = readU64(value);
    if (number !== undefined && fitsBits(number, bits)) return number;
    const size = bits === 64 ? '' : ` of ${bits} bits`;
    this.problems.add(`${path}.${key}`, `a number${size} was expected: an integer from 0, or "0x…" in lower case`);
    return missing;
  }

  private boolean(object: JsonObject, key: string, path: string, missing: boolean): boolean {
    const value = object.get(key);
    if (value === undefined || typeof value === 'boolean') return value ?? missing;
    this.problems.add(`${path}.${key}`, 'true or false was expected');
    return missing;
  }

  private word<T extends string>(
    object: JsonObject,
    key: string,
    path: string,
    words: readonly T[],
    missing: T,
    required = false,
  ): T {
    const value = object.get(key);
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    if (value !== undefined || required) {
      const hint = typeof value === 'string' ? suggestion(value, words) : '';
      this.problems.add(`${path}.${key}`, `one of ${words.join(', ')} was expected${hint}`);
    }
    return missing;
  }

  private name(object: JsonObject, path: string, missing?: string): string {
    const value = object.get('name') ?? missing;
    if (typeof value === 'string' && NAME.test(value)) return value;
    this.problems.add(`${path}.name`, 'a name was expected: a letter, then letters, digits, _ and -');
    return '';
  }

  private uniqueNames(list: readonly string[], path: string): void {
    list.forEach((name, i) => {
      if (name !== '' && list.indexOf(name) < i) this.problems.add(`${path}[${i}].name`, `${name} is there twice`);
    });
  }
}
