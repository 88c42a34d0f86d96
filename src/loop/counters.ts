/**
 * The library's counters of one loop by name, read where they lie: in memory every thread may see.
 *
 * A counter is a 64-bit number written by the loop's thread with one store. `Atomics.load` reads it with one
 * load, so that no half of an older number is ever seen; two counters may be of different moments.
 *
 * @module
 */
import * as layout from "../../ffi/layout.gen.ts";
import type { ShareableLoop } from "../../ffi/port.ts";
import type { NativeCounters, NativeGauges, NativeStatistics, TurnLengths } from "./native_statistics.ts";

const Statistic = layout.Statistic;

/** Every counter that is a plain number, by the name it has in {@linkcode NativeStatistics}. */
const counters: Readonly<Record<keyof NativeCounters, number>> = {
  polls: Statistic.polls,
  waits: Statistic.waits,
  completions: Statistic.completions,
  submissions: Statistic.submissions,
  submissionsInvalid: Statistic.submissionsInvalid,
  connectionsAccepted: Statistic.connectionsAccepted,
  connectionsAdopted: Statistic.connectionsAdopted,
  connectionsConnected: Statistic.connectionsConnected,
  connectionsClosed: Statistic.connectionsClosed,
  connectionsAborted: Statistic.connectionsAborted,
  connectionsEndedServer: Statistic.connectionsEndedServer,
  connectionsEndedClient: Statistic.connectionsEndedClient,
  bytesReceived: Statistic.bytesReceived,
  bytesReceivedServer: Statistic.bytesReceivedServer,
  bytesReceivedClient: Statistic.bytesReceivedClient,
  bytesSent: Statistic.bytesSent,
  bytesSentServer: Statistic.bytesSentServer,
  bytesSentClient: Statistic.bytesSentClient,
  receives: Statistic.receives,
  receivesServer: Statistic.receivesServer,
  receivesClient: Statistic.receivesClient,
  sends: Statistic.sends,
  sendsServer: Statistic.sendsServer,
  sendsClient: Statistic.sendsClient,
  sendsPartial: Statistic.sendsPartial,
  acceptErrors: Statistic.acceptErrors,
  acceptDescriptorsExhausted: Statistic.acceptDescriptorsExhausted,
  acceptSlotsExhausted: Statistic.acceptSlotsExhausted,
  segmentsExhausted: Statistic.segmentsExhausted,
  completionRingFull: Statistic.completionRingFull,
  budgetsExhausted: Statistic.budgetsExhausted,
  eventsStale: Statistic.eventsStale,
  descriptorsDiscarded: Statistic.descriptorsDiscarded,
  filesSent: Statistic.filesSent,
  timersFired: Statistic.timersFired,
  wakes: Statistic.wakes,
  datagramsReceived: Statistic.datagramsReceived,
  datagramsSent: Statistic.datagramsSent,
  datagramsTruncated: Statistic.datagramsTruncated,
  datagramNetworkErrors: Statistic.datagramNetworkErrors,
  datagramsRefused: Statistic.datagramsRefused,
  datagramReceiveBatches: Statistic.datagramReceiveBatches,
  datagramSendBatches: Statistic.datagramSendBatches,
  datagramSendsBlocked: Statistic.datagramSendsBlocked,
  busyTicks: Statistic.busyTicks,
};

/** Numbers of the header, by the name they have in {@linkcode NativeStatistics}. */
const gauges: Readonly<Record<keyof NativeGauges, number>> = {
  segmentsHeld: layout.HEADER_SEGMENTS_HELD,
  slotsUsed: layout.HEADER_SLOTS_USED,
  readyNow: layout.HEADER_READY_NOW,
  submissionsHighWater: layout.HEADER_SUBMISSIONS_HIGH,
  completionsHighWater: layout.HEADER_COMPLETIONS_HIGH,
  segmentsHighWater: layout.HEADER_SEGMENTS_HIGH,
  sendEntriesHighWater: layout.HEADER_SEND_ENTRIES_HIGH,
  ticksPerMillisecond: layout.HEADER_TICKS_PER_MS,
};

/** How much of its time a loop has worked: see `load.ts`. */
export type LoadReading = Pick<NativeStatistics, "busyTicks" | "ticksPerMillisecond" | "polls" | "inTurn">;

const { TURN_BUCKETS } = layout;

/** The counters of one loop, of this or another thread. */
export class Counters {
  readonly #loop: ShareableLoop;
  readonly #header: Int32Array;
  readonly #statistics: BigUint64Array;

  constructor(loop: ShareableLoop) {
    this.#loop = loop;
    this.#header = new Int32Array(loop.buffer, loop.headerOffset, layout.HEADER_WORDS);
    this.#statistics = new BigUint64Array(loop.buffer, loop.statisticsOffset, layout.STATISTICS_MAX);
  }

  /** One counter by its number in `Statistic`. Exact up to 2^53. */
  counter(statistic: number): number {
    return Number(Atomics.load(this.#statistics, statistic));
  }

  /** A number of the header by its word. */
  word(word: number): number {
    return Atomics.load(this.#header, word) >>> 0;
  }

  /** Polls so far: a loop that has something to do and does not count on is stuck. */
  get heartbeat(): number {
    return this.counter(Statistic.polls);
  }

  /** What a {@linkcode LoadMeter} needs, without the rest. */
  load(): LoadReading {
    return {
      busyTicks: this.counter(Statistic.busyTicks),
      polls: this.heartbeat,
      ticksPerMillisecond: this.word(layout.HEADER_TICKS_PER_MS),
      inTurn: this.word(layout.HEADER_TURN_OPEN) !== 0,
    };
  }

  /** Completions other than mere wake-ups: it does not change while nothing happens on the loop. */
  get activity(): number {
    return this.counter(Statistic.completions) - this.counter(Statistic.wakes);
  }

  /** Whether every slot for a connection or a listener was in use when the last turn ended. */
  get isFull(): boolean {
    return this.word(layout.HEADER_SLOTS_USED) >= this.#loop.sizes.slots;
  }

  /** Reads everything. */
  read(): NativeStatistics {
    const { sizes } = this.#loop;
    const numbers = {} as NativeCounters & NativeGauges;
    for (const name of counterNames) numbers[name] = this.counter(counters[name]);
    for (const name of gaugeNames) numbers[name] = this.word(gauges[name]);
    return {
      ...numbers,
      segments: sizes.segmentCount,
      submissionRecords: sizes.submissionRecords,
      completionRecords: sizes.completionRecords,
      sendEntries: sizes.sendEntries,
      slots: sizes.slots,
      now: this.#now(),
      inTurn: this.word(layout.HEADER_TURN_OPEN) !== 0,
      turns: this.#turns(),
    };
  }

  /** The halves are written one after the other, the high one every fifty days. */
  #now(): number {
    const high = this.word(layout.HEADER_NOW_MS_HIGH);
    return high * 0x1_0000_0000 + this.word(layout.HEADER_NOW_MS_LOW);
  }

  #turns(): TurnLengths {
    const rate = this.word(layout.HEADER_TICKS_PER_MS);
    const shift = this.word(layout.HEADER_TURN_SHIFT);
    const counts: number[] = [];
    const limits: number[] = [];
    for (let bucket = 0; bucket < TURN_BUCKETS; bucket++) {
      counts.push(this.counter(Statistic.turns0 + bucket));
      const last = bucket === TURN_BUCKETS - 1;
      limits.push(last || rate === 0 ? Infinity : 2 ** (bucket + shift) / rate);
    }
    return { limits, counts };
  }
}

const counterNames = Object.keys(counters) as (keyof typeof counters)[];
const gaugeNames = Object.keys(gauges) as (keyof typeof gauges)[];
