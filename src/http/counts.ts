/**
 * Counters of all `http` tables on one loop, which a server publishes, and its ear for refused requests.
 *
 * @module
 */
import type { Engine } from "../loop/engine.ts";
import type { Connection } from "../stream/types.ts";
import { refusals } from "./records.ts";

/** Statuses that refuse what was received, in rising order. */
const refusedStatuses: readonly number[] = [
  ...new Set(refusals.map(({ status }) => status).filter((status) => status > 0)),
].sort((first, second) => first - second);

/** Answers are counted by the first digit of their status, at this digit. */
const answersEnd = 10;
const hundred = 100;

/** Where a counter is. */
export const HttpCount = {
  /** Requests given to a handler. */
  requests: answersEnd,
  /** Of those, the ones answered in place of their handler, because a time limit was reached. */
  requestsTimedOut: answersEnd + 1,
  /** Handlers that threw, rejected, or gave no answer. */
  handlersFailed: answersEnd + 2,
  /** Connections handed on to another protocol. */
  upgrades: answersEnd + 3,
} as const;

const refusedStart = answersEnd + Object.keys(HttpCount).length;

/** The number of counters. */
export const httpCountsMax: number = refusedStart + refusedStatuses.length;

/** Where an answer with a status is counted. */
export function answerCount(status: number): number {
  return status / hundred | 0;
}

/** Answers by the class of their status, such as `"2xx"`. Those of 600 and above have no class. */
export function answersOf(counts: ArrayLike<number>): Record<string, number> {
  return Object.fromEntries([1, 2, 3, 4, 5].map((digit) => [`${digit}xx`, counts[digit]]));
}

/** Refusals by the status that was answered, without those that never were. */
export function refusedOf(counts: ArrayLike<number>): Record<string, number> {
  const entries = refusedStatuses.map((status, index) => [status, counts[refusedStart + index]] as const);
  return Object.fromEntries(entries.filter(([_, count]) => count > 0));
}

/** Received bytes that were refused. */
export interface HttpRefusal {
  /** The status that is answered, unless an answer has begun. */
  readonly status: number;
  readonly reason: string;
}

/**
 * Whether a refusal is the peer's offence. Slow peers are judged by the time limits; who sends a body that is
 * too large, or an expectation that no server must know, has broken no rule.
 */
export function isOffence(status: number): boolean {
  return !harmlessStatuses.includes(status);
}

const harmlessStatuses: readonly number[] = [408, 411, 413, 417];

/** The counters of one loop. */
export class HttpCounts {
  readonly numbers: Float64Array = new Float64Array(httpCountsMax);
  /** Called for each refusal, before it is answered. Must not throw. */
  whenRefused: ((connection: Connection<unknown>, refusal: HttpRefusal) => void) | undefined = undefined;

  /** Received bytes are refused. */
  refused(connection: Connection<unknown>, refusal: HttpRefusal): void {
    const index = refusedStatuses.indexOf(refusal.status);
    if (index >= 0) this.numbers[refusedStart + index] += 1;
    this.whenRefused?.(connection, refusal);
  }
}

const countsOf = new WeakMap<Engine, HttpCounts>();

/** The counters of a loop. */
export function httpCountsOf(engine: Engine): HttpCounts {
  let counts = countsOf.get(engine);
  if (counts === undefined) {
    counts = new HttpCounts();
    countsOf.set(engine, counts);
  }
  return counts;
}
