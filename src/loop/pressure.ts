/**
 * Limits of a whole loop: handlers that wait for promises, bytes it holds. While one
 * is exceeded, no connection is accepted. Reading continues: each connection has its own limits for what it
 * makes the loop hold, and answers that are never asked for would free nothing.
 *
 * @module
 */
import { assert, ASSERTIONS } from "../base/assert.ts";
import { pressureCheckMilliseconds, pressureReliefShare } from "../base/limits.ts";
import type { TimerTarget } from "./timers.ts";

const asserting = ASSERTIONS;

/** Bytes in outboxes and in segments that are held. */
export function memoryHeld({ outboxBytes, segments }: Pick<Pressed, "outboxBytes" | "segments">): number {
  return outboxBytes + segments.held * segments.size;
}

/** What is watched, and how to look again later. */
interface Pressed {
  /** Handlers whose promise has not settled. */
  readonly promises: number;
  /** Bytes of all outboxes. */
  readonly outboxBytes: number;
  readonly segments: { readonly held: number; readonly size: number };
  readonly timers: { arm(delayMilliseconds: number, target: TimerTarget): number };
}

/** Limits; Infinity for none. */
interface PressureLimits {
  tasks: number;
  memory: number;
}

export class Pressure implements TimerTarget {
  /** Times accepting stopped, by limit. */
  tasksReached = 0;
  memoryReached = 0;
  /** Called when one of the limits is reached or kept again, after those who watch. Must not throw. */
  changed: ((limit: keyof PressureLimits, reached: boolean) => void) | undefined = undefined;
  readonly #pressed: Pressed;
  readonly #limits: PressureLimits;
  readonly #listeners = new Set<(on: boolean) => void>();
  #tasksOver = false;
  #memoryOver = false;
  #armed = false;

  constructor(pressed: Pressed, limits: PressureLimits) {
    this.#pressed = pressed;
    this.#limits = limits;
  }

  /** True while no connection should be accepted. */
  get on(): boolean {
    return this.#tasksOver || this.#memoryOver;
  }

  /** Tells `listener` when it begins and ends. */
  watch(listener: (on: boolean) => void): void {
    this.#listeners.add(listener);
  }

  unwatch(listener: (on: boolean) => void): void {
    this.#listeners.delete(listener);
  }

  /** After each turn, and when something was put aside. */
  check(): void {
    const { promises } = this.#pressed;
    const held = memoryHeld(this.#pressed);
    const { tasks, memory } = this.#limits;
    if (asserting) {
      assert(promises >= 0, "a promise settles once");
      assert(this.#pressed.outboxBytes >= 0, "an outbox gives back what it has counted");
    }
    const before = this.on;
    const tasksOver = promises > (this.#tasksOver ? tasks * pressureReliefShare : tasks);
    const memoryOver = held > (this.#memoryOver ? memory * pressureReliefShare : memory);
    const tasksChanged = tasksOver !== this.#tasksOver;
    const memoryChanged = memoryOver !== this.#memoryOver;
    if (tasksOver && tasksChanged) this.tasksReached += 1;
    if (memoryOver && memoryChanged) this.memoryReached += 1;
    this.#tasksOver = tasksOver;
    this.#memoryOver = memoryOver;
    if (this.on && !this.#armed) this.#armed = this.#pressed.timers.arm(pressureCheckMilliseconds, this) >= 0;
    if (this.on !== before) { for (const listener of this.#listeners) listener(this.on); }
    if (tasksChanged) this.changed?.("tasks", tasksOver);
    if (memoryChanged) this.changed?.("memory", memoryOver);
  }

  /** Promises settle and windows are released without a turn of the loop: it looks by itself. */
  timerDue(): void {
    this.#armed = false;
    // The turn that brought the timer checks at its end.
  }
}
