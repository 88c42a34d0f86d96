/**
 * The doorbell on Bun: a native thread waits and writes one byte for each ring to a socket the host loop
 * watches. The thread is started at the first arming, so a loop that never sleeps here has none.
 *
 * @module
 */
import { type BellLine, openBellConnection, openBellPair } from "./bun_bell_line.ts";
import type { NativeFunctions, OwnedDoorbell } from "./driver.ts";
import { NO_TIMER, Status } from "./layout.gen.ts";
import { NativeError } from "./status.ts";
import type { OperatingSystem } from "./system_error.ts";

/** The functions a doorbell calls. */
type DoorbellFunctions = Pick<
  NativeFunctions,
  "ringport_doorbell_open" | "ringport_doorbell_arm" | "ringport_doorbell_close"
>;

/** Lines lost one after the other, without a ring between, until arming fails instead of trying once more. */
const LOSSES_MAX = 3;
/** Milliseconds after which it tries again all the same: what kept the lines from living may be over. */
const LOSSES_FORGOTTEN_MILLISECONDS = 1_000;

export class BunDoorbell implements OwnedDoorbell {
  readonly #loop: number;
  readonly #functions: DoorbellFunctions;
  readonly #operatingSystem: OperatingSystem;
  #line: BellLine | undefined;
  #ring: (() => void) | undefined;
  #referenced = true;
  #closed = false;
  /** Lines lost since the last ring, and when the last one was. */
  #losses = 0;
  #lostAt = 0;

  constructor(loop: number, functions: DoorbellFunctions, operatingSystem: OperatingSystem) {
    this.#loop = loop;
    this.#functions = functions;
    this.#operatingSystem = operatingSystem;
  }

  get armed(): boolean {
    return this.#ring !== undefined;
  }

  arm(ring: () => void, milliseconds = Infinity): void {
    if (this.#ring !== undefined || this.#closed) return;
    const isHopeless = this.#losses >= LOSSES_MAX &&
      performance.now() - this.#lostAt < LOSSES_FORGOTTEN_MILLISECONDS;
    if (isHopeless) throw new NativeError("doorbell_arm", Status.connectionAborted);
    const line = this.#line ??= this.#openLine();
    const limit = milliseconds < NO_TIMER ? Math.max(Math.ceil(milliseconds), 0) : NO_TIMER;
    const result = this.#functions.ringport_doorbell_arm(this.#loop, limit);
    if (result < 0) throw new NativeError("doorbell_arm", -result);
    this.#ring = ring;
    if (this.#referenced) line.ref();
    else line.unref();
  }

  ref(): void {
    this.#referenced = true;
    if (this.armed) this.#line?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#line?.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ring = undefined;
    const line = this.#line;
    if (line === undefined) return;
    this.#line = undefined;
    const result = this.#functions.ringport_doorbell_close(this.#loop);
    await line.close();
    // The supervisor has closed it where it took the loop away.
    if (result < 0 && -result !== Status.invalidLoop) throw new NativeError("doorbell_close", -result);
  }

  #openLine(): BellLine {
    const open = (port: number, token: number) => {
      const result = this.#functions.ringport_doorbell_open(this.#loop, port, token);
      if (result < 0) throw new NativeError("doorbell_open", -result);
      return result;
    };
    const listener = { rang: () => this.#rang(), lost: () => this.#lost() };
    return this.#operatingSystem === "windows"
      ? openBellConnection(open, listener)
      : openBellPair(open, listener);
  }

  /** The line broke: the next arming opens another, and the loop looks for itself meanwhile. */
  #lost(): void {
    if (this.#line === undefined) return;
    this.#line = undefined;
    this.#functions.ringport_doorbell_close(this.#loop);
    this.#losses += 1;
    this.#lostAt = performance.now();
    this.#call();
  }

  #rang(): void {
    this.#losses = 0;
    this.#call();
  }

  #call(): void {
    const ring = this.#ring;
    if (ring === undefined) return;
    this.#ring = undefined;
    // Only a sleeping loop keeps the process alive by its doorbell.
    this.#line?.unref();
    ring();
  }
}
