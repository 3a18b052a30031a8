// A lab: a host with a store of its own, and windows that are watched. Tests get theirs from lab.ts; pictures and benches make one.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { WebSocket } from 'ws';
import { socketTransport, subprotocolsFor } from '../../main/contract/browserTransports.ts';
import { Client } from '../../main/contract/client.ts';
import { startHost, type Host } from '../../main/serve/host.ts';
import { ROOT } from '../../main/setup/built.ts';
import { Store } from '../../main/store/store.ts';

export interface WindowOptions {
  readonly theme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
  readonly reducedMotion?: boolean;
}

/** Of one wait: far above what any needs, for machines that do much else. */
const WAIT_MS = 60_000;

export class Lab {
  readonly storeFile: string;
  readonly #folder: string;
  readonly #browser: Browser;
  readonly #contexts: BrowserContext[] = [];
  readonly #pages: Page[] = [];
  readonly #complaints: string[] = [];
  readonly #allowed: RegExp[] = [];
  #host: Host | undefined;
  #client: Client | undefined;

  constructor(browser: Browser) {
    this.#browser = browser;
    this.#folder = mkdtempSync(join(tmpdir(), 'brownout-e2e-'));
    this.storeFile = join(this.#folder, 'runs.brownout.db');
    if (process.env['BROWNOUT_E2E_KEEP'] !== undefined) console.log(`store: ${this.storeFile}`);
  }

  /** Writes to the store before the host starts. */
  fill(write: (store: Store) => void): void {
    if (this.#host !== undefined) throw new Error('the host has started: fill the store before');
    const store = new Store(this.storeFile);
    try {
      write(store);
    } finally {
      store.close();
    }
  }

  async host(): Promise<Host> {
    this.#host ??= await startHost({
      storeFile: this.storeFile,
      port: 0,
      qemuAllowed: false,
      say: (line) => {
        if (!line.startsWith('Building')) this.#complaints.push(`the host says: ${line}`);
      },
    });
    return this.#host;
  }

  /** Ends the host and starts it again: the windows that were open lose their connection for good (a new address). */
  async restart(): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
    await this.#host?.close();
    this.#host = undefined;
    await this.host();
  }

  /** A client of the same host as the windows'. */
  async client(): Promise<Client> {
    const { port, address } = await this.host();
    this.#client ??= new Client(
      socketTransport(
        new WebSocket(`ws://127.0.0.1:${port}/`, subprotocolsFor(tokenOf(address)), {
          origin: `http://127.0.0.1:${port}`,
        }),
      ),
    );
    return this.#client;
  }

  /** Any address, in a window that is watched. */
  async openAddress(address: string, options: WindowOptions = {}): Promise<Page> {
    const { theme = 'light', width = 1440, height = 900, reducedMotion = false } = options;
    const context = await this.#browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
      acceptDownloads: true,
    });
    context.setDefaultTimeout(WAIT_MS);
    this.#contexts.push(context);
    const page = await context.newPage();
    this.#pages.push(page);
    await this.#watch(page);
    await page.goto(address);
    return page;
  }

  /** Opens the app in a window of its own; `path` as the router writes it (`/run/3`), '' for where the app opens by itself. */
  async open(path = '', options: WindowOptions = {}): Promise<Page> {
    const { address } = await this.host();
    const place = path === '' ? '' : `&open=${encodeURIComponent(path.replace(/^\//u, ''))}`;
    return this.openAddress(`${address}${place}`, options);
  }

  /** Complaints that match are expected by this test. */
  allow(pattern: RegExp): void {
    this.#allowed.push(pattern);
  }

  /** Runs the example whose file begins so (`01`) and resolves with its run's id when it has ended. */
  async runExample(start: string, seed?: number): Promise<number> {
    const name = readdirSync(join(ROOT, 'examples')).find((entry) => entry.startsWith(start));
    if (name === undefined) throw new Error(`no example ${start}`);
    return this.runText(readFileSync(join(ROOT, 'examples', name), 'utf8'), name, seed);
  }

  async runText(text: string, fileName = 'test.yaml', seed?: number): Promise<number> {
    const client = await this.client();
    const { id } = await client.call('jobs.start', {
      from: { text, fileName },
      ...(seed === undefined ? {} : { seed }),
    });
    return new Promise((resolve, reject) => {
      const subscription = client.subscribe(
        'jobs',
        {},
        {
          item({ jobs }) {
            const job = jobs.find((one) => one.id === id);
            if (job === undefined || job.endedMs === null) return;
            subscription.close();
            if (job.runId === null) reject(new Error(job.error?.message ?? `the job is ${job.state}`));
            else resolve(job.runId);
          },
          end(error) {
            reject(new Error(error?.message ?? 'the host has ended'));
          },
        },
      );
    });
  }

  /** Throws what the windows complained of so far. */
  check(): void {
    const real = this.#complaints.filter((text) => !this.#allowed.some((pattern) => pattern.test(text)));
    if (real.length > 0) throw new Error(`the window complains:\n${real.join('\n')}`);
  }

  withComplaints(error: unknown): unknown {
    if (this.#complaints.length > 0 && error instanceof Error && !error.message.startsWith('the window complains')) {
      error.message += `\nThe window said:\n${this.#complaints.join('\n')}`;
    }
    return error;
  }

  /** Of each window, for whoever looks into a failure. */
  async photograph(name: string): Promise<void> {
    if (process.env['BROWNOUT_E2E_KEEP'] === undefined) return;
    const folder = join(ROOT, 'screenshots', 'failed');
    mkdirSync(folder, { recursive: true });
    for (const [i, page] of this.#pages.entries()) {
      const path = join(folder, `${name.replace(/\W+/gu, '-')}-${i + 1}.png`);
      await page.screenshot({ path }).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    for (const context of this.#contexts) await context.close();
    this.#client?.close();
    await this.#host?.close();
    this.removeStore();
  }

  /** For who has no time to close: a process that is being left. */
  removeStore(): void {
    if (process.env['BROWNOUT_E2E_KEEP'] === undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  async #watch(page: Page): Promise<void> {
    const { port } = await this.host();
    const complain = (text: string): void => {
      this.#complaints.push(text);
    };
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        complain(`console ${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    page.on('pageerror', (error) => {
      complain(`page error: ${error.stack ?? error.message}`);
    });
    page.on('crash', () => {
      complain('the page crashed');
    });
    page.on('request', (request) => {
      const { protocol, host } = new URL(request.url());
      const own = host === `127.0.0.1:${port}` || protocol === 'data:' || protocol === 'blob:';
      if (!own) complain(`a request to ${request.url()}`);
    });
    // Violations are told on the console too, but not those inside workers and not always with the directive.
    await page.exposeFunction('complainOfPolicy', complain);
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        const { complainOfPolicy } = window as unknown as { complainOfPolicy: (text: string) => void };
        complainOfPolicy(`policy violation: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`);
      });
    });
  }
}

export function tokenOf(address: string): string {
  return new URLSearchParams(address.split('#')[1]).get('token') ?? '';
}
