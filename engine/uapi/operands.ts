// The arguments of a step while it runs: references replaced by what earlier steps answered.
import { fitsBits, readU64 } from './numbers.ts';
import type { JsonValue } from './json-text.ts';
import { ScriptError } from './problems.ts';
import { isReference } from './script.ts';
import type { Arguments, Operand, Reference } from './script.ts';

/** What a name stands for: all outputs of its step, and which of them is the primary one. */
export interface Binding {
  readonly out: ReadonlyMap<string, JsonValue>;
  readonly primary: string | undefined;
}

export class Bindings {
  private readonly names = new Map<string, Binding>();

  bind(name: string, binding: Binding): void {
    this.names.set(name, binding);
  }

  /** The value of a reference; a name whose step has failed is bound to nothing. */
  value(reference: Reference, path: string): JsonValue {
    const binding = this.names.get(reference.name);
    if (binding === undefined)
      throw new ScriptError(path, `nothing is bound to $${reference.name}: its step has failed`);
    const field = reference.field ?? binding.primary;
    const value = field === undefined ? undefined : binding.out.get(field);
    if (value === undefined) throw new ScriptError(path, `$${reference.name} has no output ${field ?? 'of its own'}`);
    return value;
  }
}

export class Operands {
  private readonly args: Arguments;
  private readonly bindings: Bindings;

  constructor(args: Arguments, bindings: Bindings) {
    this.args = args;
    this.bindings = bindings;
  }

  has(name: string): boolean {
    return this.args.has(name);
  }

  u64(name: string, missing = 0n): bigint {
    const argument = this.args.get(name);
    if (argument?.kind !== 'number') return missing;
    return this.resolve(argument.value, `args.${name}`, argument.signed ? 64 : argument.bits);
  }

  u32(name: string, missing = 0): number {
    return Number(this.u64(name, BigInt(missing)));
  }

  text(name: string): string {
    const argument = this.args.get(name);
    return argument?.kind === 'text' ? argument.value : '';
  }

  flag(name: string, missing: boolean): boolean {
    const argument = this.args.get(name);
    return argument?.kind === 'flag' ? argument.value : missing;
  }

  /** An object of numbers, or undefined if it is absent. */
  fields(name: string): ReadonlyMap<string, bigint> | undefined {
    const argument = this.args.get(name);
    return argument?.kind === 'fields' ? this.resolveAll(argument.value, `args.${name}`) : undefined;
  }

  objects(name: string): ReadonlyMap<string, bigint>[] | undefined {
    const argument = this.args.get(name);
    if (argument?.kind !== 'objects') return undefined;
    return argument.value.map((object, i) => this.resolveAll(object, `args.${name}[${i}]`));
  }

  private resolveAll(object: ReadonlyMap<string, Operand>, path: string): ReadonlyMap<string, bigint> {
    const values = new Map<string, bigint>();
    for (const [key, operand] of object) values.set(key, this.resolve(operand, `${path}.${key}`, 64));
    return values;
  }

  private resolve(operand: Operand, path: string, bits: number): bigint {
    if (!isReference(operand)) return operand;
    const value = readU64(this.bindings.value(operand, path));
    if (value === undefined) throw new ScriptError(path, `$${operand.name} is not a number`);
    if (!fitsBits(value, bits)) throw new ScriptError(path, `$${operand.name} does not fit ${bits} bits`);
    return value;
  }
}
