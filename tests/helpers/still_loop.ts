/**
 * Connections without a kernel, on a clock that stands still until the test moves it: for what must be exact.
 *
 * @module
 */
import type { EventLoop } from "../../src/loop/event_loop.ts";
import { slotOf } from "../../src/base/ids.ts";
import { StreamConnection } from "../../src/stream/connection.ts";
import { type LoopShared, SharedConfig } from "../../src/stream/shared_config.ts";
import { PeerTable } from "../../src/stream/peer_address.ts";
import { Sender } from "../../src/stream/sender.ts";
import { TimeLimits } from "../../src/stream/time_limits/time_limits.ts";
import type { Engine } from "../../src/loop/engine.ts";
import { noTimeouts } from "../../src/loop/timeout_counts.ts";
import { TimerTable } from "../../src/loop/timers.ts";
import type { ConnectionOptions, TimeoutKind } from "../../src/mod.ts";

/** Timers that can be armed, and slots of the stand-in's send queues. */
const CAPACITY = 512;

/** A loop without a library: the clock, the timers and the kernel's appetite are the test's. */
export class StillLoop implements LoopShared {
  clock = { now: 0 };
  readonly timeouts = noTimeouts();
  readonly sendPending = new Uint32Array(CAPACITY);
  readonly fileSent = new Uint32Array(2 * CAPACITY);
  /** Bytes the kernel has and the peer has not acknowledged; only of connections the test says so of. */
  readonly withKernel = new Uint32Array(CAPACITY);
  readonly segments = undefined;
  turn = 0;
  promises = 0;
  handlerErrors = 0;
  unhandledErrors = 0;
  /** Armed timers: when each is due, in true milliseconds. */
  readonly armed = new Map<number, { due: number; tag: number }>();
  /** Times a timer was submitted. */
  submitted = 0;
  readonly timers: TimerTable;
  readonly timeLimits: TimeLimits;
  readonly peers: PeerTable = new PeerTable();
  readonly sender: Sender;
  #time: number;

  constructor(start = 0, timers = CAPACITY) {
    this.#time = start;
    this.clock.now = start | 0;
    this.timers = new TimerTable({
      submitTimer: (index, delay, tag) => {
        this.submitted += 1;
        this.armed.set(index, { due: this.#time + delay, tag });
      },
      submitTimerCancel: (index) => void this.armed.delete(index),
    }, timers);
    this.timeLimits = new TimeLimits(this as unknown as Engine);
    this.sender = new Sender(this as unknown as Engine);
  }

  ref(): void {}
  unref(): void {}
  submit(): void {}
  waitForPoll(): void {}

  open(number: number, options: ConnectionOptions<undefined>): StreamConnection<undefined> {
    const config = new SharedConfig<undefined>(
      undefined as unknown as EventLoop,
      this as unknown as Engine,
      this,
      { ...options, socket: { data() {}, ...options.socket } },
    );
    const connection = new StreamConnection<undefined>(config, number);
    connection.opened(false, false);
    return connection;
  }

  /** Lets time pass, with each timer at its millisecond. */
  pass(milliseconds: number): void {
    const end = this.#time + milliseconds;
    for (;;) {
      const next = Math.min(...[...this.armed.values()].map(({ due }) => due));
      if (next > end) break;
      this.#to(Math.max(next, this.#time));
      this.#fire();
    }
    this.#to(end);
  }

  /** The thread does nothing else for a while, and the timers come after it. */
  hold(milliseconds: number): void {
    this.#to(this.#time + milliseconds);
    this.#fire();
  }

  /** Bytes are written; the kernel takes what the test says later. */
  write(connection: StreamConnection<undefined>, length: number): void {
    const slot = connection.slot;
    this.timeLimits.written(connection, length, this.sendPending[slot] === 0);
    this.sendPending[slot] += length;
  }

  unacknowledged(number: number): number {
    return this.withKernel[slotOf(number)];
  }

  take(connection: StreamConnection<undefined>, length: number): void {
    this.sendPending[connection.slot] -= length;
  }

  #to(time: number): void {
    this.#time = time;
    this.clock.now = time | 0;
    this.turn += 1;
  }

  #fire(): void {
    for (const [index, { due, tag }] of [...this.armed]) {
      if (due > this.#time) continue;
      this.armed.delete(index);
      this.timers.fired(index, tag);
    }
  }
}

/** Closing waits for the peer by default, which would be a second timer here. */
export const QUIET = { lingerTimeout: 0 };

/** Handlers that write down which limits were reached. */
export function told(): { kinds: TimeoutKind[]; socket: { timeout(_: unknown, kind: TimeoutKind): void } } {
  const kinds: TimeoutKind[] = [];
  return { kinds, socket: { timeout: (_, kind) => void kinds.push(kind) } };
}
