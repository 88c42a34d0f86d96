/**
 * The reply to one message: written at once where no earlier one is owed, otherwise in its turn.
 *
 * @module
 */
import { StateError } from "../base/errors.ts";
import type { ConnectionCore } from "../stream/core.ts";
import { State } from "../stream/state.ts";
import type { Writable, WriteResult } from "../stream/types.ts";
import { refuse } from "../stream/writing.ts";
import { Window } from "../memory/window.ts";
import type { Channel } from "./channel.ts";
import type { Framer } from "./framer.ts";
import { encodeMessage, writeMessage } from "./send.ts";
import type { Reply } from "./types.ts";

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
  readonly replyFramer: Framer | null;
  /** True where the whole frame of a message can be sent back for its content. */
  readonly mirrors: boolean;
  channelOf(connection: ConnectionCore<D>): Channel<D>;
}

/** One reply. Used again as long as it is answered within its callback. */
export class MessageReply<D = unknown> implements Reply {
  readonly #owner: ReplyOwner<D>;
  #connection: ConnectionCore<D>;
  #state = fresh;
  /** The message, and the whole frame where the message is all that a receive brought. */
  #message: Window | undefined = undefined;
  #frame: Window | undefined = undefined;
  /** The message in work behind this one. */
  next: MessageReply<D> | undefined = undefined;
  /** What is to be written in its turn. */
  frame: Uint8Array | undefined = undefined;
  /** The connection is closed after it. */
  last = false;
  /** It counts as a handler that waits, so that its connection is not taken for an idle one. */
  counted = false;

  constructor(owner: ReplyOwner<D>, connection: ConnectionCore<D>) {
    this.#owner = owner;
    this.#connection = connection;
  }

  /** Begins with another message. */
  renew(connection: ConnectionCore<D>, message: Window, frame: Window | undefined): this {
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
      const channel = this.#connection.framing as Channel<D> | undefined;
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
      connection.close();
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
      if (!channel.hasRoom(frame.length)) return refuse(this.#connection, frame.length);
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
      ? "the message was answered already"
      : "the message was answered already, or its callback is over: call later() in it to answer later";
    throw new StateError(`reply: ${why}`, {
      code: "ERR_STATE",
      operation: "reply",
      origin: "application",
      connectionId: id,
    });
  }
}
