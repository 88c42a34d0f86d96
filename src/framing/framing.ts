/**
 * The way of received bytes to messages. The state of a framed table is kept here; the state of a connection
 * is its channel.
 *
 * A message that lies whole in a received window is handed over in place, through a window object that serves
 * again. One that came in pieces is joined in place where they lie side by side, and copied once where not.
 *
 * @module
 */
import { MessageError } from "../base/errors.ts";
import { follow } from "../base/handlers.ts";
import { pipelineDefaultMax } from "../base/limits.ts";
import type { StreamConnection } from "../stream/connection.ts";
import { Flag, State } from "../stream/state.ts";
import type { CloseReason } from "../stream/types.ts";
import type { Segments } from "../memory/segments.ts";
import type { RingWindow } from "../memory/window.ts";
import { Channel, type ChannelOwner } from "./channel.ts";
import { faultOf } from "./faults.ts";
import type { MessageFramer } from "./framer.ts";
import { Pending } from "./pending.ts";
import { MessageReply, type ReplyOwner } from "./channel.ts";
import { incomplete, ScanState } from "./scan.ts";
import type { FramedOptions, MessageHandlers } from "./types.ts";

/** One framed table. */
export class Framing<D> implements ChannelOwner<D>, ReplyOwner<D> {
  readonly maxPipeline: number;
  readonly replyFramer: MessageFramer | null;
  readonly mirrors: boolean;
  readonly #framer: MessageFramer;
  readonly #handlers: MessageHandlers<D>;
  readonly #requireComplete: boolean;
  /** The scan of a message that lies whole in a window. */
  readonly #state = new ScanState();
  /** A reply that was answered in its callback and serves again; unused in development mode. */
  #reply: MessageReply<D> | undefined = undefined;

  constructor(framer: MessageFramer, handlers: MessageHandlers<D>, options: FramedOptions) {
    this.#framer = framer;
    this.#handlers = handlers;
    this.maxPipeline = options.maxPipeline ?? pipelineDefaultMax;
    // The check of the options has seen that it is one of the library.
    const replyFramer = options.replyFramer as MessageFramer | null | undefined;
    this.replyFramer = replyFramer === undefined ? framer : replyFramer;
    this.mirrors = this.replyFramer === framer && framer.mirrors;
    this.#requireComplete = options.requireComplete ?? false;
  }

  /** Bytes have come. */
  data(core: StreamConnection<D>, window: RingWindow): void {
    if (core.memory !== undefined) this.#forgetOther(core);
    const { config } = core;
    const { segments } = config;
    const start = window.segment * segments.size + window.offset;
    const end = start + window.length;
    const channel = core.memory as Channel<D> | undefined;
    let position = start;
    if (channel !== undefined) {
      if (!channel.stopped && channel.pending !== undefined) {
        position = this.#goOnWith(core, channel, channel.pending, window, start, end);
        if (position < 0) return;
      }
      if (core.config !== config) return this.#handRest(core, window, position, end);
      if (!goesOn(core)) return this.#stop(core, window, position, end);
    }
    const framer = this.#framer;
    const state = this.#state;
    while (position < end) {
      state.reset();
      const after = framer.scan(segments.bytes, position, end, state);
      if (after < 0) return this.#unfinished(core, after, window, position, end);
      this.#hand(core, segments, position, after, state, window, position === start && after === end);
      position = after;
      if (core.config !== config) return this.#handRest(core, window, position, end);
      if (!goesOn(core)) return this.#stop(core, window, position, end);
    }
  }

  /** The message's handler has handed the connection on: what is left of the window comes to the new ones. */
  #handRest(core: StreamConnection<D>, window: RingWindow, position: number, end: number): void {
    const { stateNumber } = core;
    if (stateNumber !== State.open && stateNumber !== State.writeEnded) return;
    if (position === end || (core.flags & Flag.discarding) !== 0) return;
    core.pauseFor(Flag.heldBack);
    core.putBack(window, position);
    core.resumeFrom(Flag.heldBack);
  }

  /** The peer takes bytes again. */
  drain(core: StreamConnection<D>): void | Promise<void> {
    this.#forgetOther(core);
    const channel = core.memory as Channel<D> | undefined;
    if (channel !== undefined) {
      channel.congested = false;
      channel.advance();
    }
    return isMuted(core) ? undefined : this.#handlers.drain?.(core);
  }

  /** The peer has ended its side. */
  end(core: StreamConnection<D>): void {
    this.#forgetOther(core);
    const channel = this.channelOf(core);
    const incompleteBytes = channel.dropPending();
    if (channel.deaf) return channel.rest();
    if (incompleteBytes > 0 && this.#requireComplete) {
      return this.#fail(
        core,
        new MessageError(`the peer ended after ${incompleteBytes} bytes of a message`, {
          code: "ERR_MESSAGE_INCOMPLETE",
          operation: "message",
          origin: "application",
          connectionId: core.id,
        }),
      );
    }
    channel.peerEnded(incompleteBytes);
  }

  /** The connection is gone. */
  close(core: StreamConnection<D>, reason: CloseReason): void | Promise<void> {
    return this.#handlers.close?.(core, reason);
  }

  finishEnd(core: StreamConnection<D>, incompleteBytes: number): void {
    const handlers = this.#handlers;
    if (handlers.end === undefined || isMuted(core)) {
      if (core.stateNumber === State.readEnded && !core.config.allowHalfOpen) core.end();
      return;
    }
    try {
      const result = handlers.end(core, incompleteBytes);
      if (result !== undefined) core.settle(result);
    } catch (error) {
      core.handlerFailed(error);
    }
  }

  channelOf(core: StreamConnection<D>): Channel<D> {
    return (core.memory ??= new Channel(core, this)) as Channel<D>;
  }

  /** The connection was given these handlers after others: what those had begun is over. */
  #forgetOther(core: StreamConnection<D>): void {
    const channel = core.memory as Channel<D> | undefined;
    if (channel !== undefined && channel.owner !== this) channel.forget();
  }

  /** Bytes behind the beginning of a message. Returns the position behind its end, -1 when there is none. */
  #goOnWith(
    core: StreamConnection<D>,
    channel: Channel<D>,
    pending: Pending,
    window: RingWindow,
    start: number,
    end: number,
  ): number {
    const { segments, engine } = core.config;
    const { state } = pending;
    const after = this.#framer.scan(segments.bytes, start, end, state);
    if (after < 0) {
      if (after === incomplete) pending.add(window, start, end, engine.crowded);
      else this.#faulty(core, after);
      return -1;
    }
    channel.pending = undefined;
    core.messageEnded();
    const first = pending.heldBefore(start);
    if (first >= 0) {
      segments.joinedInPlace += 1;
      this.#hand(core, segments, first, after, state, undefined, false);
      pending.releaseHeld();
    } else {
      pending.copy(start, after);
      const { length } = pending;
      const outside = pending.take();
      this.#hand(core, outside, 0, length, state, undefined, false);
      outside.release(0, 0, length);
    }
    (core.memory as Channel<D> | undefined)?.rest();
    return after;
  }

  /** Calls the handler with the message that lies, with its frame, from `start` to before `after`. */
  #hand(
    core: StreamConnection<D>,
    memory: Segments,
    start: number,
    after: number,
    state: ScanState,
    whole: RingWindow | undefined,
    alone: boolean,
  ): void {
    const framer = this.#framer;
    const from = start + framer.frontOf(state);
    const length = framer.contentEnd(memory.bytes, start, after, state) - from;
    const message = memory.lend(whole, from, length);
    const reply = (this.#reply ?? new MessageReply<D>(this, core)).renew(
      core,
      message,
      alone ? whole : undefined,
    );
    this.#reply = undefined;
    let result;
    try {
      result = this.#handlers.message(core, message, reply);
    } catch (error) {
      memory.takeBack(message);
      try {
        this.#answerFailure(core, reply, error);
      } catch (unanswered) {
        core.handlerFailed(unanswered);
      }
      reply.skip();
      reply.endCallback();
      return;
    }
    memory.takeBack(message);
    if (result !== undefined) this.#follow(core, reply, result);
    if (reply.endCallback() && !memory.development) this.#reply = reply;
  }

  /** The message stays in work until the promise settles. */
  #follow(core: StreamConnection<D>, reply: MessageReply<D>, result: unknown): void {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const finish = (action: () => void) => {
      try {
        action();
        resolve();
      } catch (unanswered) {
        reject(unanswered);
      }
      channel?.handlerEnded();
    };
    const isPromise = follow(
      result,
      () => finish(() => reply.skip()),
      (error) => finish(() => this.#answerFailure(core, reply, error)),
    );
    if (!isPromise) return;
    reply.deferUnlessDone();
    const waitsForClosed = core.hasAskedForClosed();
    // It counts until it has settled, even where the reply is given: but not for what it itself waits for.
    const channel = waitsForClosed ? undefined : this.channelOf(core);
    channel?.handlerBegan();
    core.settle(promise, waitsForClosed);
  }

  /** The handler of a message has failed: another reply takes its place, or what it threw is thrown again. */
  #answerFailure(core: StreamConnection<D>, reply: MessageReply<D>, error: unknown): void {
    const { errorReply } = this.#handlers;
    const instead = reply.done || isMuted(core) ? undefined : errorReply?.call(this.#handlers, core, error);
    if (instead === undefined) throw error;
    core.config.engine.handlerErrors += 1;
    reply.send(instead);
    reply.skip();
  }

  /** A scan has ended without a message. */
  #unfinished(
    core: StreamConnection<D>,
    after: number,
    window: RingWindow,
    position: number,
    end: number,
  ): void {
    if (after !== incomplete) return this.#faulty(core, after);
    const { segments, engine } = core.config;
    const pending = new Pending(segments);
    pending.state.copy(this.#state);
    pending.add(window, position, end, engine.crowded);
    this.channelOf(core).pending = pending;
    core.messageBegan();
  }

  /** The received bytes are not a message, or one that is too long. */
  #faulty(core: StreamConnection<D>, found: number): void {
    this.#fail(core, faultOf(this.#framer, found, core.id));
  }

  /** Nothing more is read; the replies owed are sent, and the connection is closed. */
  #fail(core: StreamConnection<D>, error: MessageError): void {
    const channel = this.channelOf(core);
    channel.deaf = true;
    channel.dropPending();
    core.note("error", error);
    const { stateNumber } = core;
    core.callError(error);
    // The handler may have ended it in its own way.
    if (core.stateNumber !== stateNumber) return;
    channel.finish();
  }

  /** Messages wait: what is left of the window comes again, or never. */
  #stop(core: StreamConnection<D>, window: RingWindow, position: number, end: number): void {
    const { stateNumber } = core;
    if (stateNumber !== State.open && stateNumber !== State.writeEnded) return;
    const channel = core.memory as Channel<D> | undefined;
    if (channel?.deaf || (core.flags & Flag.discarding) !== 0) return;
    if (channel?.stopped) core.pauseFor(Flag.heldBack);
    if (position < end && (core.flags & Flag.paused) !== 0) core.putBack(window, position);
  }
}

/** Only its `close` handler is called from now on. */
function isMuted<D>({ flags }: StreamConnection<D>): boolean {
  return (flags & Flag.muted) !== 0;
}

/** True while the next message may be handled. */
function goesOn<D>(core: StreamConnection<D>): boolean {
  if ((core.flags & (Flag.paused | Flag.discarding)) !== 0) return false;
  if (core.stateNumber !== State.open && core.stateNumber !== State.writeEnded) return false;
  return core.memory === undefined || !(core.memory as Channel<D>).stopped;
}
