/**
 * What is waited for and how late it came, in milliseconds.
 *
 * @module
 */

/** What is measured. */
export type Kind = "timer" | "timerInHandler" | "promiseInHandler" | "fetchInHandler" | "fetchSettling";

/** Percentiles of one kind, in milliseconds. */
export interface Percentiles {
  count: number;
  p50: number;
  p99: number;
  most: number;
}

const TIMER_MS = 10;
/** Messages between two samples that are started by a handler. */
const MESSAGES_BETWEEN = 200;

/** How late a 10 ms timer is. */
async function timerDelay(): Promise<number> {
  const start = performance.now();
  await new Promise<void>((resolve) => setTimeout(resolve, TIMER_MS));
  return performance.now() - start - TIMER_MS;
}

/** A promise that another task of the host settles: what an awaited message or stream is made of. */
async function promiseDelay(): Promise<number> {
  const start = performance.now();
  await new Promise<void>((resolve) => setImmediate(() => resolve()));
  return performance.now() - start;
}

/** Collects samples, some of them started by the data handler of a loaded server. */
export class Sampler {
  readonly #values = new Map<Kind, number[]>();
  readonly #fetchUrl: string;
  #messages = 0;
  #busy = false;
  #turn = 0;
  running = false;

  constructor(fetchUrl: string) {
    this.#fetchUrl = fetchUrl;
  }

  /** Called for each message: mostly nothing, now and then a promise the handler waits for. */
  message(): void | Promise<void> {
    this.#messages += 1;
    if (!this.running || this.#busy || this.#messages % MESSAGES_BETWEEN !== 0) return;
    return this.sampleInHandler();
  }

  /** One sample of the kind whose turn it is. */
  async sampleInHandler(): Promise<void> {
    this.#busy = true;
    const kinds = [
      async () => this.#keep("timerInHandler", await timerDelay()),
      async () => this.#keep("promiseInHandler", await promiseDelay()),
      () => this.#fetch(),
    ];
    await kinds[this.#turn++ % kinds.length]();
    this.#busy = false;
  }

  /** A timer of the host that no handler waits for. */
  async sampleTimer(): Promise<void> {
    this.#keep("timer", await timerDelay());
  }

  results(): Record<string, Percentiles> {
    return Object.fromEntries([...this.#values].map(([kind, values]) => [kind, percentiles(values)]));
  }

  async #fetch(): Promise<void> {
    const start = performance.now();
    const response = await fetch(this.#fetchUrl);
    const answered = Number(await response.text());
    this.#keep("fetchInHandler", performance.now() - start);
    // From the moment the other process answered: what this process and the kernel took to let it settle.
    this.#keep("fetchSettling", performance.timeOrigin + performance.now() - answered);
  }

  #keep(kind: Kind, value: number): void {
    const values = this.#values.get(kind) ?? [];
    values.push(value);
    this.#values.set(kind, values);
  }
}

/** Percentiles of some values. */
export function percentiles(values: number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: at(1) };
}
