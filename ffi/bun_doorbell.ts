/**
 * The doorbell on Bun: a native thread waits and writes one byte for each ring to a socket the host loop
 * watches. The thread is started at the first arming, so a loop that never sleeps here has none.
 *
 * @module
 */
import { type BellLine, openBellConnection, openBellPair } from "./bun_bell_line.ts";
import type { NativeFunctions, OwnedDoorbell } from "./driver.ts";
import { NO_TIMER } from "./layout.gen.ts";
import { NativeError } from "./status.ts";
import type { OperatingSystem } from "./system_error.ts";

/** The functions a doorbell calls. */
export type DoorbellFunctions = Pick<
  NativeFunctions,
  "ringport_doorbell_open" | "ringport_doorbell_arm" | "ringport_doorbell_close"
>;

export class BunDoorbell implements OwnedDoorbell {
  readonly #loop: number;
  readonly #functions: DoorbellFunctions;
  readonly #operatingSystem: OperatingSystem;
  #line: BellLine | undefined;
  #ring: (() => void) | undefined;
  #referenced = true;
  #closed = false;

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
    const line = this.#line ??= this.#openLine();
    const limit = milliseconds < NO_TIMER ? Math.max(Math.ceil(milliseconds), 0) : NO_TIMER;
    const result = this.#functions.ringport_doorbell_arm(this.#loop, limit);
    if (result < 0) throw new NativeError("doorbell_arm", -result);
    this.#ring = ring;
    if (this.#referenced) line.ref();
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
    if (result < 0) throw new NativeError("doorbell_close", -result);
  }

  #openLine(): BellLine {
    const open = (port: number, token: number) => {
      const result = this.#functions.ringport_doorbell_open(this.#loop, port, token);
      if (result < 0) throw new NativeError("doorbell_open", -result);
      return result;
    };
    const rang = () => this.#rang();
    return this.#operatingSystem === "windows" ? openBellConnection(open, rang) : openBellPair(open, rang);
  }

  #rang(): void {
    const ring = this.#ring;
    if (ring === undefined) return;
    this.#ring = undefined;
    // Only a sleeping loop keeps the process alive by its doorbell.
    this.#line?.unref();
    ring();
  }
}
