/**
 * The memory of one loop: allocated and owned here, and lent to the library from open to close.
 *
 * @module
 */
import { CompletionRing } from "./completion_ring.ts";
import type { NativeFunctions } from "./driver.ts";
import * as layout from "./layout.gen.ts";
import type { LoopSizes, ResolvedLoopSizes } from "./port.ts";
import { NativeError } from "./status.ts";
import { SubmissionRing } from "./submission_ring.ts";

/** Bytes. Buffers of this size and more stay where they are in both engines, smaller ones may move. */
const STEADY_BUFFER_BYTES = 4096;
const WORD_BYTES = 4;
const COUNTER_BYTES = 8;
const UINT32_MAX = 0xffff_ffff;

/** Word of the Configuration that holds each size. */
const SIZE_WORDS: Readonly<Record<keyof LoopSizes, number>> = {
  segmentSize: layout.CONFIGURATION_SEGMENT_SIZE,
  segmentCount: layout.CONFIGURATION_SEGMENT_COUNT,
  submissionRecords: layout.CONFIGURATION_SUBMISSION_RECORDS,
  completionRecords: layout.CONFIGURATION_COMPLETION_RECORDS,
  slots: layout.CONFIGURATION_SLOTS,
  timers: layout.CONFIGURATION_TIMERS,
  sendEntries: layout.CONFIGURATION_SEND_ENTRIES,
  completionsPerTurn: layout.CONFIGURATION_COMPLETIONS_PER_TURN,
  headroom: layout.CONFIGURATION_HEADROOM,
  tailroom: layout.CONFIGURATION_TAILROOM,
  receiveRunSegments: layout.CONFIGURATION_RECEIVE_RUN_SEGMENTS,
  seed: layout.CONFIGURATION_SEED,
};
const SIZE_NAMES = Object.keys(SIZE_WORDS) as (keyof LoopSizes)[];

/** Sizes with every default filled in by the library, as it wants them back at open. */
export class Configuration {
  /** The struct as the library reads it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;
  readonly sizes: ResolvedLoopSizes;

  /** Throws a NativeError when a size is refused. */
  constructor(functions: Pick<NativeFunctions, "ringport_configure">, sizes: LoopSizes) {
    const buffer = new ArrayBuffer(STEADY_BUFFER_BYTES);
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer, 0, layout.CONFIGURATION_WORDS);
    this.words[layout.CONFIGURATION_VERSION] = layout.ABI_VERSION;
    this.words[layout.CONFIGURATION_LAYOUT_HASH] = layout.LAYOUT_HASH;
    for (const name of SIZE_NAMES) this.words[SIZE_WORDS[name]] = checkedSize(name, sizes[name]);
    const result = functions.ringport_configure(this.bytes);
    if (result < 0) {
      const asked = SIZE_NAMES.filter((name) => sizes[name]).map((name) => `${name} ${sizes[name]}`);
      throw new NativeError("configure", -result, 0, `the library rejects the sizes ${asked.join(", ")}`);
    }
    const resolved = SIZE_NAMES.map((name) => [name, this.words[SIZE_WORDS[name]]]);
    this.sizes = Object.fromEntries(resolved) as ResolvedLoopSizes;
  }

  /** Bytes of the memory that others read. */
  get sharedBytes(): number {
    return steady(this.words[layout.CONFIGURATION_SHARED_BYTES]);
  }
}

function checkedSize(name: string, size: number | undefined): number {
  if (size === undefined) return 0;
  if (Number.isInteger(size) && size >= 0 && size <= UINT32_MAX) return size;
  const detail = `${name} must be a whole number from 0 to ${UINT32_MAX}, not ${size}`;
  throw new NativeError("configure", layout.Status.invalidArgument, 0, detail);
}

/** The three memories of a loop and the views on them. A reference to this keeps all of them alive. */
export class LoopMemory {
  readonly shared: Uint8Array;
  readonly tables: Uint8Array<SharedArrayBuffer>;
  readonly segments: Uint8Array<ArrayBuffer>;
  readonly header: Int32Array;
  readonly submissions: SubmissionRing;
  readonly completions: CompletionRing;
  readonly segmentHolds: Uint16Array;
  readonly sendPending: Uint32Array;
  readonly fileSent: Uint32Array;
  readonly statistics: BigUint64Array;

  /** `given`: memory of other processes in place of the first one, which begins with a page. */
  constructor(
    functions: Pick<NativeFunctions, "ringport_alignment_gap">,
    configuration: Configuration,
    given?: ArrayBufferLike,
  ) {
    const { words, sizes } = configuration;
    const make = (bytes: number) => alignedView(functions, new SharedArrayBuffer(roomy(bytes)), bytes);
    const wanted = configuration.sharedBytes;
    if (given !== undefined && given.byteLength < wanted) {
      const detail = `the loop needs ${wanted} bytes to be shared, not ${given.byteLength}`;
      throw new NativeError("loop_open", layout.Status.memoryInvalid, 0, detail);
    }
    this.shared = given === undefined ? make(wanted) : new Uint8Array(given, 0, wanted);
    // Shared, so that a thread that may seize the loop can keep it after the loop's own thread is gone.
    this.tables = make(words[layout.CONFIGURATION_TABLES_BYTES]);
    const segmentBytes = sizes.segmentSize * sizes.segmentCount;
    this.segments = alignedView(functions, new ArrayBuffer(roomy(segmentBytes)), segmentBytes);

    const { buffer: shared, byteOffset: start } = this.shared;
    const records = (offsetWord: number, count: number) =>
      new Int32Array(shared, start + words[offsetWord], count * (layout.RECORD_SIZE / WORD_BYTES));
    this.header = new Int32Array(shared, start, layout.HEADER_WORDS);
    this.submissions = new SubmissionRing(
      this.header,
      records(layout.CONFIGURATION_SUBMISSION_OFFSET, sizes.submissionRecords),
    );
    this.completions = new CompletionRing(
      this.header,
      records(layout.CONFIGURATION_COMPLETION_OFFSET, sizes.completionRecords),
    );
    const holdsOffset = start + words[layout.CONFIGURATION_SEGMENT_HOLDS_OFFSET];
    this.segmentHolds = new Uint16Array(shared, holdsOffset, sizes.segmentCount);
    const pendingOffset = start + words[layout.CONFIGURATION_SEND_PENDING_OFFSET];
    this.sendPending = new Uint32Array(shared, pendingOffset, sizes.slots);
    const fileSentOffset = start + words[layout.CONFIGURATION_FILE_SENT_OFFSET];
    this.fileSent = new Uint32Array(shared, fileSentOffset, 2 * sizes.slots);
    const statisticsOffset = start + words[layout.CONFIGURATION_STATISTICS_OFFSET];
    this.statistics = new BigUint64Array(shared, statisticsOffset, layout.STATISTICS_MAX);
  }
}

/** Bytes to allocate, so that this number is left behind the first start of a page. */
function roomy(bytes: number): number {
  return steady(bytes) + layout.MEMORY_ALIGNMENT_BYTES;
}

/** The part of a buffer that begins with a page. Only the library knows its position. */
export function alignedView<Buffer extends ArrayBufferLike>(
  functions: Pick<NativeFunctions, "ringport_alignment_gap">,
  buffer: Buffer,
  bytes: number,
): Uint8Array<Buffer> {
  const gap = functions.ringport_alignment_gap(new Uint8Array(buffer));
  return new Uint8Array(buffer, gap, steady(bytes));
}

function steady(bytes: number): number {
  return Math.max(Math.ceil(bytes / COUNTER_BYTES) * COUNTER_BYTES, STEADY_BUFFER_BYTES);
}
