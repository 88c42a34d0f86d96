/**
 * What is remembered of a connection between two receives: the beginning of a message, and the messages in
 * work. A connection that has neither has no channel.
 *
 * @module
 */
import type { ConnectionCore } from "../stream/core.ts";
import type { FramingMemory } from "../stream/extras.ts";
import { discard, resumeFrom } from "../stream/reading.ts";
import { Flag, State } from "../stream/state.ts";
import { mustWait } from "../stream/writing.ts";
import { noBytes } from "./framer.ts";
import type { Pending } from "./pending.ts";
import type { MessageReply } from "./reply.ts";

/** What a channel needs of the framing it belongs to. */
export interface ChannelOwner<D> {
  readonly maxPipeline: number;
  /** The peer has ended, and no reply is owed any more. */
  finishEnd(connection: ConnectionCore<D>, incompleteBytes: number): void;
}

/** The memory of one connection. */
export class Channel<D = unknown> implements FramingMemory {
  readonly connection: ConnectionCore<D>;
  readonly owner: ChannelOwner<D>;
  pending: Pending | undefined = undefined;
  /** The peer reads too slowly: nothing is handled until `drain`. */
  congested = false;
  /** Nothing more is read: the last reply is given, or what came was no message. */
  deaf = false;
  /** Replies in the order of their messages. */
  #head: MessageReply<D> | undefined = undefined;
  #tail: MessageReply<D> | undefined = undefined;
  #count = 0;
  /** Async handlers whose promise has not settled. */
  #running = 0;
  /** Bytes of replies that wait for earlier ones. */
  #queuedBytes = 0;
  /** The peer has ended and replies are owed: bytes of a message that did not come whole; -1 before. */
  #endOwed = -1;

  constructor(connection: ConnectionCore<D>, owner: ChannelOwner<D>) {
    this.connection = connection;
    this.owner = owner;
  }

  /** The oldest message in work. */
  get head(): MessageReply<D> | undefined {
    return this.#head;
  }

  /** No further message is handled now. */
  get stopped(): boolean {
    return this.congested || this.deaf || this.#inWork >= this.owner.maxPipeline;
  }

  /** Messages in work: their reply is owed, or their handler is not done. */
  get #inWork(): number {
    return Math.max(this.#count, this.#running);
  }

  /** The handler of a message has returned a promise. */
  handlerBegan(): void {
    this.#running += 1;
  }

  /** That promise has settled. */
  handlerEnded(): void {
    this.#running -= 1;
    if (this.connection.framing === this) this.settle();
  }

  /** Bytes that `length` further ones may not exceed together with these. */
  hasRoom(length: number): boolean {
    const { connection } = this;
    return connection.bufferedBytes + this.#queuedBytes + length <= connection.group.bufferLimit;
  }

  /** One more message in work. */
  push(reply: MessageReply<D>): void {
    if (this.#tail === undefined) this.#head = reply;
    else this.#tail.next = reply;
    this.#tail = reply;
    this.#count += 1;
    const { connection } = this;
    reply.counted = (connection.flags & Flag.watched) !== 0;
    if (reply.counted) connection.group.watch.replies(connection, 1);
  }

  /** A reply that waits for earlier ones now has its bytes. */
  queued(length: number): void {
    this.#queuedBytes += length;
  }

  /** The head has been answered: it leaves, and so do those behind it that were answered before. */
  advance(): void {
    let head = this.#head;
    while (head !== undefined && head.answered) {
      const { frame } = head;
      if (frame !== undefined) {
        const result = this.#write(frame);
        // Above the buffer's limit: it goes after the next drain.
        if (result === "refused") return;
        this.#queuedBytes -= frame.length;
      }
      const { last } = head;
      this.#leave(head);
      this.#count -= 1;
      this.#head = head = head.next;
      if (head === undefined) this.#tail = undefined;
      if (last) return this.#closeGently();
    }
    this.settle();
  }

  /** After a change: what waited for replies or for room goes on. */
  settle(): void {
    const { connection } = this;
    if (this.#head === undefined) {
      if (this.#endOwed >= 0) {
        const incompleteBytes = this.#endOwed;
        this.#endOwed = -1;
        this.owner.finishEnd(connection, incompleteBytes);
      }
      if (this.deaf) return connection.close();
    }
    if (!this.congested && this.#inWork <= this.owner.maxPipeline >> 1) resumeFrom(connection, Flag.heldBack);
    this.rest();
  }

  /** Gives itself up when there is nothing to remember. */
  rest(): void {
    const idle = this.#head === undefined && this.#running === 0 && this.pending === undefined &&
      !this.congested && !this.deaf;
    if (idle && this.connection.framing === this) this.connection.framing = undefined;
  }

  /** The peer has ended: handled at once, or when the replies owed are written. */
  peerEnded(incompleteBytes: number): void {
    this.#endOwed = incompleteBytes;
    if (this.#head === undefined) this.settle();
  }

  /** Reads nothing more; closes the connection when the replies owed are written. */
  finish(): void {
    this.deaf = true;
    this.dropPending();
    if (this.#head === undefined) this.connection.close();
    else discard(this.connection);
  }

  /** Forgets the beginning of a message; returns how many bytes it had. */
  dropPending(): number {
    const { pending } = this;
    if (pending === undefined) return 0;
    const { length } = pending;
    this.pending = undefined;
    pending.releaseHeld();
    this.connection.messageEnded();
    return length;
  }

  /** The connection is gone. */
  forget(): void {
    this.connection.framing = undefined;
    this.dropPending();
    this.dropReplies();
  }

  leave(): Uint8Array {
    const bytes = this.pending?.toBytes() ?? noBytes;
    this.forget();
    return bytes;
  }

  /** Replies that are still owed can no longer be sent. */
  dropReplies(): void {
    let reply = this.#head;
    this.#head = this.#tail = undefined;
    this.#count = 0;
    this.#queuedBytes = 0;
    while (reply !== undefined) {
      this.#leave(reply);
      reply = reply.next;
    }
  }

  #leave(reply: MessageReply<D>): void {
    reply.leave();
    const { connection } = this;
    if (reply.counted) connection.group.watch.replies(connection, -1);
  }

  #write(frame: Uint8Array): string {
    const { connection } = this;
    const result = mustWait(connection, frame.length) ? "refused" : connection.write(frame);
    const { stateNumber } = connection;
    // A connection that no longer writes loses its replies: nothing waits for them.
    if (stateNumber !== State.open && stateNumber !== State.readEnded) return "sent";
    if (result !== "sent") this.congested = true;
    return result;
  }

  #closeGently(): void {
    this.dropReplies();
    this.connection.close();
  }
}
