/**
 * What a worker does once in a while: writes its board, and tells the application when the loop is idle.
 *
 * @module
 */
import { gaugesInterval } from "./gauges.ts";

/** Milliseconds between two calls of the application's `idle`. */
const idleInterval = 1_000;

/** The tasks; the worker's server decides when to run them. */
export interface HousekeepingTasks {
  /** Writes the board. `quiet`: nothing has happened on the loop since it was written. */
  write(quiet: boolean): void;
  /** Completions of the loop so far: when they stand still the loop is idle. */
  completions(): number;
  /** Tells the application. */
  idle(): void;
}

export class Housekeeping {
  readonly #tasks: HousekeepingTasks;
  #timer: ReturnType<typeof setInterval> | undefined = undefined;
  #completions = 0;
  #sinceIdle = 0;
  #stood = false;

  constructor(tasks: HousekeepingTasks) {
    this.#tasks = tasks;
  }

  begin(): void {
    this.#timer = setInterval(() => this.#round(), gaugesInterval);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#tasks.write(false);
  }

  #round(): void {
    const completions = this.#tasks.completions();
    const stands = completions === this.#completions;
    // What happened since the last look may have changed something after it: one more full writing.
    this.#tasks.write(stands && this.#stood);
    this.#stood = stands;
    this.#completions = completions;
    this.#sinceIdle += gaugesInterval;
    if (!stands || this.#sinceIdle < idleInterval) return;
    this.#sinceIdle = 0;
    this.#tasks.idle();
  }
}
