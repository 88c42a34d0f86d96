/**
 * Options of a loop.
 *
 * @module
 */
import {
  COMPLETION_RING_RECORDS_DEFAULT,
  COMPLETIONS_PER_TURN_DEFAULT,
  RING_RECORDS_MAX,
  RING_RECORDS_MIN,
  SEGMENT_COUNT_DEFAULT,
  SEGMENT_COUNT_MAX,
  SEGMENT_COUNT_MIN,
  SEGMENT_SIZE_DEFAULT_BYTES,
  SEGMENT_SIZE_MAX_BYTES,
  SEGMENT_SIZE_MIN_BYTES,
  SEND_ENTRIES_DEFAULT,
  SEND_ENTRIES_MAX,
  SLOTS_DEFAULT,
  SLOTS_MAX,
  SUBMISSION_RING_RECORDS_DEFAULT,
  TIMERS_DEFAULT,
  TIMERS_MAX,
} from "../base/layout.ts";
import {
  bytes,
  flag,
  type OptionRow,
  powerOfTwo,
  row,
  text,
  unset,
  wholeNumber,
} from "../base/option_kinds.ts";
import type { OptionSchema } from "../base/options.ts";

/** Sizes of a loop and how it behaves. What is left out takes the library's default. */
export interface LoopOptions {
  /** Bytes of one segment, a power of two from 512 to 1,048,576. 4,096 by default. */
  segmentSize?: number;
  /** Segments of the ring. 4,096 by default: 16 MiB of address space, touched as needed. */
  segmentCount?: number;
  /** Records of the submission ring, a power of two. 4,096 by default. */
  submissionRecords?: number;
  /** Records of the completion ring, a power of two. 2,048 by default. */
  completionRecords?: number;
  /** Connections and listeners at once. 65,536 by default. */
  connectionSlots?: number;
  /** Timers at once. 131,072 by default. */
  timers?: number;
  /** Entries of all send queues together. 8,192 by default. */
  sendEntries?: number;
  /** Completions of one turn at most. 64 by default. */
  completionsPerTurn?: number;
  /** Bytes kept free in front of received bytes. 0 by default. */
  headroom?: number;
  /** Bytes kept free behind received bytes. 0 by default. */
  tailroom?: number;
  /**
   * Development mode: look for mistakes with windows, fill released memory with `0xdd`, and throw where a
   * refused write would lose bytes. For servers it is their option `development` (`RINGPORT_DEVELOPMENT`).
   * False by default.
   */
  development?: boolean;
  /**
   * Handlers waiting for promises at once, not counting those that wait for their own connection. Above it no
   * connection is accepted until three quarters of it are left. 0, the default, sets no limit; a server,
   * which has to bound its workers, has 2,048.
   */
  tasks?: number;
  /**
   * Bytes held at once in segments and in the buffers of connections; above it no connection is accepted
   * until three quarters of it are left. 0, the default, sets no limit but the sizes above; a server, which
   * has to bound its workers, has 268,435,456.
   */
  memory?: number;
  /** Absolute path of the native library, instead of searching for it. */
  library?: string;
  /** Seed of the fake kernel, where the library was built with it. */
  seed?: number;
}

const room = bytes(0, SEGMENT_SIZE_MAX_BYTES / 2);
/** Bytes a limit of memory may be at most: a tebibyte, more than one process has. */
const memoryMaxBytes = 2 ** 40;
const seedMax = 0x7fff_ffff;

/** The options that a loop and the workers of a server share. */
export const loopRows = {
  segmentSize: row(
    powerOfTwo(SEGMENT_SIZE_MIN_BYTES, SEGMENT_SIZE_MAX_BYTES),
    SEGMENT_SIZE_DEFAULT_BYTES,
    "bytes of one segment",
    "the kernel hands out memory in pages",
  ),
  segmentCount: row(
    wholeNumber(SEGMENT_COUNT_MIN, SEGMENT_COUNT_MAX),
    SEGMENT_COUNT_DEFAULT,
    "segments in the ring of a loop",
    "16 MiB of address space, touched as needed",
  ),
  submissionRecords: row(
    powerOfTwo(RING_RECORDS_MIN, RING_RECORDS_MAX),
    SUBMISSION_RING_RECORDS_DEFAULT,
    "records in the submission ring of a loop",
    "holds more than the sends of a full turn",
  ),
  completionRecords: row(
    powerOfTwo(RING_RECORDS_MIN, RING_RECORDS_MAX),
    COMPLETION_RING_RECORDS_DEFAULT,
    "records in the completion ring of a loop",
    "one turn always fits",
  ),
  connectionSlots: row(
    wholeNumber(1, SLOTS_MAX),
    SLOTS_DEFAULT,
    "connections and listeners at once in a loop",
    "few systems let a process open more",
  ),
  timers: row(wholeNumber(1, TIMERS_MAX), TIMERS_DEFAULT, "timers at once in a loop", "two for each slot"),
  sendEntries: row(
    wholeNumber(1, SEND_ENTRIES_MAX),
    SEND_ENTRIES_DEFAULT,
    "entries in all send queues of a loop together",
    "two views on each segment",
  ),
  completionsPerTurn: row(
    wholeNumber(1, RING_RECORDS_MAX),
    COMPLETIONS_PER_TURN_DEFAULT,
    "completions of one turn at most",
    "their segments stay in the processor's cache",
  ),
  headroom: row(room, 0, "bytes kept free in front of received bytes", "only stages need room"),
  tailroom: row(room, 0, "bytes kept free behind received bytes", "only stages need room"),
  development: row(
    flag,
    false,
    "look for mistakes with windows, and throw where a refused write loses bytes",
    "looking costs time",
  ),
  library: unset(
    text("<path>"),
    "searched for",
    "absolute path of the native library",
    "the package brings its own",
  ),
} satisfies Partial<Record<keyof LoopOptions, OptionRow>>;

/** The limits of a loop, which a server has by default and a loop of `createLoop` has not. */
export const loopLimitRows = {
  tasks: row(
    wholeNumber(0, SLOTS_MAX),
    2_048,
    "handlers of one worker that wait for a promise at once",
    "each holds at least one segment: half of the default ring",
  ),
  memory: row(
    bytes(0, memoryMaxBytes),
    256 * 1024 * 1024,
    "bytes that one worker holds for peers that have not taken them",
    "sixteen connections at their own limit",
  ),
} satisfies Partial<Record<keyof LoopOptions, OptionRow>>;

/** The options of `createLoop`. */
export const loopSchema: OptionSchema = {
  ...loopRows,
  ...loopLimitRows,
  seed: wholeNumber(0, seedMax),
} satisfies Record<keyof LoopOptions, unknown>;
