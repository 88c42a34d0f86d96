/**
 * Framed connections as an application sees them: handlers of messages, replies, options.
 *
 * @module
 */
import type { Connection, SocketHandlers, Writable, WriteResult } from "../stream/types.ts";
import type { Window } from "../memory/window.ts";
import type { Framer } from "./framer.ts";

/**
 * The answer to one message. Replies leave in the order of their messages, whatever order they are given in.
 *
 * Within the `message` callback `send` answers at once. To answer later, make the callback async, or call
 * {@linkcode later} before it returns. A callback that returns with neither has not answered: the message was
 * one that wants no reply.
 *
 * Reply objects are used again: one that is used after its callback, without `later` and outside of an async
 * callback, throws a StateError; in production it may instead answer the message whose callback is running.
 */
export interface Reply {
  /**
   * Sends a message as the reply, with what frames it: all of it or, at "refused", nothing; then it is still
   * to be sent. The bytes of a window of more than 512 bytes go without a copy where no earlier reply is
   * owed; smaller ones are copied together with what frames them, which costs less than to send them in
   * parts.
   *
   * @throws {StateError} when the message was already answered, or the reply's time is over.
   * @throws {OptionError} for a message the framing cannot carry.
   */
  send(message: Writable): WriteResult;
  /**
   * Sends the last reply, or without an argument none: when its turn has come the connection is closed
   * gently, and no further message is read.
   */
  end(message?: Writable): WriteResult;
  /** Answers later: until then the message counts as one in work. Returns this reply. */
  later(): this;
  /** There will be no answer after all. */
  skip(): void;
  /** True once it was sent, skipped or lost with its connection. */
  readonly done: boolean;
}

/**
 * The callbacks of framed connections: those of {@linkcode SocketHandlers}, with `message` instead of `data`.
 */
export interface MessageHandlers<D = undefined> extends Omit<SocketHandlers<D>, "data" | "end"> {
  /**
   * A message has come. The window shows its content without what frames it, and is borrowed until the
   * callback returns or, in an async one, reaches its first `await`. The promise of an async callback counts
   * as a message in work until it settles, unless the callback has asked for `connection.closed`.
   */
  message(connection: Connection<D>, message: Window, reply: Reply): void | Promise<void>;
  /**
   * `message` threw, or its promise was rejected, before there was a reply: the value returned here is sent
   * instead, and the connection continues. Without this handler, or when it returns nothing, `error` is
   * called and the connection is aborted.
   */
  errorReply?(connection: Connection<D>, error: unknown): Writable | undefined;
  /**
   * The peer has ended its writing side, and all replies owed to it are written. `incompleteBytes` came of a
   * message whose end did not. Without this handler this side ends too, as without framing.
   */
  end?(connection: Connection<D>, incompleteBytes: number): void | Promise<void>;
}

/** Options of {@linkcode framed}. */
export interface FramedOptions {
  /**
   * Messages of one connection that may be in work at once: their reply is owed, or the promise of their
   * handler has not settled. 1 handles one after the other. At the limit no further one is read, and the peer
   * waits, until half of them are answered. 64 by default.
   */
  maxPipeline?: number;
  /** Frames the replies. The same framer by default; null sends them as they are. */
  replyFramer?: Framer | null;
  /**
   * True: a peer that ends in the middle of a message has failed. `error` and the close reason get a
   * MessageError with the code `ERR_MESSAGE_INCOMPLETE`. False by default.
   */
  requireComplete?: boolean;
}
