// Exports and imports through a browser host, as its window does them.
import { parse } from 'csv-parse/sync';
import { unzipSync } from 'fflate';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { bundle } from '../../../main/bundle/write.ts';
import { EXPORT_PATH, IMPORT_PIECE_BYTES } from '../../../main/contract/exports.ts';
import type { Client } from '../../../main/contract/client.ts';
import { attachment } from '../../../main/serve/downloads.ts';
import { IN_MEMORY } from '../../../main/store/database.ts';
import { Store } from '../../../main/store/store.ts';
import { aChunk, aRun, aSummary } from '../store/aRun.ts';
import { aHost, aWindow, get, type TestHost } from './aHost.ts';

function keepRuns(file: string, ...names: string[]): void {
  const store = new Store(file);
  for (const name of names) {
    const writer = store.begin(aRun(name));
    writer.samples(aChunk(0, 1000));
    writer.finish(aSummary(), [], 'abc');
  }
  store.close();
}

async function bytesOf({ server }: TestHost, ticket: string): Promise<{ response: Response; bytes: Uint8Array }> {
  const response = await fetch(`http://127.0.0.1:${server.port}${EXPORT_PATH}${ticket}`);
  return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
}

async function send(client: Client, fileName: string, bytes: Uint8Array): Promise<number> {
  const { id } = await client.call('imports.begin', { fileName, bytes: bytes.length });
  for (let at = 0; at < bytes.length; at += IMPORT_PIECE_BYTES) {
    const base64 = Buffer.from(bytes.subarray(at, at + IMPORT_PIECE_BYTES)).toString('base64');
    await client.call('imports.add', { id, at, base64 });
  }
  return id;
}

describe('an export through the browser host', () => {
  it('is fetched once with its ticket, as a file to keep', async () => {
    const host = await aHost();
    keepRuns(host.storeFile, 'One “quoted” run');
    const { ticket, fileName } = await aWindow(host).call('exports.open', { ids: [1], format: 'csv' });
    expect(fileName).toBe('run-1-one-quoted-run.csv');
    const { response, bytes } = await bytesOf(host, ticket);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(response.headers.get('content-disposition')).toContain('attachment; filename="run-1-one-quoted-run.csv"');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(parse(Buffer.from(bytes), { record_delimiter: '\r\n' })).toHaveLength(1001);
    expect((await bytesOf(host, ticket)).response.status).toBe(404);
  });

  it('of several runs is one ZIP file where the format makes a file of each', async () => {
    const host = await aHost();
    keepRuns(host.storeFile, 'One', 'Two');
    const { ticket, fileName } = await aWindow(host).call('exports.open', { ids: [1, 2], format: 'parquet' });
    expect(fileName).toBe('runs-1-2.parquet.zip');
    const { bytes } = await bytesOf(host, ticket);
    expect(Object.keys(unzipSync(bytes))).toEqual(['run-1-one.parquet', 'run-2-two.parquet']);
  });

  it('is given to nobody without a ticket, under another name, or by another method', async () => {
    const host = await aHost();
    keepRuns(host.storeFile, 'One');
    const { ticket } = await aWindow(host).call('exports.open', { ids: [1], format: 'csv' });
    expect((await get(host, `${EXPORT_PATH}${'A'.repeat(43)}`)).status).toBe(404);
    expect((await get(host, `${EXPORT_PATH}../runs.db`)).status).toBe(404);
    expect((await get(host, EXPORT_PATH + ticket, { host: 'evil.example' })).status).toBe(421);
    expect((await get(host, EXPORT_PATH + ticket, { method: 'POST' })).status).toBe(405);
    expect((await get(host, EXPORT_PATH + ticket)).status).toBe(200);
  });

  it('of a run that is not there, or of a table that its format lacks, gets no ticket', async () => {
    const host = await aHost();
    keepRuns(host.storeFile, 'One');
    const client = aWindow(host);
    await expect(client.call('exports.open', { ids: [9], format: 'csv' })).rejects.toMatchObject({ kind: 'absent' });
    const wrong = client.call('exports.open', { ids: [1], format: 'json', table: 'events' });
    await expect(wrong).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('names files of any script in a head that stays one line of ASCII', () => {
    const head = attachment('run-1-迁移"\r\nx.csv');
    expect(head).toMatch(/^[\x20-\x7e]+$/u);
    expect(decodeURIComponent(head.split("UTF-8''")[1] ?? '')).toBe('run-1-迁移"\r\nx.csv');
  });
});

describe('an import through the browser host', () => {
  const aBundle = (): Uint8Array => {
    const store = new Store(IN_MEMORY);
    const writer = store.begin(aRun('Made elsewhere'));
    writer.samples(aChunk(0, 60_000));
    writer.finish(aSummary(), [], 'abc');
    const bytes = Buffer.concat([...bundle(store, writer.id)]);
    store.close();
    return bytes;
  };
  const left = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('brownout-import-'));

  it('keeps the runs of a file that comes in pieces, once, and nothing beside them', async () => {
    const host = await aHost();
    const client = aWindow(host);
    const before = left();
    const bytes = aBundle();
    const id = await send(client, 'x.brownout', bytes);
    const { runs } = await client.call('imports.finish', { id });
    expect(runs).toEqual([{ id: 1, name: 'Made elsewhere', source: 'bundle', already: 'no' }]);
    const again = await client.call('imports.finish', { id: await send(client, 'x.brownout', bytes) });
    expect(again.runs).toMatchObject([{ id: 1, already: 'here' }]);
    expect(left()).toEqual(before);
  });

  it('says what is wrong with a file, by its name, and keeps nothing', async () => {
    const host = await aHost();
    const client = aWindow(host);
    const id = await send(client, 'half.brownout', aBundle().subarray(0, 5000));
    await expect(client.call('imports.finish', { id })).rejects.toMatchObject({
      kind: 'conflict',
      message: 'half.brownout: a ZIP file that is cut off: it has no directory',
    });
    expect((await client.call('runs.count', { filter: '' })).all).toBe(0);
  });

  it('refuses pieces that do not fit together, and more than was announced', async () => {
    const host = await aHost();
    const client = aWindow(host);
    const begin = async (): Promise<number> => (await client.call('imports.begin', { fileName: 'x', bytes: 3 })).id;
    const gap = client.call('imports.add', { id: await begin(), at: 2, base64: 'AAAA' });
    await expect(gap).rejects.toMatchObject({ kind: 'conflict' });
    const more = client.call('imports.add', { id: await begin(), at: 0, base64: 'AAAAAAAA' });
    await expect(more).rejects.toMatchObject({ kind: 'conflict' });
    const less = client.call('imports.finish', { id: await begin() });
    await expect(less).rejects.toMatchObject({ message: 'x: only 0 of its 3 bytes arrived' });
  });
});
