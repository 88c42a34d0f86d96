/**
 * What a driver (`bun.ts`, `deno.ts`) gives to the layers above: plain operations, no runtime's name and no
 * pointer. Each driver keeps the memory alive that it hands out.
 *
 * @module
 */
import type { CompletionRing } from "./completion_ring.ts";
import type { SubmissionRing } from "./submission_ring.ts";

/** Sizes asked for when a loop is opened. What is left out takes the default of `zig/src/constants.zig`. */
export interface LoopSizes {
  /** Bytes of one segment. */
  segmentSize?: number;
  /** Segments of the ring. */
  segmentCount?: number;
  /** Submission ring records, a power of two. */
  submissionRecords?: number;
  /** Completion ring records, a power of two. */
  completionRecords?: number;
  /** Connections and listeners at once. */
  slots?: number;
  /** Timers at once. */
  timers?: number;
  /** Entries of all send queues. */
  sendEntries?: number;
  /** Completions of one turn at most. */
  completionsPerTurn?: number;
  /** Bytes free before received bytes. */
  headroom?: number;
  /** Bytes free behind received bytes. */
  tailroom?: number;
  /** Segments one receive may fill. */
  receiveRunSegments?: number;
  /** Seed of the fake backend, where the library was built with it. */
  seed?: number;
}

/** The resolved sizes of an opened loop: every field of {@linkcode LoopSizes}, no default left open. */
export type ResolvedLoopSizes = Required<LoopSizes>;

/** A socket address as numbers and bytes, as it lies in shared memory. */
export interface NativeAddress {
  /** 4 or 6 for an IP address, 1 for a Unix socket, as in `AddressFamily`. */
  family: 1 | 4 | 6;
  port: number;
  flow: number;
  scope: number;
  /** Four or sixteen bytes in network order. */
  bytes: Uint8Array;
  /** Of a Unix socket; empty where it has none, and for the others. */
  path: Uint8Array;
}

/** Rings once, from outside the loop's thread, when a sleeping loop has something to do. */
export interface Doorbell {
  /**
   * Asks for one ring, at the loop's next event or after `milliseconds` (default: never), whichever is first.
   * `ring` runs as a task of the host loop. It may come with nothing to do. No-op while armed. The first call
   * may have to start a native thread and throws a NativeError where that fails.
   */
  arm(ring: () => void, milliseconds?: number): void;
  /** True between arm and ring. */
  readonly armed: boolean;
  /** Keeps the host process alive while armed (the default), or not. */
  ref(): void;
  unref(): void;
}

/**
 * What another thread needs to read a loop's numbers: can be sent by `postMessage`. The memory stays
 * readable when the loop has ended.
 */
export interface ShareableLoop {
  readonly handle: number;
  readonly buffer: ArrayBufferLike;
  /** The library's own tables: nobody reads them, but a thread that may seize the loop must keep them. */
  readonly tables: SharedArrayBuffer;
  /** Bytes from the beginning of `buffer` to the header and to the counters. */
  readonly headerOffset: number;
  readonly statisticsOffset: number;
  readonly sizes: ResolvedLoopSizes;
}

/** A file opened to be sent, and what was known of it then. */
export interface OpenedFile {
  readonly number: number;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** What the memory of a loop of some sizes will be. */
export interface LoopMeasure {
  /** Bytes of the memory that others read; the header begins it. */
  readonly sharedBytes: number;
  readonly statisticsOffset: number;
  readonly sizes: ResolvedLoopSizes;
}

/** The parser of HTTP/1.1 on one loop, with the memory it shares. See `zig/src/http1/records.zig`. */
export interface Http1Native {
  /** Parameters, then records; positions are the `HTTP1_*` constants of `layout.gen.ts`. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** Where heads are joined that came in pieces. */
  readonly join: Uint8Array<ArrayBuffer>;
  /**
   * Parses all whole heads of a range. `position` counts from the first byte of the source in the parameters,
   * the ring or the join area. Returns how many records were written (0 or more), or a negative status: the
   * range or the loop is not valid.
   */
  readonly parse: (position: number, length: number) => number;
  /** Decodes a piece of a chunked body. Returns how many spans were written, or a negative status. */
  readonly chunks: (position: number, length: number) => number;
}

/** One opened native loop with the memory it shares. Used by one thread only, except for `wake`. */
export interface NativeLoop {
  /** Number of the loop within the process. */
  readonly handle: number;
  readonly sizes: ResolvedLoopSizes;
  /** The shared header as words; positions are the `HEADER_*` constants of `layout.gen.ts`. */
  readonly header: Int32Array;
  readonly submissions: SubmissionRing;
  readonly completions: CompletionRing;
  /** The bytes of all segments. They do not begin their buffer. */
  readonly bytes: Uint8Array;
  /** How many hold each segment. */
  readonly segmentHolds: Uint16Array;
  /** Bytes in each slot's native send queue. */
  readonly sendPending: Uint32Array;
  /**
   * Bytes of files that the kernel has taken from the connections of each slot, one after the other: two
   * words for each slot, the low half first. Only grows.
   */
  readonly fileSent: Uint32Array;
  /** Counters; positions are the `Statistic` constants of `layout.gen.ts`. */
  readonly statistics: BigUint64Array;
  readonly doorbell: Doorbell;
  /**
   * One crossing: takes all submissions, waits up to `waitMilliseconds` for events if nothing is ready, and
   * returns how many completions can be read (0 or more), or a negative status.
   */
  readonly poll: (waitMilliseconds: number) => number;
  /**
   * As `poll`, in microseconds; with `NO_LOOK` it takes the submissions and looks for no event. A negative
   * status where the system cannot wait as briefly.
   */
  readonly rest: (microseconds: number) => number;
  /** Names the loop and its numbers to other threads. */
  readonly shareable: ShareableLoop;
  /** Wakes the loop from any thread. */
  wake(): void;
  /** The parser of HTTP/1.1, one a loop; the first call makes its memory. Throws a NativeError. */
  http1(): Http1Native;
  /** Closes and counts the raw descriptor of a connection that no loop took; false: it names no socket. */
  discard(descriptor: number): boolean;
  /** Address of one end of a connection or listener; throws a NativeError. */
  address(id: number, end: "local" | "remote"): NativeAddress;
  /** The system's number of a listening socket; throws a NativeError. */
  descriptorOf(id: number): number;
  /** What waits in a listener's queue; undefined where the system does not report it. */
  listenerQueue(id: number): { length: number; limit: number } | undefined;
  /** Datagrams the kernel dropped at a socket, in 31 bits; undefined where the system does not report it. */
  receiveDrops(id: number): number | undefined;
  /**
   * Bytes of a connection that the kernel has taken and the peer has not acknowledged; 0 where the system
   * does not report it.
   */
  unacknowledged(id: number): number;
  /** Returns a status number: 0 for ok. `systemError` of the failure is in the returned pair. */
  setOption(id: number, option: number, value: number): { status: number; systemError: number };
  /**
   * Closes what is open on the loop, which is polled no more; its memory stays until `close`. Returns a
   * status: ok, or busy where the kernel still holds something, and a later call continues.
   */
  seize(): number;
  /** Ends the loop with what is open on it, at once: the thread is about to end. */
  endNow(): void;
  /** The runtime is about to end and has ended the loop: poll it no more. */
  readonly ended: boolean;
  /** Ends the doorbell and the native loop. Connections still open are aborted, without completions. */
  close(): Promise<void>;
}

/** The system's numbers of this process; 0 if the system does not report one. */
export interface ProcessCounters {
  /** Seconds of processor time, the system's on its behalf included. */
  readonly cpuSeconds: number;
  /** Bytes in physical memory, and of address space. */
  readonly residentBytes: number;
  readonly virtualBytes: number;
  /** When it was started, in milliseconds since 1970. */
  readonly startedMilliseconds: number;
  /** Descriptors (handles on Windows) that are open, and how many may be. */
  readonly openDescriptors: number;
  readonly maxDescriptors: number;
}

/** What waits at an address to be accepted, over all sockets that listen there. */
export interface ListenQueue {
  readonly sockets: number;
  readonly length: number;
  readonly limit: number;
}

/** What is given to another process. */
export type Gift = "socket" | "memory";

/**
 * One end of the way on which sockets and memory go from this process to one other process, or come from it.
 * Used by one thread.
 */
export interface Lane {
  /** The process at the other end, as the system says; undefined where it does not report it. */
  readonly processId: number | undefined;
  /**
   * Gives a descriptor, which the other process takes by the ticket returned. "busy": the other process is
   * behind with taking. The descriptor stays open here as well, and its giver closes it once it was taken. On
   * Windows only a connection that belongs to no loop can be given. Throws a NativeError once the other
   * process is gone or this end is closed.
   */
  give(gift: Gift, descriptor: number): Uint8Array<ArrayBuffer> | "busy";
  /**
   * The descriptor given under the ticket, which belongs to the caller from then on; tickets come in the
   * order of giving, and what is skipped is closed. "exhausted": this process has no descriptor left for it;
   * the same ticket can be shown again. Throws a NativeError: notFound where nothing of that ticket has come.
   */
  take(ticket: Uint8Array): number | "exhausted";
  /** Closes this end, and the descriptors that arrived and were not taken. */
  close(): void;
}

/** Memory that several processes map. */
export interface SharedMemory {
  readonly bytes: number;
  /** Names it where it was made, so that it can be given to other processes; 0 elsewhere. */
  readonly descriptor: number;
  /**
   * A part of it, to be used until it is closed. Throws a NativeError: accessDenied where memory at an
   * address may not be read.
   */
  part(offset: number, bytes: number): ArrayBuffer;
  /** Gives this process's share of it back. All parts are detached. */
  close(): void;
}

/** The library, opened and checked in this thread. */
export interface Native {
  readonly runtime: "bun" | "deno";
  /** Absolute path of the loaded library. */
  readonly libraryPath: string;
  /**
   * Opens a loop; throws a NativeError when a size is refused or memory is missing. `shared`: memory for what
   * others read, all zero, as `measureLoop` says.
   */
  openLoop(sizes?: LoopSizes, shared?: ArrayBufferLike): NativeLoop;
  /** Measures a loop that another thread will open with these sizes. */
  measureLoop(sizes: LoopSizes): LoopMeasure;
  /** Addresses of a host name, as text, in the resolver's order. */
  resolve(hostname: string): Promise<string[]>;
  /** Descriptors the process may have open, Infinity where the system sets no limit. */
  descriptorLimit(): number;
  /** Wakes the loop of another worker of this process by its handle. */
  wakeLoop(handle: number): void;
  /**
   * Takes the loop of another thread away: aborts its connections and closes its listeners. Returns a status:
   * ok; busy where its thread is inside the library and stays there, or the kernel still holds something,
   * after seconds of waiting; invalidLoop where there is no such loop (any more). Its thread must be kept
   * until the answer is another than busy, since its memory is in use.
   */
  seizeLoop(handle: number): number;
  /** Closes the raw descriptor of a connection that no loop took; false where it names no socket. */
  discard(descriptor: number): boolean;
  /** This process as the system sees it now. */
  processCounters(): ProcessCounters;
  /**
   * The queues of TCP sockets at an address, of any process; undefined where the system does not report it.
   */
  listenQueue(address: { family: 4 | 6; port: number; bytes: Uint8Array }): ListenQueue | undefined;
  /** The system's own counters of TCP, as it writes them; undefined where it does not report it. */
  networkCounters(): string | undefined;
  /**
   * Opens the giving end of a lane. On Linux the taker is the peer of `connection`, an accepted Unix socket
   * that belongs to no loop yet, and is sent the other end over it; on Windows the taker is the process of
   * that number. Throws a NativeError: accessDenied where the peer is of another user or not the process that
   * is named.
   */
  openLane(connection: number | undefined, processId?: number): Lane;
  /**
   * The other end, from the peer of a connection that `dialMeeting` has made; on Windows without one.
   * Undefined: it has not come yet. Throws a NativeError: accessDenied, connectionReset where the peer is
   * gone.
   */
  takeLane(connection: number | undefined, processId?: number): Lane | undefined;
  /**
   * Connects to a Unix socket; the descriptor belongs to the caller. Throws a NativeError: accessDenied where
   * a process of another user listens there, or another one than `processId`; backlogFull where it may go
   * later. Linux only.
   */
  dialMeeting(path: string, processId?: number): number;
  /**
   * Makes a folder that no other user may enter, under a name that cannot be guessed; its path. Throws a
   * NativeError: accessDenied where others could replace it. Linux only.
   */
  makeMeetingFolder(parent: string): string;
  /** Removes such a folder where it is empty. */
  removeMeetingFolder(path: string): void;
  /** Makes memory that other processes can map, all zero. Throws a NativeError where the system has none. */
  createMemory(bytes: number): SharedMemory;
  /** Maps memory of this length that was taken from an inbox; its descriptor is closed in any case. */
  openMemory(descriptor: number, bytes: number): SharedMemory;
  /** The number of a network interface; undefined where none has the name. */
  interfaceIndex(name: string): number | undefined;
  /**
   * Sends a text to a datagram socket of the Unix family, for a service manager; `path` begins with a zero
   * byte where it is a name. `stamped`: with the microseconds of the monotonic clock at its end. Gives a
   * status: `busy` where there is no room now.
   */
  notify(path: string, text: string, stamped: boolean): number;
  /** The path of the process's current folder; undefined where it has none, or a very long one. */
  currentFolder(): string | undefined;
  /**
   * Opens a regular file that connections of any loop may send. Throws a NativeError: notFound, accessDenied,
   * notAFile.
   */
  openFile(path: string): OpenedFile;
  /** No further send may name the file; it is closed when those under way have ended. */
  closeFile(number: number): void;
  /** Milliseconds of a clock that all processes of the machine read alike, the lower 32 bits of them. */
  now(): number;
}
