/**
 * The requests in work on one connection, and their answers, which leave in order. A connection without any
 * has no pipeline: a request that is answered within its callback, with nothing owed before it, never needs
 * one.
 *
 * @module
 */
import type { RingWindow } from "../memory/window.ts";
import { StreamConnection } from "../stream/connection.ts";
import type { Protocol, ProtocolMemory } from "../stream/protocol.ts";
import type { FilePart } from "../stream/sendable_file.ts";
import { Flag, State } from "../stream/state.ts";
import { TimedPhase } from "../stream/time_limits/words.ts";
import type { WriteResult } from "../stream/types.ts";
import type { BodyReader } from "./body_reader.ts";
import type { HttpRefusal } from "./counts.ts";
import type { ResolvedHttpOptions } from "./options.ts";
import type { PendingHead } from "./pending_head.ts";
import type { ServingLoop } from "./serving_loop.ts";

/** What a pipeline needs of the table it belongs to. */
export interface PipelineOwner<D> {
  readonly options: ResolvedHttpOptions;
  /** The peer has ended, and no answer is owed any more. */
  finishEnd(connection: StreamConnection<D>): void;
  /** Answers with a status, as the last answer, behind those that are owed. */
  refuse(connection: StreamConnection<D>, loop: ServingLoop, refusal: HttpRefusal): void;
}

/** An exchange as its pipeline sees it. */
export interface QueuedAnswer {
  next: QueuedAnswer | undefined;
  /** The whole answer is given. */
  readonly complete: boolean;
  /** The answer has begun. */
  readonly headersSent: boolean;
  /** The body of its request is being read and has not come whole. */
  readonly awaitsBody: boolean;
  /** The connection is closed behind it. */
  readonly last: boolean;
  /** It counts as a handler that waits, so that its connection is not taken for an idle one. */
  counted: boolean;
  /** Its turn has come, or is over: the kept bytes leave. */
  releasePieces(): void;
  /** All earlier answers are out. */
  turnCame(): void;
  /** The client has caught up. */
  caughtUp(): void;
  /** The server answers in place of the handler, as the last answer. */
  takeOver(status: number): void;
  /** It is no longer in the pipeline. */
  left(): void;
  /** Its connection is gone. */
  lose(): void;
}

function pipelineOn(connection: unknown): Pipeline | undefined {
  if (!(connection instanceof StreamConnection)) return undefined;
  const { memory } = connection as StreamConnection;
  return memory instanceof Pipeline ? memory : undefined;
}

/** What a server's shutdown does with connections that speak HTTP. */
export const httpProtocol: Protocol = {
  isIdle(connection) {
    const pipeline = pipelineOn(connection);
    return pipeline === undefined ? connection.bufferedBytes === 0 : pipeline.idle;
  },
  finish(connection) {
    const pipeline = pipelineOn(connection);
    if (pipeline === undefined) (connection as StreamConnection<unknown>).closeGently();
    else pipeline.finish();
  },
  draining(connection) {
    const pipeline = pipelineOn(connection);
    if (pipeline !== undefined) pipeline.draining = true;
  },
};

/** Where nothing waits: never changed, so that a pipeline of one answer makes no lists. */
const noPieces: Uint8Array[] = [];
const noBacklog: (Uint8Array | FilePart)[] = [];

/** The memory of one connection. */
export class Pipeline<D = unknown> implements ProtocolMemory {
  readonly connection: StreamConnection<D>;
  readonly owner: PipelineOwner<D>;
  readonly loop: ServingLoop;
  /** The beginning of a head whose end has not come. */
  pending: PendingHead | undefined = undefined;
  /** Empty lines since the last request. */
  emptyLines = 0;
  /** The body that comes in now, or waits to be read. */
  body: BodyReader | undefined = undefined;
  /** The client reads too slowly: no further request is handled until `drain`. */
  congested = false;
  /** No further request is read: the last answer is given, or the received bytes were not a request. */
  deaf = false;
  /** A request may take the connection over: what is behind it waits. */
  upgrading = false;
  /** The server is about to stop: answers say so. */
  draining = false;
  /** Bytes behind the request being handled are here already. */
  moreBehind = false;
  /** The phase that the time limits know of. */
  timed: TimedPhase = TimedPhase.unused;
  /** Requests so far, where they are limited. */
  requests = 0;
  /** Answers in the order of their requests. */
  #head: QueuedAnswer | undefined = undefined;
  #tail: QueuedAnswer | undefined = undefined;
  #count = 0;
  /** Async handlers whose promise has not settled. */
  #running = 0;
  /** Bytes of answers that wait for earlier ones. */
  #queuedBytes = 0;
  /** Bytes that leave at the end of the turn. */
  #corked: Uint8Array[] = noPieces;
  #corkedBytes = 0;
  /** Bytes and held files above what the connection takes: they follow with each `drain`. */
  #backlog: (Uint8Array | FilePart)[] = noBacklog;
  /** Its bytes, and for files what they count as in the connection's buffer. */
  #backlogBytes = 0;
  /** The peer has ended, and answers are owed. */
  #endOwed = false;

  constructor(connection: StreamConnection<D>, owner: PipelineOwner<D>, loop: ServingLoop) {
    this.connection = connection;
    this.owner = owner;
    this.loop = loop;
  }

  get protocol(): Protocol {
    return httpProtocol;
  }

  /** The oldest exchange whose answer is owed. */
  get head(): QueuedAnswer | undefined {
    return this.#head;
  }

  /** Whether the answer, owed or not owed yet, is the last one before an end that is near. */
  endsWith(answer: QueuedAnswer): boolean {
    if (!this.deaf && (!this.draining || this.moreBehind)) return false;
    return this.#tail === undefined || this.#tail === answer;
  }

  /** No further request is handled now. */
  get stopped(): boolean {
    return this.congested || this.deaf || this.upgrading || this.#inWork >= this.owner.options.maxPipeline;
  }

  /** Nothing is in flight: no request has begun, no answer is owed. */
  get idle(): boolean {
    return this.#head === undefined && this.#running === 0 && this.pending === undefined &&
      this.body === undefined && this.bufferedBytes === 0;
  }

  get #inWork(): number {
    return Math.max(this.#count, this.#running);
  }

  /** Bytes of all answers that the kernel has not taken. */
  get bufferedBytes(): number {
    return this.#leavingBytes + this.#queuedBytes;
  }

  /** Of these, the ones that wait for no earlier answer. */
  get #leavingBytes(): number {
    return this.connection.bufferedBytes + this.#corkedBytes + this.#backlogBytes;
  }

  // Answers in order.

  /** One more exchange in work. */
  push(exchange: QueuedAnswer): void {
    if (this.#tail === undefined) this.#head = exchange;
    else this.#tail.next = exchange;
    this.#tail = exchange;
    this.#count += 1;
    const { connection } = this;
    exchange.counted = (connection.flags & Flag.watched) !== 0;
    if (exchange.counted) connection.config.timeLimits.replies(connection, 1);
  }

  /** An answer that waits for earlier ones has this many more bytes, or fewer. */
  queued(length: number): void {
    this.#queuedBytes += length;
  }

  handlerBegan(): void {
    this.#running += 1;
  }

  handlerEnded(): void {
    this.#running -= 1;
    if (this.connection.memory === this) this.settle();
  }

  /** The oldest answer is complete: it leaves, and so do those behind it that were complete before. */
  advance(): void {
    let head = this.#head;
    while (head !== undefined && head.complete) {
      head.releasePieces();
      const { last, next } = head;
      this.#head = next;
      if (next === undefined) this.#tail = undefined;
      this.#count -= 1;
      // The limits of the next one count from now.
      this.timed = TimedPhase.unused;
      this.#leave(head);
      if (last) {
        this.deaf = true;
        this.#dropExchanges();
        break;
      }
      head = next;
    }
    if (head !== undefined && this.#head === head) {
      head.turnCame();
      if (this.connection.memory !== this) return;
    }
    this.settle();
  }

  /** After a change: requests and bodies that waited continue, and so does the end. */
  settle(): void {
    const { connection } = this;
    if (this.#head === undefined && this.#backlogBytes === 0 && (this.#endOwed || this.deaf)) {
      this.#flushAll();
      if (this.#backlogBytes > 0) return;
      if (this.#endOwed) {
        this.#endOwed = false;
        this.owner.finishEnd(connection);
      }
      if (this.deaf) return connection.closeGently();
    }
    const bodyWaits = this.body !== undefined && this.body.blocked;
    const headsWait = this.congested || this.upgrading ||
      this.#inWork > this.owner.options.maxPipeline >> 1;
    if (this.body === undefined ? !headsWait : !bodyWaits) connection.resumeFrom(Flag.heldBack);
    if ((connection.flags & Flag.watched) !== 0) this.tellPhase();
    this.rest();
  }

  /** What the connection is doing. */
  get phase(): TimedPhase {
    const head = this.#head;
    if (head === undefined) {
      // What was given whole is still on its way, and nothing is read meanwhile.
      if (this.congested) return TimedPhase.answer;
      return this.pending === undefined ? TimedPhase.keepAlive : TimedPhase.head;
    }
    if (head.headersSent) return TimedPhase.answer;
    return head.awaitsBody ? TimedPhase.body : TimedPhase.handler;
  }

  /** Exchanges whose answer is owed. */
  get owed(): number {
    return this.#count;
  }

  /** Tells the time limits of a change. */
  tellPhase(): void {
    const { phase, connection } = this;
    if (phase === this.timed) return;
    this.timed = phase;
    connection.phaseBegan(phase);
  }

  /** Gives itself up when there is nothing to remember. */
  rest(): void {
    const remembers = this.congested || this.deaf || this.upgrading || this.draining || this.requests > 0 ||
      this.emptyLines > 0 || this.#endOwed || this.#corkedBytes > 0 || this.#backlogBytes > 0 ||
      this.#queuedBytes > 0;
    if (remembers || this.#head !== undefined || this.#running > 0) return;
    if (this.pending !== undefined || this.body !== undefined) return;
    if (this.connection.memory === this) this.connection.memory = undefined;
  }

  // Bytes on their way out.

  /**
   * Whether the oldest answer may buffer this number of further bytes; a single piece of any size may. What
   * later answers have given does not count: it waits for this one to end.
   */
  hasRoom(length: number): boolean {
    if (!this.writes) return false;
    if (this.#leavingBytes + length <= this.connection.config.bufferLimit) return true;
    this.flushCork();
    const buffered = this.#leavingBytes;
    if (buffered === 0 || buffered + length <= this.connection.config.bufferLimit) return true;
    this.#fallBehind();
    return false;
  }

  /** Whether a later answer may buffer this number of further bytes. Where not, it waits for its turn. */
  hasRoomBehind(length: number): boolean {
    return this.writes && this.bufferedBytes + length <= this.connection.config.bufferLimit;
  }

  /** Keeps bytes until the end of the turn. */
  cork(bytes: Uint8Array): WriteResult {
    if (!this.writes) return "refused";
    if (this.#corkedBytes === 0) this.loop.cork(this);
    if (this.#corked === noPieces) this.#corked = [bytes];
    else this.#corked.push(bytes);
    this.#corkedBytes += bytes.length;
    if (this.#corkedBytes >= this.connection.config.highWaterMark) this.flushCork();
    return this.result();
  }

  /** What a write that has just been made answers. */
  result(): WriteResult {
    if (!this.writes) return "refused";
    if (this.congested) return "queued";
    return this.#corkedBytes + this.connection.bufferedBytes > this.connection.config.highWaterMark
      ? "queued"
      : "sent";
  }

  /** Writes what was kept. */
  flushCork(): void {
    const corked = this.#corked;
    if (corked.length === 0) return;
    const length = this.#corkedBytes;
    this.#corked = noPieces;
    this.#corkedBytes = 0;
    this.deliver(corked.length === 1 ? corked[0] : joined(corked, length));
    this.settle();
  }

  /** Writes bytes behind all that were written before. */
  putApart(bytes: RingWindow | Uint8Array): WriteResult {
    this.#flushAll();
    this.deliver(bytes);
    return this.result();
  }

  /** Sends a part of a file behind all that was written before. Where it must wait, the file is held. */
  putFile(part: FilePart): WriteResult {
    this.#flushAll();
    if (!this.writes) return "refused";
    const weight = this.#weightOf(part);
    if (this.#backlogBytes === 0 && !this.connection.mustWait(weight)) {
      this.#sendFile(part);
    } else {
      part.file.hold();
      this.#pushBack(part, weight);
    }
    return this.result();
  }

  #sendFile(part: FilePart): void {
    const { connection } = this;
    if (connection.config.sender.sendFile(connection, part).result !== "sent") this.congested = true;
  }

  #weightOf({ length }: FilePart): number {
    return this.connection.config.sender.weightOf(this.connection, length);
  }

  #flushAll(): void {
    const { output } = this.loop;
    if (output.target === this.connection) output.flush();
    const corked = this.#corked;
    if (corked.length === 0) return;
    const length = this.#corkedBytes;
    this.#corked = noPieces;
    this.#corkedBytes = 0;
    this.deliver(corked.length === 1 ? corked[0] : joined(corked, length));
  }

  /** Hands bytes to the connection, as many as it takes; the rest follows with `drain`. */
  deliver(bytes: RingWindow | Uint8Array): void {
    const { connection } = this;
    if (!this.writes || bytes.length === 0) return;
    const tooLong = bytes.length > connection.config.bufferLimit;
    if (this.#backlogBytes > 0 || tooLong || connection.mustWait(bytes.length)) {
      return this.#pushBack(bytes.slice(), bytes.length);
    }
    if (connection.write(bytes) !== "sent") this.congested = true;
  }

  #pushBack(piece: Uint8Array | FilePart, weight: number): void {
    if (this.#backlog === noBacklog) this.#backlog = [];
    this.#backlog.push(piece);
    this.#backlogBytes += weight;
    this.#feedBacklog();
  }

  #feedBacklog(): void {
    const { connection } = this;
    const step = Math.min(connection.config.bufferLimit, backlogStepBytes);
    while (this.#backlogBytes > 0 && this.writes) {
      const first = this.#backlog[0];
      if (!(first instanceof Uint8Array)) {
        const weight = this.#weightOf(first);
        if (connection.mustWait(weight)) break;
        this.#sendFile(first);
        first.file.release();
        this.#backlogBytes -= weight;
        this.#backlog.shift();
        continue;
      }
      const piece = first.length <= step ? first : first.subarray(0, step);
      if (connection.mustWait(piece.length)) break;
      connection.write(piece);
      this.#backlogBytes -= piece.length;
      if (piece === first) this.#backlog.shift();
      else this.#backlog[0] = first.subarray(step);
    }
    if (this.#backlogBytes > 0) this.congested = true;
  }

  /** The client is behind, although the connection itself may not say so. */
  #fallBehind(): void {
    this.congested = true;
    this.connection.mustWait(this.connection.config.bufferLimit);
  }

  /** The client takes bytes again. */
  drained(): void {
    this.congested = false;
    this.#feedBacklog();
    if (!this.congested) this.#head?.caughtUp();
    this.advance();
  }

  /** Whether the connection still takes bytes. */
  get writes(): boolean {
    const { stateNumber } = this.connection;
    return stateNumber === State.open || stateNumber === State.readEnded;
  }

  // Endings.

  /** The peer has ended its side: this side ends when the answers owed are written. */
  peerEnded(): void {
    this.dropPending();
    const { body } = this;
    this.body = undefined;
    body?.leave();
    this.#endOwed = true;
    // From now on an answer that has begun can be idle.
    if (this.timed === TimedPhase.answer) this.timed = TimedPhase.unused;
    this.settle();
  }

  /** Reads nothing more; closes the connection when the answers owed are written. */
  finish(): void {
    this.deaf = true;
    this.dropPending();
    if (this.#head === undefined) this.settle();
    else if (this.body === undefined) this.connection.discard();
  }

  /** Forgets the beginning of a head. */
  dropPending(): void {
    if (this.pending === undefined) return;
    this.pending = undefined;
  }

  /** The connection is gone. */
  forget(): void {
    this.connection.memory = undefined;
    this.dropPending();
    this.#corked = noPieces;
    for (const piece of this.#backlog) if (!(piece instanceof Uint8Array)) piece.file.release();
    this.#backlog = noBacklog;
    this.#corkedBytes = this.#backlogBytes = this.#queuedBytes = 0;
    const { body } = this;
    this.body = undefined;
    this.#dropExchanges();
    body?.leave();
  }

  /** The connection continues with other handlers. */
  leave(): Uint8Array {
    this.#flushAll();
    const bytes = this.pending?.toBytes() ?? noBytes;
    this.forget();
    return bytes;
  }

  /** Answers that are still owed can no longer be sent. */
  #dropExchanges(): void {
    let exchange = this.#head;
    this.#head = this.#tail = undefined;
    this.#count = 0;
    while (exchange !== undefined) {
      const { next } = exchange;
      this.#leave(exchange);
      exchange.lose();
      exchange = next;
    }
  }

  #leave(exchange: QueuedAnswer): void {
    const { connection } = this;
    exchange.next = undefined;
    if (exchange.counted) connection.config.timeLimits.replies(connection, -1);
    exchange.left();
  }
}

/** Bytes of a backlog that are written at once. */
const backlogStepBytes = 256 * 1024;

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const noBytes = new Uint8Array(0);
