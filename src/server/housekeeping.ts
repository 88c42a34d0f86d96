/**
 * Periodically publishes a worker's gauges, and calls the application's `idle`.
 *
 * @module
 */
import { httpCountsOf } from "../http/counts.ts";
import { countedPhases, countPhase } from "../http/http.ts";
import { isAtLimit } from "../listen/listener.ts";
import { Counters } from "../loop/counters.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import { stateNames } from "../stream/state.ts";
import { socketsOf } from "../stream/table.ts";
import { type Gauges, gaugesInterval } from "./gauges.ts";
import type { ServedListener } from "./listeners.ts";
import { type Phase, phases } from "./phases.ts";

/** Milliseconds between two calls of the application's `idle`. */
const idleInterval = 1_000;

/** The parts of a worker that are looked after. */
interface KeptParts {
  loop: EventLoop;
  gauges: Gauges;
  /** Filled while the worker starts. */
  listeners: readonly ServedListener[];
  phase(): Phase;
  /** Tells the thread that accepts for this worker how many connections it has. */
  tellLoad(): void;
  /** A listener of the worker's own has reached its limit of connections, or has room again. */
  limit(listener: string, reached: boolean): void;
  /** The loop has nothing to do. */
  idle(): void;
}

export class Housekeeping {
  readonly #parts: KeptParts;
  readonly #counters: Counters;
  /** Listeners that are at their limit. */
  readonly #full = new Set<number>();
  #timer: ReturnType<typeof setInterval> | undefined = undefined;
  #completions = 0;
  #sinceIdle = 0;
  #stood = false;

  constructor(parts: KeptParts) {
    this.#parts = parts;
    this.#counters = new Counters(parts.loop.engine.native.shareable);
  }

  begin(): void {
    this.#timer = setInterval(() => this.#round(), gaugesInterval);
  }

  end(): void {
    clearInterval(this.#timer);
    this.write();
  }

  /** Publishes the gauges. */
  write(): void {
    this.#writeAlways();
    this.#writeActivity();
  }

  /** Publishes how many connections were refused, and why. */
  writeRefusals(): void {
    const { gauges, listeners } = this.#parts;
    listeners.forEach(({ listener }, index) => gauges.setRefusals(index, listener.refusals));
  }

  #round(): void {
    // Excludes wake-ups, so that reading statistics does not make an idle worker look busy.
    const completions = this.#counters.activity;
    const stands = completions === this.#completions;
    this.#writeAlways();
    // What happened since the last look may have changed something after it: one more full writing.
    if (!stands || !this.#stood) this.#writeActivity();
    this.#stood = stands;
    this.#completions = completions;
    this.#sinceIdle += gaugesInterval;
    if (!stands || this.#sinceIdle < idleInterval) return;
    this.#sinceIdle = 0;
    this.#parts.idle();
  }

  /** What changes while nothing happens on the loop. */
  #writeAlways(): void {
    const { gauges, loop } = this.#parts;
    gauges.set("writtenAt", Date.now());
    gauges.set("phase", phases.indexOf(this.#parts.phase()));
    // Where nobody reads, the loop is quiet and the kernel drops.
    socketsOf(loop).countDrops();
    gauges.setLoop(loop.engine);
    gauges.setHttp(httpCountsOf(loop.engine));
  }

  #writeActivity(): void {
    const { gauges, loop, listeners, tellLoad } = this.#parts;
    this.writeRefusals();
    this.#tellLimits();
    const states = stateNames.map(() => 0);
    const httpPhases = countedPhases.map(() => 0);
    socketsOf(loop).countStates(states, (connection) => countPhase(connection, httpPhases));
    gauges.setStates(states);
    gauges.setHttpPhases(httpPhases);
    tellLoad();
    // Last, so that a reader who sees this number sees the others at least as new.
    gauges.set("connections", listeners.reduce((sum, { listener }) => sum + listener.connectionCount, 0));
  }

  #tellLimits(): void {
    this.#parts.listeners.forEach(({ listener, info }, index) => {
      const isFull = isAtLimit(listener);
      if (isFull === this.#full.has(index)) return;
      if (isFull) this.#full.add(index);
      else this.#full.delete(index);
      this.#parts.limit(info.name, isFull);
    });
  }
}
