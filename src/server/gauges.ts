/**
 * What a worker makes known of itself beside the library's own counters: numbers in shared memory, written by
 * the worker alone, read by anybody at any time.
 *
 * @module
 */
import { type RefusalReason, refusalReasons, type Refusals } from "../listen/admission.ts";
import { stateNames } from "../stream/state.ts";
import { LISTENERS_MAX } from "../base/layout.ts";
import { statusesMax } from "../base/limits.ts";
import { countedTimeouts, type TimeoutCounts } from "../loop/timeout_counts.ts";

/** Milliseconds between two writings of the numbers that are gathered and not counted. */
export const boardInterval = 500;

/** The single numbers, by name. */
const names = [
  /** When the board was last written, milliseconds of `Date.now()`. */
  "writtenAt",
  /** Place of the phase in `phases`. */
  "phase",
  "connections",
  "outgoing",
  "tasks",
  "bufferedBytes",
  "handlerErrors",
  "unhandledErrors",
  "exceptions",
  "datagramsDropped",
  "writesRefused",
  "writesAfterEnd",
  "accepted",
  "handled",
  "drained",
  "closed",
  "aborted",
  "bytesLost",
  "bytesCut",
  /** Grows while peers acknowledge bytes, as long as the worker drains. */
  "acknowledgements",
] as const;

/** Name of a number on the board. */
export type BoardName = typeof names[number];

/** The timeouts on the board. */
export const boardTimeouts = countedTimeouts.filter((kind) => kind !== "linger");

const places: Readonly<Record<BoardName, number>> = Object.fromEntries(
  names.map((name, place) => [name, place]),
) as Record<BoardName, number>;

const timeoutsPlace = names.length;
const statesPlace = timeoutsPlace + boardTimeouts.length;
const errorsPlace = statesPlace + stateNames.length;
const listenersPlace = errorsPlace + statusesMax;
/** Of each listener: connections accepted, and refused by each reason. */
const listenerNumbers = 1 + refusalReasons.length;
const boardNumbers = listenersPlace + LISTENERS_MAX * listenerNumbers;
/** Bytes of a board. */
export const boardBytes = boardNumbers * Float64Array.BYTES_PER_ELEMENT;

/** One worker's board. */
export class Gauges {
  readonly buffer: ArrayBufferLike;
  /** 64 bits each, so that no reader sees half of one. */
  readonly #numbers: Float64Array;

  /** Without a buffer: a new board. */
  constructor(buffer: ArrayBufferLike = new SharedArrayBuffer(boardBytes)) {
    this.buffer = buffer;
    this.#numbers = new Float64Array(this.buffer);
  }

  get(name: BoardName): number {
    return this.#numbers[places[name]];
  }

  set(name: BoardName, value: number): void {
    this.#numbers[places[name]] = value;
  }

  add(name: BoardName, amount = 1): void {
    this.#numbers[places[name]] += amount;
  }

  /** Time limits that were reached, in the order of `boardTimeouts`. */
  get timeouts(): readonly number[] {
    return [...this.#numbers.subarray(timeoutsPlace, statesPlace)];
  }

  setTimeouts(counts: TimeoutCounts): void {
    boardTimeouts.forEach((kind, index) => this.#numbers[timeoutsPlace + index] = counts[kind]);
  }

  /** Connections by state, in the order of `stateNames`. */
  get states(): readonly number[] {
    return [...this.#numbers.subarray(statesPlace, errorsPlace)];
  }

  setStates(counts: readonly number[]): void {
    this.#numbers.set(counts, statesPlace);
  }

  /** Errors of connections, by the library's status. */
  get errors(): readonly number[] {
    return [...this.#numbers.subarray(errorsPlace)];
  }

  setErrors(counts: ArrayLike<number>): void {
    this.#numbers.set(counts, errorsPlace);
  }

  /** A listener of the worker's own has accepted a connection. */
  addAccepted(listener: number): void {
    this.#numbers[listenersPlace + listener * listenerNumbers] += 1;
  }

  /** Connections that the worker accepted at a listener. */
  accepted(listener: number): number {
    return this.#numbers[listenersPlace + listener * listenerNumbers];
  }

  setRefusals(listener: number, refusals: Refusals): void {
    const at = listenersPlace + listener * listenerNumbers + 1;
    refusalReasons.forEach((reason, index) => this.#numbers[at + index] = refusals[reason]);
  }

  /** Connections that the worker refused at a listener. */
  refusals(listener: number): Refusals {
    return this.#refusals(listener, listener + 1);
  }

  /** Connections that the worker refused at any listener. */
  get allRefusals(): Refusals {
    return this.#refusals(0, LISTENERS_MAX);
  }

  #refusals(first: number, end: number): Refusals {
    const sums = new Array<number>(refusalReasons.length).fill(0);
    for (let listener = first; listener < end; listener++) {
      const at = listenersPlace + listener * listenerNumbers + 1;
      for (let index = 0; index < sums.length; index++) sums[index] += this.#numbers[at + index];
    }
    const entries = refusalReasons.map((reason, index) => [reason, sums[index]]);
    return Object.fromEntries(entries) as Record<RefusalReason, number>;
  }
}
