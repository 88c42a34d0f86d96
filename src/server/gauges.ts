/**
 * The numbers that a worker publishes, beside the library's own counters: shared memory that only the worker
 * writes and any thread may read at any time.
 *
 * @module
 */
import { type RefusalReason, refusalReasons, type Refusals } from "../listen/admission.ts";
import { type HttpCounts, httpCountsMax } from "../http/counts.ts";
import { countedPhases } from "../http/http.ts";
import { stateNames } from "../stream/state.ts";
import { LISTENERS_MAX } from "../base/layout.ts";
import { statusesMax } from "../base/limits.ts";
import type { Engine } from "../loop/engine.ts";
import { countedTimeouts } from "../loop/timeout_counts.ts";

/** Milliseconds between two writes of the numbers that are gathered and not counted. */
export const gaugesInterval = 500;

/** Numbers of a worker's loop, and where the loop keeps them. */
const loopGauges = {
  /** Handlers that wait for a promise. */
  tasks: (engine) => engine.promises,
  /** Bytes that wait to be sent. */
  bufferedBytes: (engine) => engine.outboxBytes,
  datagramsDropped: (engine) => engine.datagramsDropped,
  handlerErrors: (engine) => engine.handlerErrors,
  unhandledErrors: (engine) => engine.unhandledErrors,
  exceptions: (engine) => engine.exceptions.count,
  writesRefused: (engine) => engine.writesRefused,
  writesAfterEnd: (engine) => engine.writesAfterEnd,
} satisfies Record<string, (engine: Engine) => number>;

/** The single numbers, by name. */
const names = [
  /** When the gauges were last written, milliseconds of `Date.now()`. */
  "writtenAt",
  /** Index of the phase in `phases`. */
  "phase",
  "connections",
  "outgoing",
  ...Object.keys(loopGauges) as (keyof typeof loopGauges)[],
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

/** The name of a single number. */
type GaugeName = typeof names[number];

/** The kinds of timeouts among the gauges. */
export const timeoutGauges = countedTimeouts.filter((kind) => kind !== "linger");

const indices: Readonly<Record<GaugeName, number>> = Object.fromEntries(
  names.map((name, index) => [name, index]),
) as Record<GaugeName, number>;

const timeoutsStart = names.length;
const statesStart = timeoutsStart + timeoutGauges.length;
const errorsStart = statesStart + stateNames.length;
const httpStart = errorsStart + statusesMax;
const phasesStart = httpStart + httpCountsMax;
const listenersStart = phasesStart + countedPhases.length;
/** Of each listener: connections accepted, and refused by each reason. */
const listenerNumbers = 1 + refusalReasons.length;
const gaugeNumbers = listenersStart + LISTENERS_MAX * listenerNumbers;
/** Bytes of the gauges of a worker. */
export const gaugesBytes = gaugeNumbers * Float64Array.BYTES_PER_ELEMENT;

const loopGaugeNames = Object.keys(loopGauges) as (keyof typeof loopGauges)[];

/** The gauges of one worker. */
export class Gauges {
  readonly buffer: ArrayBufferLike;
  /** 64 bits each, so that no reader sees half of one. */
  readonly #numbers: Float64Array;

  /** Without a buffer: new gauges. */
  constructor(buffer: ArrayBufferLike = new SharedArrayBuffer(gaugesBytes)) {
    this.buffer = buffer;
    this.#numbers = new Float64Array(this.buffer);
  }

  get(name: GaugeName): number {
    return this.#numbers[indices[name]];
  }

  set(name: GaugeName, value: number): void {
    this.#numbers[indices[name]] = value;
  }

  add(name: GaugeName, amount = 1): void {
    this.#numbers[indices[name]] += amount;
  }

  /** Writes the numbers that the loop keeps. */
  setLoop(engine: Engine): void {
    for (const name of loopGaugeNames) this.set(name, loopGauges[name](engine));
    timeoutGauges.forEach((kind, index) => this.#numbers[timeoutsStart + index] = engine.timeouts[kind]);
    this.#numbers.set(engine.failures, errorsStart);
  }

  /** Time limits that were reached, in the order of `timeoutGauges`. */
  get timeouts(): readonly number[] {
    return [...this.#numbers.subarray(timeoutsStart, statesStart)];
  }

  /** Connections by state, in the order of `stateNames`. */
  get states(): readonly number[] {
    return [...this.#numbers.subarray(statesStart, errorsStart)];
  }

  setStates(counts: readonly number[]): void {
    this.#numbers.set(counts, statesStart);
  }

  /** Errors of connections, by the library's status. */
  get errors(): readonly number[] {
    return [...this.#numbers.subarray(errorsStart, httpStart)];
  }

  /** What the `http` tables count, as in `HttpCounts`. */
  get http(): Float64Array {
    return this.#numbers.slice(httpStart, phasesStart);
  }

  setHttp(counts: HttpCounts): void {
    this.#numbers.set(counts.numbers, httpStart);
  }

  /** Connections that speak HTTP, in the order of `countedPhases`. */
  get httpPhases(): readonly number[] {
    return [...this.#numbers.subarray(phasesStart, listenersStart)];
  }

  setHttpPhases(counts: readonly number[]): void {
    this.#numbers.set(counts, phasesStart);
  }

  /** A listener of the worker's own has accepted a connection. */
  addAccepted(listener: number): void {
    this.#numbers[listenersStart + listener * listenerNumbers] += 1;
  }

  /** Connections that the worker accepted at a listener. */
  accepted(listener: number): number {
    return this.#numbers[listenersStart + listener * listenerNumbers];
  }

  setRefusals(listener: number, refusals: Refusals): void {
    const at = listenersStart + listener * listenerNumbers + 1;
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
      const at = listenersStart + listener * listenerNumbers + 1;
      for (let index = 0; index < sums.length; index++) sums[index] += this.#numbers[at + index];
    }
    const entries = refusalReasons.map((reason, index) => [reason, sums[index]]);
    return Object.fromEntries(entries) as Record<RefusalReason, number>;
  }
}
