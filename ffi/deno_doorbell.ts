/**
 * The doorbell on Deno: one waiting call in the runtime's pool of blocking threads, made again each time it
 * is armed. Its promise is the ring.
 *
 * @module
 */
import type { NativeFunctions, OwnedDoorbell } from "./driver.ts";
import { WAIT_MAX_MS } from "./layout.gen.ts";

/** `ringport_wait`, called so that it waits on another thread. */
export type WaitInBackground = (loop: number, milliseconds: number) => Promise<number>;

/** Deno keeps the means of `unref` for calls to itself; where it is gone, an armed doorbell stays ref'd. */
interface RuntimeCore {
  refOpPromise?(promise: Promise<unknown>): void;
  unrefOpPromise?(promise: Promise<unknown>): void;
}

function runtimeCore(): RuntimeCore {
  const runtime = Deno as unknown as { internal?: symbol } & Record<symbol, { core?: RuntimeCore }>;
  return (runtime.internal === undefined ? undefined : runtime[runtime.internal]?.core) ?? {};
}

export class DenoDoorbell implements OwnedDoorbell {
  readonly #loop: number;
  readonly #wait: WaitInBackground;
  readonly #functions: Pick<NativeFunctions, "ringport_wake">;
  /** The call under way, kept to be waited for at close and to be ref'd. */
  #call: Promise<number> | undefined;
  #ring: (() => void) | undefined;
  #left = 0;
  #referenced = true;
  #closed = false;

  constructor(loop: number, wait: WaitInBackground, functions: Pick<NativeFunctions, "ringport_wake">) {
    this.#loop = loop;
    this.#wait = wait;
    this.#functions = functions;
  }

  get armed(): boolean {
    return this.#ring !== undefined;
  }

  arm(ring: () => void, milliseconds = Infinity): void {
    if (this.#ring !== undefined || this.#closed) return;
    this.#ring = ring;
    this.#left = Math.max(milliseconds, 0);
    this.#waitOnce();
  }

  ref(): void {
    this.#referenced = true;
    if (this.#call !== undefined) runtimeCore().refOpPromise?.(this.#call);
  }

  unref(): void {
    this.#referenced = false;
    if (this.#call !== undefined) runtimeCore().unrefOpPromise?.(this.#call);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ring = undefined;
    if (this.#call === undefined) return;
    // The end is waited for, so it keeps the process alive even where the loop did not.
    this.ref();
    this.#functions.ringport_wake(this.#loop);
    await this.#call;
  }

  #waitOnce(): void {
    const slice = Math.min(this.#left, WAIT_MAX_MS);
    this.#left -= slice;
    const call = this.#wait(this.#loop, slice);
    this.#call = call;
    if (!this.#referenced) runtimeCore().unrefOpPromise?.(call);
    call.then((result) => this.#returned(result));
  }

  #returned(result: number): void {
    this.#call = undefined;
    const ring = this.#ring;
    if (ring === undefined) return;
    // A failed wait rings as well: the next poll then reports the error.
    if (result === 0 && this.#left > 0) return this.#waitOnce();
    this.#ring = undefined;
    ring();
  }
}
