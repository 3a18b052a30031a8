// `npm ci` refuses a lock file that lacks a package which one of its packages asks for, also an optional one of another platform;
// `npm install` writes such a file without a word where the registry does not have that version. Every fresh clone breaks then.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../../../main/setup/built.ts';

interface Entry {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

it('the lock file holds every package that its packages ask for', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, Entry>>;
  };
  const absent: string[] = [];
  for (const [place, entry] of Object.entries(packages)) {
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
      // As Node looks it up: beside the package, then further and further outside.
      const outside = place
        .split('/node_modules/')
        .map((_, i, parts) => parts.slice(0, parts.length - i).join('/node_modules/'));
      const places = [...outside.filter((one) => one !== ''), ''].map(
        (one) => `${one === '' ? '' : `${one}/`}node_modules/${name}`,
      );
      if (!places.some((one) => one in packages)) absent.push(`${name}, which ${place || 'package.json'} asks for`);
    }
  }
  expect(absent).toEqual([]);
});
