/**
 * Connecting to one of several addresses: Happy Eyeballs version 2 (RFC 8305).
 *
 * The families take turns, attempts begin one after the other without waiting for the one before to fail, and
 * the first that succeeds wins.
 *
 * @module
 */
import { type RingportError, TimeoutError } from "../base/errors.ts";
import { Status } from "../base/layout.ts";
import { backlogFullDelayMaxMilliseconds, connectionAttemptDelayMilliseconds } from "../base/limits.ts";
import { errorOfStatus } from "../loop/native_errors.ts";
import type { TimerTarget } from "../loop/timers.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import { type Endpoint, statusPlace, type UnixEndpoint } from "../stream/socket_address.ts";
import { placeText } from "../stream/socket_address.ts";
import { segmentsExhausted } from "../stream/requests.ts";
import { ConnectAttempt } from "./attempt.ts";

/** A place to connect to, and the address to connect from. */
export interface Candidate {
  place: Endpoint | UnixEndpoint;
  local: Endpoint | undefined;
}

/** How the attempts of a race are made. */
interface RaceManner {
  noDelay: boolean;
  /** The connection begins without reading. */
  paused: boolean;
  /**
   * Milliseconds each address may take before its attempt ends and the next one begins. Only where the
   * attempts cannot overlap, because they share a local port.
   */
  share: number | undefined;
}

/** Hears the result of a race. */
export interface RaceOwner {
  /** The connection of this id, to this place. */
  won(id: number, place: Endpoint | UnixEndpoint): void;
  /** Every address has failed: an error for each, in the order of the candidates. */
  failed(errors: RingportError[]): void;
  /** The library has nothing more of a race that was won or canceled. Comes after {@linkcode won}. */
  over(): void;
}

/**
 * The addresses with their families taking turns, beginning with that of the first one; within a family the
 * order stays (RFC 8305 section 4).
 */
export function interleave<T extends { family: 4 | 6 }>(addresses: readonly T[]): T[] {
  const first = addresses.filter(({ family }) => family === addresses[0].family);
  const second = addresses.filter(({ family }) => family !== addresses[0].family);
  const result: T[] = [];
  for (let index = 0; index < Math.max(first.length, second.length); index++) {
    if (index < first.length) result.push(first[index]);
    if (index < second.length) result.push(second[index]);
  }
  return result;
}

/** One address of a race. */
interface Runner {
  readonly candidate: Candidate;
  attempt: ConnectAttempt | undefined;
  error: RingportError | undefined;
  /** A full queue is tried again when this timer is due, -1 when none runs. */
  backlogTimer: number;
  backlogDelay: number;
  /** Its share of the time is over. */
  late: boolean;
}

export class AddressRace implements TimerTarget {
  readonly #loop: EventLoop;
  readonly #manner: RaceManner;
  readonly #owner: RaceOwner;
  readonly #waiting: Candidate[];
  /** Those whose turn has come, in the order of the candidates. */
  readonly #runners: Runner[] = [];
  #timer = -1;
  /** Attempts the library works on. */
  #active = 0;
  #settled = false;

  constructor(loop: EventLoop, candidates: readonly Candidate[], manner: RaceManner, owner: RaceOwner) {
    this.#loop = loop;
    this.#waiting = [...candidates];
    this.#manner = manner;
    this.#owner = owner;
  }

  /** Begins with the first address. */
  start(): void {
    this.#startNext();
  }

  /** Ends all attempts; the owner is only notified of the end. */
  cancel(): void {
    if (this.#settled) return;
    this.#settle();
    if (this.#active === 0) this.#owner.over();
  }

  /**
   * The errors so far, in the order of the candidates. An attempt without an answer counts as timed out; an
   * address that was not tried has none.
   */
  get errors(): RingportError[] {
    return this.#runners.map((runner) => runner.error ?? noAnswer(runner));
  }

  /** It is the next address's turn. */
  timerDue(): void {
    this.#timer = -1;
    if (this.#manner.share === undefined) return this.#startNext();
    const runner = this.#runners.at(-1)!;
    runner.late = true;
    if (runner.attempt !== undefined) return runner.attempt.cancel();
    this.#stopBacklogTimer(runner);
    this.#failed(runner, noAnswer(runner));
  }

  #answered(runner: Runner, id: number, status: number, systemError: number): void {
    this.#active -= 1;
    if (this.#settled) {
      if (this.#active === 0) this.#owner.over();
      return;
    }
    if (status === Status.ok) {
      this.#settle();
      this.#owner.won(id, runner.candidate.place);
      if (this.#active === 0) this.#owner.over();
      return;
    }
    runner.attempt = undefined;
    if (status === Status.backlogFull) return this.#tryAgainLater(runner);
    if (runner.late) return this.#failed(runner, noAnswer(runner));
    this.#loop.engine.failures[status] += 1;
    this.#failed(runner, errorOfStatus(status, systemError, statusPlace("connect", runner.candidate.place)));
  }

  #startNext(): void {
    const candidate = this.#waiting.shift();
    if (candidate === undefined) return;
    const runner: Runner = {
      candidate,
      attempt: undefined,
      error: undefined,
      backlogTimer: -1,
      backlogDelay: 1,
      late: false,
    };
    this.#runners.push(runner);
    if (this.#waiting.length > 0) {
      // Without a free timer the next address waits until this one has failed.
      const delay = this.#manner.share ?? connectionAttemptDelayMilliseconds;
      this.#timer = this.#loop.engine.timers.arm(delay, this);
    }
    this.#try(runner);
  }

  #try(runner: Runner): void {
    const attempt = new ConnectAttempt(
      this.#loop,
      (id, status, systemError) => this.#answered(runner, id, status, systemError),
    );
    const { noDelay, paused } = this.#manner;
    if (!attempt.begin({ ...runner.candidate, noDelay }, paused)) {
      return this.#failed(runner, segmentsExhausted("connect"));
    }
    runner.attempt = attempt;
    this.#active += 1;
  }

  /** The kernel repeats TCP's attempts by itself; those of Unix sockets it leaves to the client. */
  #tryAgainLater(runner: Runner): void {
    const again: TimerTarget = {
      timerDue: () => {
        runner.backlogTimer = -1;
        this.#try(runner);
      },
    };
    runner.backlogTimer = this.#loop.engine.timers.arm(runner.backlogDelay, again);
    if (runner.backlogTimer < 0) {
      this.#failed(runner, errorOfStatus(Status.timersExhausted, 0, { operation: "connect" }));
    }
    runner.backlogDelay = Math.min(runner.backlogDelay * 2, backlogFullDelayMaxMilliseconds);
  }

  #failed(runner: Runner, error: RingportError): void {
    runner.error = error;
    if (this.#waiting.length > 0) {
      this.#stopTimer();
      return this.#startNext();
    }
    if (this.#runners.some((other) => other.error === undefined)) return;
    const { errors } = this;
    this.#settle();
    this.#owner.failed(errors);
  }

  #settle(): void {
    this.#settled = true;
    this.#waiting.length = 0;
    this.#stopTimer();
    for (const runner of this.#runners) {
      this.#stopBacklogTimer(runner);
      runner.attempt?.cancel();
    }
  }

  #stopTimer(): void {
    if (this.#timer >= 0) this.#loop.engine.timers.cancel(this.#timer);
    this.#timer = -1;
  }

  #stopBacklogTimer(runner: Runner): void {
    if (runner.backlogTimer >= 0) this.#loop.engine.timers.cancel(runner.backlogTimer);
    runner.backlogTimer = -1;
  }
}

function noAnswer({ candidate }: Runner): TimeoutError {
  const address = placeText(candidate.place);
  return new TimeoutError(`connect ${address}: no answer: ETIMEDOUT`, {
    code: "ETIMEDOUT",
    operation: "connect",
    address,
  });
}
