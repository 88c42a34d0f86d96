/**
 * One opened loop, on either runtime: its memory, its functions bound to its handle, its doorbell.
 *
 * @module
 */
import type { CompletionRing } from "./completion_ring.ts";
import type { NativeFunctions, OpenedLibrary, OwnedDoorbell } from "./driver.ts";
import * as layout from "./layout.gen.ts";
import { alignedView, Configuration, LoopMemory } from "./memory.ts";
import type {
  Doorbell,
  Http1Native,
  LoopMeasure,
  LoopSizes,
  NativeAddress,
  NativeLoop,
  ResolvedLoopSizes,
  ShareableLoop,
} from "./port.ts";
import { NativeError } from "./status.ts";
import type { SubmissionRing } from "./submission_ring.ts";

/** Milliseconds between two attempts to end a loop the kernel still holds something of. */
const CLOSE_RETRY_MILLISECONDS = 10;
/** A second in all: what the kernel holds of an aborted socket comes back within a few milliseconds. */
const CLOSE_ATTEMPTS_MAX = 100;

/** Milliseconds a woken thread may take to leave the library while the process ends. */
const endWaitMilliseconds = 100;

/** Loops the library may still write into: what is here is not collected, even if its user forgot it. */
const openLoops = new Set<OpenedLoop>();

/** What the memory of a loop of these sizes will be; throws a NativeError when a size is refused. */
export function measureLoop({ functions }: OpenedLibrary, sizes: LoopSizes): LoopMeasure {
  const configuration = new Configuration(functions, sizes);
  return {
    sharedBytes: configuration.sharedBytes,
    statisticsOffset: configuration.words[layout.CONFIGURATION_STATISTICS_OFFSET],
    sizes: configuration.sizes,
  };
}

/** Opens a loop; throws a NativeError when a size is refused or memory is missing. */
export function openLoop(library: OpenedLibrary, sizes: LoopSizes, shared?: ArrayBufferLike): NativeLoop {
  const { functions } = library;
  const configuration = new Configuration(functions, sizes);
  const memory = new LoopMemory(functions, configuration, shared);
  const { bytes } = configuration;
  const handle = functions.ringport_loop_open(bytes, memory.shared, memory.tables, memory.segments);
  if (handle <= 0) {
    throw new NativeError("loop_open", -handle, memory.header[layout.HEADER_LAST_SYSTEM_ERROR] >>> 0);
  }
  const loop = new OpenedLoop(library, handle, configuration.sizes, memory);
  openLoops.add(loop);
  endWithProcess();
  return loop;
}

/** The loops this thread has open, for tests that look for what was left. */
export function loopsOpen(): NativeLoop[] {
  return [...openLoops];
}

let endsWithProcess = false;

/**
 * A runtime that ends gives the memory back while another of its threads may wait in the library. Deno
 * announces it, as browsers do; Bun does not and ends without giving back.
 */
function endWithProcess(): void {
  if (endsWithProcess) return;
  endsWithProcess = true;
  globalThis.addEventListener("unload", () => {
    for (const loop of openLoops) loop.endNow();
  });
}

class OpenedLoop implements NativeLoop {
  readonly handle: number;
  readonly sizes: ResolvedLoopSizes;
  readonly header: Int32Array;
  readonly submissions: SubmissionRing;
  readonly completions: CompletionRing;
  readonly bytes: Uint8Array;
  readonly segmentHolds: Uint16Array;
  readonly sendPending: Uint32Array;
  readonly fileSent: Uint32Array;
  readonly statistics: BigUint64Array;
  readonly doorbell: Doorbell;
  readonly poll: (waitMilliseconds: number) => number;
  readonly rest: (microseconds: number) => number;
  readonly shareable: ShareableLoop;
  ended = false;

  readonly #functions: NativeFunctions;
  /** Kept for the library, which reads and writes it until close. */
  readonly #memory: LoopMemory;
  readonly #doorbell: OwnedDoorbell;
  #closing: Promise<void> | undefined;
  /** Its memory is the library's as well until close. */
  #http1: Http1Native | undefined;

  constructor(library: OpenedLibrary, handle: number, sizes: ResolvedLoopSizes, memory: LoopMemory) {
    this.handle = handle;
    this.sizes = sizes;
    this.header = memory.header;
    this.submissions = memory.submissions;
    this.completions = memory.completions;
    this.bytes = memory.segments;
    this.segmentHolds = memory.segmentHolds;
    this.sendPending = memory.sendPending;
    this.fileSent = memory.fileSent;
    this.statistics = memory.statistics;
    this.shareable = {
      handle,
      buffer: memory.shared.buffer,
      tables: memory.tables.buffer,
      headerOffset: memory.header.byteOffset,
      statisticsOffset: memory.statistics.byteOffset,
      sizes,
    };
    this.#functions = library.functions;
    this.#memory = memory;
    this.#doorbell = library.createDoorbell(handle);
    this.doorbell = this.#doorbell;
    const { ringport_poll, ringport_rest } = library.functions;
    // A closure over the plain function: calls through a property of the library miss V8's fast path.
    this.poll = (waitMilliseconds) => ringport_poll(handle, waitMilliseconds);
    this.rest = (microseconds) => ringport_rest(handle, microseconds);
  }

  wake(): void {
    this.#functions.ringport_wake(this.handle);
  }

  http1(): Http1Native {
    this.#http1 ??= attachHttp1(this.#functions, this.handle);
    return this.#http1;
  }

  discard(descriptor: number): boolean {
    return this.#functions.ringport_discard(this.handle, descriptor >>> 0) === 0;
  }

  address(id: number, end: "local" | "remote"): NativeAddress {
    const result = this.#functions.ringport_connection_address(this.handle, id, layout.AddressEnd[end]);
    if (result < 0) throw new NativeError("connection_address", -result, this.#lastSystemError());
    const { buffer, byteOffset } = this.#memory.shared;
    const address = readAddress(buffer, byteOffset + layout.HEADER_ADDRESS_BYTE);
    const isUnix = address.family === layout.AddressFamily.unix;
    return isUnix ? { ...address, path: readPath(buffer, byteOffset + layout.HEADER_PATH_BYTE) } : address;
  }

  descriptorOf(id: number): number {
    const result = this.#functions.ringport_listener_descriptor(this.handle, id);
    if (result < 0) throw new NativeError("listener_descriptor", -result);
    return result;
  }

  listenerQueue(id: number): { length: number; limit: number } | undefined {
    if (this.#functions.ringport_listener_queue(this.handle, id) < 0) return undefined;
    const { header } = this;
    return {
      length: header[layout.HEADER_ACCEPT_QUEUE_LENGTH] >>> 0,
      limit: header[layout.HEADER_ACCEPT_QUEUE_LIMIT] >>> 0,
    };
  }

  receiveDrops(id: number): number | undefined {
    const result = this.#functions.ringport_receive_drops(this.handle, id);
    return result < 0 ? undefined : result;
  }

  unacknowledged(id: number): number {
    return Math.max(0, this.#functions.ringport_unacknowledged(this.handle, id));
  }

  setOption(id: number, option: number, value: number): { status: number; systemError: number } {
    // Deno takes no -0 for an unsigned number.
    const result = this.#functions.ringport_set_option(this.handle, id, option, value >>> 0);
    return result < 0
      ? { status: -result, systemError: this.#lastSystemError() }
      : { status: layout.Status.ok, systemError: 0 };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  seize(): number {
    return -this.#functions.ringport_loop_seize(this.handle);
  }

  /** Ends the loop with what is open on it, the process being about to end. */
  endNow(): void {
    this.ended = true;
    this.#functions.ringport_wake(this.handle);
    const deadline = performance.now() + endWaitMilliseconds;
    while (this.#functions.ringport_loop_close(this.handle) === -layout.Status.busy) {
      if (performance.now() > deadline) return;
    }
  }

  async #close(): Promise<void> {
    await this.#doorbell.close();
    let result = this.#functions.ringport_loop_close(this.handle);
    for (let attempt = 1; result === -layout.Status.busy && attempt < CLOSE_ATTEMPTS_MAX; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, CLOSE_RETRY_MILLISECONDS));
      result = this.#functions.ringport_loop_close(this.handle);
    }
    // Ended meanwhile, with the process.
    if (this.ended && result === -layout.Status.invalidLoop) return void openLoops.delete(this);
    // A loop that is still held stays in the set: its memory is the kernel's.
    if (result < 0) throw new NativeError("loop_close", -result, this.#lastSystemError());
    openLoops.delete(this);
    // What a thread submitted after its loop was taken away.
    this.submissions.takeBack(layout.Operation.adopt, (descriptor) => this.discard(descriptor));
  }

  #lastSystemError(): number {
    return this.header[layout.HEADER_LAST_SYSTEM_ERROR] >>> 0;
  }
}

/** Gives the parser of HTTP/1.1 its memory. */
function attachHttp1(functions: NativeFunctions, handle: number): Http1Native {
  const bytes = layout.HTTP1_MEMORY_BYTES;
  const memory = alignedView(functions, new ArrayBuffer(bytes + layout.MEMORY_ALIGNMENT_BYTES), bytes);
  const result = functions.ringport_http1_attach(handle, memory, bytes);
  if (result < 0) throw new NativeError("http1_attach", -result);
  const { buffer, byteOffset } = memory;
  const words = layout.HTTP1_PARAMETER_WORDS + layout.HTTP1_RECORD_WORDS;
  const { ringport_http1_parse, ringport_http1_chunks } = functions;
  return {
    words: new Uint32Array(buffer, byteOffset, words),
    join: memory.subarray(words * Uint32Array.BYTES_PER_ELEMENT),
    parse: (position, length) => ringport_http1_parse(handle, position, length),
    chunks: (position, length) => ringport_http1_chunks(handle, position, length),
  };
}

/** Reads an Address struct; the bytes are a copy. */
function readAddress(buffer: ArrayBufferLike, offset: number): NativeAddress {
  const view = new DataView(buffer, offset, layout.ADDRESS_SIZE);
  const family = view.getUint16(layout.ADDRESS_FAMILY_BYTE, true);
  const ipv4 = family === layout.AddressFamily.ipv4;
  return {
    family: ipv4 ? 4 : family === layout.AddressFamily.unix ? 1 : 6,
    path: new Uint8Array(0),
    port: view.getUint16(layout.ADDRESS_PORT_BYTE, true),
    flow: view.getUint32(layout.ADDRESS_FLOW_BYTE, true),
    scope: view.getUint32(layout.ADDRESS_SCOPE_BYTE, true),
    bytes: new Uint8Array(buffer, offset + layout.ADDRESS_BYTES_BYTE, ipv4 ? 4 : 16).slice(),
  };
}

/** Reads a Path struct; the bytes are a copy. */
function readPath(buffer: ArrayBufferLike, offset: number): Uint8Array {
  const told = new DataView(buffer).getUint32(offset + layout.PATH_LENGTH_BYTE, true);
  const length = Math.min(told, layout.PATH_BYTES_MAX);
  return new Uint8Array(buffer, offset + layout.PATH_BYTES_BYTE, length).slice();
}
