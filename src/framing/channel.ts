/**
 * The state of a connection between two receives: the beginning of a message, and the messages in progress
 * with their replies. A connection without either has no channel. A reply is written at once if no earlier
 * one is owed, otherwise in its turn.
 *
 * @module
 */
import { StateError } from "../base/errors.ts";
import type { RingWindow } from "../memory/window.ts";
import type { StreamConnection } from "../stream/connection.ts";
import type { Protocol, ProtocolMemory } from "../stream/protocol.ts";
import { Flag, State } from "../stream/state.ts";
import type { Connection, Writable, WriteResult } from "../stream/types.ts";
import { type MessageFramer, noBytes } from "./framer.ts";
import type { Pending } from "./pending.ts";
import { encodeMessage, writeMessage } from "./send.ts";
import type { Reply } from "./types.ts";

/** What a channel needs of the framing it belongs to. */
export interface ChannelOwner<D> {
  readonly maxPipeline: number;
  /** The peer has ended, and no reply is owed any more. */
  finishEnd(connection: StreamConnection<D>, incompleteBytes: number): void;
}

/** The channel of a framed connection; undefined where it has none, or another protocol's memory. */
function channelOn(connection: Connection<unknown>): Channel<unknown> | undefined {
  const { memory } = connection as StreamConnection<unknown>;
  return memory instanceof Channel ? memory : undefined;
}

/** What a server's shutdown does with framed connections. */
export const framedProtocol: Protocol = {
  /** No message has begun, no reply is owed. */
  isIdle: (connection) => channelOn(connection) === undefined && connection.bufferedBytes === 0,
  finish(connection) {
    const channel = channelOn(connection);
    if (channel === undefined) (connection as StreamConnection<unknown>).closeGently();
    else channel.finish();
  },
};

/** The memory of one connection. */
export class Channel<D = unknown> implements ProtocolMemory {
  readonly connection: StreamConnection<D>;
  readonly owner: ChannelOwner<D>;
  pending: Pending | undefined = undefined;
  /** The peer reads too slowly: nothing is handled until `drain`. */
  congested = false;
  /** Nothing more is read: the last reply is given, or the received bytes were not a message. */
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

  constructor(connection: StreamConnection<D>, owner: ChannelOwner<D>) {
    this.connection = connection;
    this.owner = owner;
  }

  get protocol(): Protocol {
    return framedProtocol;
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
    if (this.connection.memory === this) this.settle();
  }

  /** Bytes that `length` further ones may not exceed together with these. */
  hasRoom(length: number): boolean {
    const { connection } = this;
    return connection.bufferedBytes + this.#queuedBytes + length <= connection.config.bufferLimit;
  }

  /** One more message in work. */
  push(reply: MessageReply<D>): void {
    if (this.#tail === undefined) this.#head = reply;
    else this.#tail.next = reply;
    this.#tail = reply;
    this.#count += 1;
    const { connection } = this;
    reply.counted = (connection.flags & Flag.watched) !== 0;
    if (reply.counted) connection.config.timeLimits.replies(connection, 1);
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

  /** After a change: messages that waited for replies or for room continue. */
  settle(): void {
    const { connection } = this;
    if (this.#head === undefined) {
      if (this.#endOwed >= 0) {
        const incompleteBytes = this.#endOwed;
        this.#endOwed = -1;
        this.owner.finishEnd(connection, incompleteBytes);
      }
      if (this.deaf) return connection.closeGently();
    }
    if (!this.congested && this.#inWork <= this.owner.maxPipeline >> 1) connection.resumeFrom(Flag.heldBack);
    this.rest();
  }

  /** Gives itself up when there is nothing to remember. */
  rest(): void {
    const idle = this.#head === undefined && this.#running === 0 && this.pending === undefined &&
      !this.congested && !this.deaf;
    if (idle && this.connection.memory === this) this.connection.memory = undefined;
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
    if (this.#head === undefined) this.connection.closeGently();
    else this.connection.discard();
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
    this.connection.memory = undefined;
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
    if (reply.counted) connection.config.timeLimits.replies(connection, -1);
  }

  #write(frame: Uint8Array): string {
    const { connection } = this;
    const result = connection.mustWait(frame.length) ? "refused" : connection.write(frame);
    const { stateNumber } = connection;
    // A connection that no longer writes loses its replies: nothing waits for them.
    if (stateNumber !== State.open && stateNumber !== State.readEnded) return "sent";
    if (result !== "sent") this.congested = true;
    return result;
  }

  #closeGently(): void {
    this.dropReplies();
    this.connection.closeGently();
  }
}

/** Within the callback, not answered. */
const fresh = 0;
/** Among the messages in work, not answered. */
const waiting = 1;
/** Among the messages in work, answered, behind one that is not. */
const answered = 2;
/** Sent or skipped; or its callback is over. */
const over = 3;
/** Its connection took it along. */
const lost = 4;

/** What a reply needs of the framing it belongs to. */
export interface ReplyOwner<D> {
  /** Frames the replies; null for none. */
  readonly replyFramer: MessageFramer | null;
  /** True where the whole frame of a message can be sent back for its content. */
  readonly mirrors: boolean;
  channelOf(connection: StreamConnection<D>): Channel<D>;
}

/** One reply. Used again as long as it is answered within its callback. */
export class MessageReply<D = unknown> implements Reply {
  readonly #owner: ReplyOwner<D>;
  #connection: StreamConnection<D>;
  #state = fresh;
  /** The message, and the whole frame where the message is all that a receive brought. */
  #message: RingWindow | undefined = undefined;
  #frame: RingWindow | undefined = undefined;
  /** The message in work behind this one. */
  next: MessageReply<D> | undefined = undefined;
  /** The bytes to write in their turn. */
  frame: Uint8Array | undefined = undefined;
  /** The connection is closed after it. */
  last = false;
  /** It counts as a handler that waits, so that its connection is not taken for an idle one. */
  counted = false;

  constructor(owner: ReplyOwner<D>, connection: StreamConnection<D>) {
    this.#owner = owner;
    this.#connection = connection;
  }

  /** Begins with another message. */
  renew(connection: StreamConnection<D>, message: RingWindow, frame: RingWindow | undefined): this {
    this.#connection = connection;
    this.#state = fresh;
    this.#message = message;
    this.#frame = frame;
    this.next = undefined;
    return this;
  }

  /** The callback is over. True when the object can serve again. */
  endCallback(): boolean {
    this.#message = undefined;
    this.#frame = undefined;
    if (this.#state === fresh) this.#state = over;
    return this.#state === over && !this.last;
  }

  get done(): boolean {
    return this.#state !== fresh && this.#state !== waiting;
  }

  /** It waits for earlier ones only. */
  get answered(): boolean {
    return this.#state === answered;
  }

  /** It is no longer in work. */
  leave(): void {
    this.#state = this.#state === answered ? over : lost;
    this.frame = undefined;
  }

  send(message: Writable): WriteResult {
    return this.#give(message, false);
  }

  end(message?: Writable): WriteResult {
    return this.#give(message, true);
  }

  later(): this {
    if (this.#state === fresh) {
      this.#state = waiting;
      this.#owner.channelOf(this.#connection).push(this);
    } else if (this.#state !== waiting) {
      this.#refuse();
    }
    return this;
  }

  skip(): void {
    if (this.#state === fresh) {
      this.#state = over;
    } else if (this.#state === waiting) {
      this.#state = answered;
      this.#advance();
    }
  }

  /** In work until its callback's promise settles. */
  deferUnlessDone(): void {
    if (this.#state === fresh) this.later();
  }

  #give(message: Writable | undefined, last: boolean): WriteResult {
    if (this.#state === fresh) {
      const channel = this.#connection.memory as Channel<D> | undefined;
      if (channel === undefined || channel.head === undefined) return this.#giveAtOnce(message, last);
      this.later();
    }
    if (this.#state === lost) return "refused";
    if (this.#state !== waiting) this.#refuse();
    const channel = this.#owner.channelOf(this.#connection);
    return channel.head === this ? this.#giveFirst(message, last) : this.#giveInTurn(channel, message, last);
  }

  #giveAtOnce(message: Writable | undefined, last: boolean): WriteResult {
    const connection = this.#connection;
    const result = message === undefined ? "sent" : this.#write(message);
    if (result === "refused") return result;
    this.#state = over;
    if (result === "queued") this.#owner.channelOf(connection).congested = true;
    if (last) {
      this.#owner.channelOf(connection).deaf = true;
      connection.closeGently();
    }
    return result;
  }

  #giveFirst(message: Writable | undefined, last: boolean): WriteResult {
    const connection = this.#connection;
    const result = message === undefined ? "sent" : this.#write(message);
    const writes = connection.stateNumber === State.open || connection.stateNumber === State.readEnded;
    if (result === "refused" && writes) return result;
    const channel = this.#owner.channelOf(connection);
    if (result === "queued") channel.congested = true;
    this.#state = answered;
    this.#end(channel, last);
    channel.advance();
    return result;
  }

  #giveInTurn(channel: Channel<D>, message: Writable | undefined, last: boolean): WriteResult {
    const frame = message === undefined ? undefined : encodeMessage(this.#owner.replyFramer, message);
    if (frame !== undefined) {
      if (!channel.hasRoom(frame.length)) {
        return this.#connection.config.sender.refuse(this.#connection, frame.length);
      }
      channel.queued(frame.length);
    }
    this.frame = frame;
    this.#state = answered;
    this.#end(channel, last);
    return "queued";
  }

  #end(channel: Channel<D>, last: boolean): void {
    if (!last) return;
    this.last = true;
    channel.deaf = true;
  }

  #write(message: Writable): WriteResult {
    const { replyFramer, mirrors } = this.#owner;
    const connection = this.#connection;
    // The message itself, alone in what was received: its frame goes back as it came.
    if (mirrors && message === this.#message && this.#frame !== undefined) {
      return connection.write(this.#frame);
    }
    if (replyFramer === null) return connection.write(message);
    return writeMessage(connection, replyFramer, message);
  }

  #advance(): void {
    const channel = this.#owner.channelOf(this.#connection);
    if (channel.head === this) channel.advance();
  }

  #refuse(): never {
    const { id } = this.#connection;
    const why = this.last || this.#state === answered
      ? "the message was already answered"
      : "the message was already answered, or its callback is over: call later() in it to reply later";
    throw new StateError(`reply: ${why}`, {
      code: "ERR_STATE",
      operation: "reply",
      origin: "application",
      connectionId: id,
    });
  }
}
