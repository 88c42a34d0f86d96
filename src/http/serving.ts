/**
 * The way of received bytes to requests. The state of an `http` table is kept here; the state of a connection
 * is its pipeline.
 *
 * All whole heads of a received window are parsed in one crossing; each request is handled in its turn, and
 * the answers given within the callbacks leave together at the end.
 *
 * @module
 */
import { follow } from "../base/handlers.ts";
import { httpSparesMax } from "../base/limits.ts";
import { errorOf } from "../base/thrown.ts";
import type { Engine } from "../loop/engine.ts";
import type { RingWindow } from "../memory/window.ts";
import type { StreamConnection } from "../stream/connection.ts";
import * as states from "../stream/state.ts";
import type { TimeoutKind } from "../stream/time_limits/types.ts";
import { TimedPhase } from "../stream/time_limits/words.ts";
import type { CloseReason, SocketHandlers } from "../stream/types.ts";
import { BodyReader, type Trailers } from "./body_reader.ts";
import * as counting from "./counts.ts";
import { httpCountsOf, type HttpRefusal } from "./counts.ts";
import { refusedRequest } from "./errors.ts";
import { RequestHead } from "./head.ts";
import type { ResolvedHttpOptions } from "./options.ts";
import type { Http1Limits } from "./parser.ts";
import { PendingHead } from "./pending_head.ts";
import { Exchange, type ExchangeOwner } from "./exchange.ts";
import { Pipeline } from "./pipeline.ts";
import * as records from "./records.ts";
import { ServingLoop } from "./serving_loop.ts";
import type { HttpStatistics } from "./statistics.ts";
import type { HttpHandlers } from "./types.ts";

// Copied into this module, because V8 loads an imported constant at each use; see ffi/completion_ring.ts.
const { Flag, State } = states;
const { HttpCount } = counting;
const { HeadFlag, HeadWord, Method, Outcome, Refusal, refusals } = records;
type Refusal = records.Refusal;

/** What a client is answered when a limit is reached. */
const timeoutStatus: Partial<Record<TimeoutKind, number>> = {
  head: 408,
  body: 408,
  message: 408,
  receiveRate: 408,
  handler: 503,
};

const lateRequestReason = "the request did not arrive in time";

/** Flags of requests that take more than a look at their head. */
const specialFlags = HeadFlag.chunked | HeadFlag.hasLength | HeadFlag.upgrade | HeadFlag.absolute;
const bits8 = 8;
const byteMask = 0xff;
const recordWordsMask = 0xffff;

/** One `http` table. */
export class Serving<D> implements ExchangeOwner<D> {
  readonly options: ResolvedHttpOptions;
  readonly statistics: HttpStatistics;
  readonly #handlers: HttpHandlers<D>;
  readonly #limits: Http1Limits;
  readonly #loops = new WeakMap<Engine, ServingLoop>();
  #loop: ServingLoop | undefined = undefined;
  /** An exchange that was answered in its callback and serves again; unused in development mode. */
  #reusable: Exchange<D> | undefined = undefined;
  readonly #spares: Exchange<D>[] = [];
  readonly #trailers = new RequestHead();

  constructor(handlers: HttpHandlers<D>, options: ResolvedHttpOptions, statistics: HttpStatistics) {
    this.statistics = statistics;
    this.#handlers = handlers;
    this.options = options;
    this.#limits = {
      headBytesMax: options.maxHeadSize,
      targetBytesMax: options.maxTargetSize,
      fieldsMax: options.maxHeaders,
      chunkExtensionBytesMax: options.maxChunkExtensionSize,
      trailerBytesMax: options.maxTrailerSize,
    };
  }

  /** Bytes have come. */
  data(core: StreamConnection<D>, window: RingWindow): void {
    const { engine, segments } = core.config;
    const loop = this.#loop?.engine === engine ? this.#loop : this.#loopOf(engine);
    const { output } = loop;
    if (loop.turn !== engine.turn) loop.beginTurn();
    const start = window.segment * segments.size + window.offset;
    const end = start + window.length;
    output.begin(core as StreamConnection);
    loop.parser.emptyLines = 0;
    const position = core.memory === undefined ? start : this.#goOn(core, loop, window, start, end);
    if (position >= 0) this.#heads(core, loop, window, position, end);
    output.flush();
    output.target = undefined;
    if ((core.flags & Flag.watched) !== 0) this.#tellPhase(core);
  }

  /** Every request is answered, or the pipeline knows better. */
  #tellPhase(core: StreamConnection<D>): void {
    if (core.config.handlers.data === undefined || core.stateNumber >= State.closing) return;
    const pipeline = this.#pipeline(core);
    if (pipeline === undefined) core.phaseBegan(TimedPhase.keepAlive);
    else pipeline.tellPhase();
  }

  /** A limit is reached: where no answer has begun, the client gets one. */
  timeout(core: StreamConnection<D>, kind: TimeoutKind): "keep" | void | Promise<void> {
    const answer = this.#handlers.timeout?.(core, kind);
    if (answer === "keep") return answer;
    const status = timeoutStatus[kind];
    const { stateNumber } = core;
    if (status === undefined || (stateNumber !== State.open && stateNumber !== State.readEnded)) {
      return answer;
    }
    // That of another table where a server has made this one again with its own options.
    const { memory } = core;
    if (!(memory instanceof Pipeline)) return answer;
    const { head } = memory;
    if (head !== undefined && !head.headersSent) {
      this.statistics.requestsTimedOut += 1;
      memory.loop.numbers[HttpCount.requestsTimedOut] += 1;
      head.takeOver(status);
    } else if (head === undefined && memory.pending !== undefined) {
      memory.owner.refuse(core, memory.loop, { status, reason: lateRequestReason });
    }
    return answer;
  }

  /** The peer takes bytes again. */
  drain(core: StreamConnection<D>): void {
    this.#pipeline(core)?.drained();
  }

  /** The peer has ended its side. */
  end(core: StreamConnection<D>): void {
    this.pipelineOf(core).peerEnded();
  }

  /** The connection is gone. */
  close(core: StreamConnection<D>, reason: CloseReason): void | Promise<void> {
    return this.#handlers.close?.(core, reason);
  }

  finishEnd(core: StreamConnection<D>): void {
    if (core.stateNumber === State.readEnded) core.end();
  }

  pipelineOf(core: StreamConnection<D>): Pipeline<D> {
    const known = this.#pipeline(core);
    if (known !== undefined) return known;
    const { engine } = core.config;
    const loop = this.#loop?.engine === engine ? this.#loop : this.#loopOf(engine);
    const made = new Pipeline<D>(core, this, loop);
    core.memory = made;
    return made;
  }

  /** The connection's pipeline. What other handlers have begun before these is over. */
  #pipeline(core: StreamConnection<D>): Pipeline<D> | undefined {
    const { memory } = core;
    if (memory === undefined) return undefined;
    if (memory instanceof Pipeline && memory.owner === this) return memory;
    memory.forget();
    return undefined;
  }

  #loopOf(engine: Engine): ServingLoop {
    let loop = this.#loops.get(engine);
    if (loop === undefined) {
      loop = new ServingLoop(engine, this.options.date, {
        commit: (core, segment, offset, length) =>
          // What a pipeline has begun comes first.
          core.memory === undefined && maySend(core) &&
          core.config.sender.commit(core, segment, offset, length),
        deliver: (core, bytes) => this.#deliver(core as StreamConnection<D>, bytes),
      });
      this.#loops.set(engine, loop);
    }
    return this.#loop = loop;
  }

  // Exchanges.

  spare(exchange: Exchange<D>): void {
    exchange.request.expire();
    if (this.#spares.length < httpSparesMax && this.#loop?.engine.segments.development !== true) {
      this.#spares.push(exchange);
    }
  }

  /** An exchange for a request that a handler gets, or for a refusal. */
  #take(core: StreamConnection<D>, loop: ServingLoop): Exchange<D> {
    const exchange = this.#reusable ?? this.#spares.pop() ?? new Exchange<D>(this, core, loop);
    this.#reusable = undefined;
    return exchange;
  }

  // Heads.

  /** Handles the requests that lie from `position` on. */
  #heads(core: StreamConnection<D>, loop: ServingLoop, window: RingWindow, start: number, end: number): void {
    const { config } = core;
    const { parser } = loop;
    const { words } = parser;
    let position = start;
    while (position < end) {
      const outcome = parser.parse(position, end - position, this.#limits);
      const behind = position + parser.consumed;
      let word = parser.firstRecord;
      for (let left = parser.count; left > 0; left--) {
        position = words[word + HeadWord.position] + words[word + HeadWord.bytes];
        const flags = words[word] >>> bits8 & byteMask;
        const { memory } = core;
        if (memory !== undefined) (memory as Pipeline<D>).moreBehind = position < end;
        if ((flags & specialFlags) !== 0 || (words[word] & byteMask) === Method.connect) {
          position = this.#special(core, loop, window, parser.ring, word, position, end);
          if (position < 0) return;
        } else {
          this.#plain(core, loop, parser.ring, word);
        }
        if (core.config !== config) return this.#handRest(core, window, position, end);
        if (!goesOn(core)) return this.#stop(core, window, position, end);
        word += words[word + HeadWord.words] & recordWordsMask;
      }
      if (outcome === Outcome.refused) return this.#refuse(core, loop, parser.refusal);
      if (outcome === Outcome.incomplete) return this.#unfinished(core, loop, behind, end);
      if (position < behind) position = behind;
    }
    if (parser.emptyLines > 0) this.pipelineOf(core).emptyLines = parser.emptyLines;
  }

  /** A request without a body. */
  #plain(core: StreamConnection<D>, loop: ServingLoop, bytes: Uint8Array, word: number): void {
    const exchange = this.#take(core, loop);
    exchange.renew(core, loop, bytes, loop.parser.words, word);
    this.statistics.requests += 1;
    loop.numbers[HttpCount.requests] += 1;
    if (this.options.maxRequests > 0) this.pipelineOf(core).requests += 1;
    let result: unknown;
    try {
      result = this.#handlers.request(exchange.request, exchange);
    } catch (thrown) {
      exchange.fail(thrown);
    }
    if (result === undefined && exchange.isOver && !exchange.last) {
      if (!core.config.segments.development) this.#reusable = exchange;
      else exchange.request.expire();
      return;
    }
    this.#after(core, exchange, result);
  }

  /** The callback has returned, and the exchange is not over with it, or the connection is. */
  #after(core: StreamConnection<D>, exchange: Exchange<D>, result: unknown): void {
    if (result === undefined || !exchange.follow(result)) exchange.callbackEnded();
    if (!exchange.last || !exchange.wasGivenAtOnce) return;
    const pipeline = this.pipelineOf(core);
    pipeline.deaf = true;
    pipeline.settle();
  }

  /** A request with a body, or one that may take the connection over. Returns as {@linkcode #feed} does. */
  #special(
    core: StreamConnection<D>,
    loop: ServingLoop,
    window: RingWindow,
    bytes: Uint8Array,
    word: number,
    behind: number,
    end: number,
  ): number {
    const exchange = this.#take(core, loop);
    exchange.renew(core, loop, bytes, loop.parser.words, word);
    const head = exchange.request.headRecord;
    const { maxRequestBodySize, maxRequests } = this.options;
    const { length, isChunked } = head;
    const takesOver = (head.flags & HeadFlag.upgrade) !== 0 || head.methodId === Method.connect;
    const upgrades = takesOver && this.#handlers.upgrade !== undefined;
    const refusal = this.#refusalOf(head, upgrades);
    if (refusal !== Refusal.none) {
      this.#reusable = exchange;
      this.#refuse(core, loop, refusal);
      return -1;
    }
    this.statistics.requests += 1;
    loop.numbers[HttpCount.requests] += 1;
    if (maxRequests > 0) this.pipelineOf(core).requests += 1;
    const hasBody = isChunked || length > 0;
    if (hasBody) {
      const body = new BodyReader(exchange, isChunked ? -1 : length, maxRequestBodySize);
      body.hasBytes = behind < end;
      exchange.request.reader = body;
      this.pipelineOf(core).body = body;
    }
    if (upgrades) {
      exchange.allowUpgrade();
      this.pipelineOf(core).upgrading = true;
    }
    let result: unknown;
    try {
      result = upgrades
        ? this.#handlers.upgrade!(exchange.request, exchange)
        : this.#handlers.request(exchange.request, exchange);
    } catch (thrown) {
      exchange.fail(thrown);
    }
    this.#after(core, exchange, result);
    if (!hasBody) return behind;
    const pipeline = this.#pipeline(core);
    return pipeline === undefined ? -1 : this.#feed(core, loop, pipeline, window, behind, end);
  }

  /** Why a request is refused although its head is good; `none` where it is not. */
  #refusalOf(head: RequestHead, upgrades: boolean): Refusal {
    if (head.length > this.options.maxRequestBodySize) return Refusal.bodyTooLarge;
    if (head.methodId === Method.connect && !upgrades) return Refusal.connectNotImplemented;
    return this.options.requireSameHost && head.hostDiffers ? Refusal.hostDiffers : Refusal.none;
  }

  /** Bytes for a connection on which something has begun. Returns where new heads begin, -1 where none do. */
  #goOn(
    core: StreamConnection<D>,
    loop: ServingLoop,
    window: RingWindow,
    start: number,
    end: number,
  ): number {
    const { config } = core;
    const pipeline = this.#pipeline(core);
    if (pipeline === undefined) return start;
    pipeline.flushCork();
    let position = start;
    if (pipeline.body !== undefined) {
      position = this.#feed(core, loop, pipeline, window, start, end);
      if (position < 0) return position;
    }
    if (!goesOn(core)) {
      this.#stop(core, window, position, end);
      return -1;
    }
    if (position === end) return position;
    if (pipeline.pending === undefined) {
      if (pipeline.emptyLines > 0) this.#takeEmptyLines(loop, pipeline);
      return position;
    }
    position = this.#goOnWith(core, loop, pipeline, pipeline.pending, window, position, end);
    if (position < 0) return position;
    if (core.config !== config) this.#handRest(core, window, position, end);
    else if (goesOn(core)) return position;
    else this.#stop(core, window, position, end);
    return -1;
  }

  /** The count of empty lines continues, and is remembered again only if no head follows. */
  #takeEmptyLines({ parser }: ServingLoop, pipeline: Pipeline<D>): void {
    parser.emptyLines = pipeline.emptyLines;
    pipeline.emptyLines = 0;
    pipeline.rest();
  }

  /** Bytes behind the beginning of a head. Returns the position behind its end and its body, or -1. */
  #goOnWith(
    core: StreamConnection<D>,
    loop: ServingLoop,
    pipeline: Pipeline<D>,
    pending: PendingHead,
    window: RingWindow,
    start: number,
    end: number,
  ): number {
    const { parser } = loop;
    const { ring, join } = parser;
    const { length } = pending;
    if (!pending.isWorthALook(ring, start, end, this.#limits.headBytesMax)) {
      pending.add(ring, start, end);
      return -1;
    }
    parser.headsMax = 1;
    parser.emptyLines = pipeline.emptyLines;
    pipeline.emptyLines = 0;
    const outcome = parser.parseJoined(
      pending.joinWith(ring, start, end, join),
      this.#limits,
      pending.scanned,
    );
    parser.headsMax = 0;
    if (parser.count === 0) {
      if (outcome === Outcome.refused) {
        this.#refuse(core, loop, parser.refusal);
      } else {
        pipeline.emptyLines = parser.emptyLines;
        pending.add(ring, start, end);
        pending.looked(parser.consumed, parser.scanned);
        if (pending.length === 0) pipeline.dropPending();
      }
      return -1;
    }
    pipeline.dropPending();
    // What stands behind this head is parsed again.
    parser.emptyLines = 0;
    const { words, firstRecord: word } = parser;
    const behind = start + words[word + HeadWord.position] + words[word + HeadWord.bytes] - length;
    const flags = words[word] >>> bits8 & byteMask;
    if ((flags & specialFlags) !== 0 || (words[word] & byteMask) === Method.connect) {
      return this.#special(core, loop, window, join, word, behind, end);
    }
    this.#plain(core, loop, join, word);
    this.#pipeline(core)?.rest();
    return behind;
  }

  /** A head has begun, and its end has not come. */
  #unfinished(core: StreamConnection<D>, loop: ServingLoop, from: number, end: number): void {
    if (from === end) return;
    const { parser } = loop;
    const pending = new PendingHead();
    pending.add(parser.ring, from, end);
    pending.looked(0, parser.scanned);
    const pipeline = this.pipelineOf(core);
    pipeline.pending = pending;
    pipeline.emptyLines = parser.emptyLines;
  }

  // Bodies.

  /**
   * Gives the bytes of a body to its reader. Returns the position behind the body; -1 where it is not whole,
   * and the bytes not taken have been put back.
   */
  #feed(
    core: StreamConnection<D>,
    loop: ServingLoop,
    pipeline: Pipeline<D>,
    window: RingWindow,
    start: number,
    end: number,
  ): number {
    const body = pipeline.body;
    let position = start;
    while (body !== undefined && pipeline.body === body) {
      if (core.memory !== pipeline || core.stateNumber >= State.closing) return -1;
      if (body.blocked || position === end) {
        this.#holdBack(core, window, position, end);
        return -1;
      }
      position = body.chunks === undefined
        ? this.#feedLength(core, body, window, position, end)
        : this.#feedChunks(core, loop, body, body.chunks, window, position, end);
      if (position < 0) {
        this.#bodyFailed(pipeline);
        return -1;
      }
      if (body.discarded && body.received - body.keptBytes > this.options.maxUnreadBodySize && !body.over) {
        pipeline.body = undefined;
        pipeline.finish();
        return -1;
      }
      if (!body.over) continue;
      pipeline.body = undefined;
      pipeline.rest();
    }
    return position;
  }

  #feedLength(
    core: StreamConnection<D>,
    body: BodyReader,
    window: RingWindow,
    position: number,
    end: number,
  ): number {
    const length = Math.min(body.left, end - position);
    if (!body.take(core.config.segments, window, position, length)) return -1;
    if (body.left === 0) body.end([]);
    return position + length;
  }

  #feedChunks(
    core: StreamConnection<D>,
    loop: ServingLoop,
    body: BodyReader,
    state: Uint32Array,
    window: RingWindow,
    position: number,
    end: number,
  ): number {
    const { parser } = loop;
    const { segments } = core.config;
    const pending = body.trailerBytes;
    if (pending !== undefined) return this.#feedTrailers(core, loop, body, pending, state, position, end);
    const [phase, low, high, extension] = state;
    const outcome = parser.chunks(state, 0, position, end - position, this.#limits);
    const { count, consumed, scanned } = parser;
    for (let span = 0; span < count; span++) {
      const from = parser.spanPosition(span);
      const length = parser.spanBytes(span);
      if (!body.take(segments, window, from, length)) {
        this.#count(core, loop, refusals[Refusal.bodyTooLarge]);
        return -1;
      }
      if (!body.blocked || (span === count - 1 && outcome !== Outcome.refused)) continue;
      // The reader takes no more: what was decoded behind this span will be decoded again.
      state.set([phase, low, high, extension]);
      parser.chunks(state, 0, position, from + length - position, this.#limits);
      return from + length;
    }
    if (outcome === Outcome.refused) {
      this.#chunksRefused(core, loop, body);
      return -1;
    }
    if (outcome === Outcome.done) body.end(this.#trailersOf(loop, parser.ring));
    if (outcome !== Outcome.incomplete || position + consumed === end) return position + consumed;
    const made = new PendingHead();
    made.add(parser.ring, position + consumed, end);
    made.looked(0, scanned);
    body.trailerBytes = made;
    return end;
  }

  /** Bytes behind the beginning of trailers. */
  #feedTrailers(
    core: StreamConnection<D>,
    loop: ServingLoop,
    body: BodyReader,
    pending: PendingHead,
    state: Uint32Array,
    position: number,
    end: number,
  ): number {
    const { parser } = loop;
    const { ring, join } = parser;
    const { length } = pending;
    const joinedEnd = pending.joinWith(ring, position, end, join);
    const outcome = parser.chunksJoined(state, 0, joinedEnd, this.#limits, pending.scanned);
    if (outcome === Outcome.done) {
      body.end(this.#trailersOf(loop, join));
      return position + parser.consumed - length;
    }
    if (outcome === Outcome.refused) {
      this.#chunksRefused(core, loop, body);
      return -1;
    }
    pending.add(ring, position, end);
    pending.looked(parser.consumed, parser.scanned);
    return end;
  }

  #trailersOf({ parser }: ServingLoop, bytes: Uint8Array): Trailers {
    const word = parser.trailers;
    if (word < 0) return [];
    this.#trailers.renew(bytes, parser.words, word);
    return [...this.#trailers.headers()];
  }

  #chunksRefused(core: StreamConnection<D>, loop: ServingLoop, body: BodyReader): void {
    const refusal = refusals[loop.parser.refusal];
    const { status, reason } = refusal;
    this.#count(core, loop, refusal);
    const error = refusedRequest(status, reason, core.id);
    core.note("error", error);
    body.fail(error, status);
  }

  /** The rest of the body is not read: the answer that is owed is the last one. */
  #bodyFailed(pipeline: Pipeline<D>): void {
    pipeline.body = undefined;
    pipeline.finish();
  }

  // Stops.

  /** Nothing more is handled now: what is left of the window comes again. */
  #stop(core: StreamConnection<D>, window: RingWindow, position: number, end: number): void {
    const { stateNumber } = core;
    if (stateNumber !== State.open && stateNumber !== State.readEnded) return;
    if ((core.flags & Flag.discarding) !== 0) return;
    const pipeline = this.#pipeline(core);
    if (pipeline?.deaf) return;
    if (pipeline !== undefined) pipeline.moreBehind = position < end;
    if (pipeline?.stopped) core.pauseFor(Flag.heldBack);
    if (position < end && (core.flags & Flag.paused) !== 0) core.putBack(window, position);
  }

  /** The reader of a body takes no more now. */
  #holdBack(core: StreamConnection<D>, window: RingWindow, position: number, end: number): void {
    if (position === end || (core.flags & Flag.discarding) !== 0) return;
    core.pauseFor(Flag.heldBack);
    core.putBack(window, position);
  }

  /** A callback has handed the connection on: what is left of the window comes to the new handlers. */
  #handRest(core: StreamConnection<D>, window: RingWindow, position: number, end: number): void {
    const { stateNumber } = core;
    if (stateNumber !== State.open && stateNumber !== State.writeEnded) return;
    if (position === end || (core.flags & Flag.discarding) !== 0) return;
    core.pauseFor(Flag.heldBack);
    core.putBack(window, position);
    core.resumeFrom(Flag.heldBack);
  }

  /** The received bytes are refused: an answer says so, in its turn, and is the last one. */
  #refuse(core: StreamConnection<D>, loop: ServingLoop, id: number): void {
    const refusal = refusals[id];
    core.note("error", refusedRequest(refusal.status, refusal.reason, core.id));
    this.refuse(core, loop, refusal);
  }

  #count(core: StreamConnection<D>, loop: ServingLoop, refusal: HttpRefusal): void {
    const { refused } = this.statistics;
    refused[refusal.status] = (refused[refusal.status] ?? 0) + 1;
    loop.counts.refused(core as StreamConnection, refusal);
  }

  /** Answers with a status, as the last answer, behind those that are owed. */
  refuse(core: StreamConnection<D>, loop: ServingLoop, refusal: HttpRefusal): void {
    this.#count(core, loop, refusal);
    const pipeline = this.pipelineOf(core);
    pipeline.dropPending();
    const exchange = this.#take(core, loop);
    exchange.renewRefusal(core, loop, refusal.status);
    exchange.send();
    exchange.callbackEnded();
    pipeline.finish();
  }

  /** Hands gathered bytes to their connection. */
  #deliver(core: StreamConnection<D>, bytes: Uint8Array): void {
    const pipeline = this.#pipeline(core);
    if (pipeline !== undefined) return pipeline.deliver(bytes);
    const { stateNumber, config } = core;
    if (stateNumber !== State.open && stateNumber !== State.readEnded) return;
    if (bytes.length > config.bufferLimit || core.mustWait(bytes.length)) {
      return this.pipelineOf(core).deliver(bytes);
    }
    if (core.write(bytes) !== "sent") this.pipelineOf(core).congested = true;
  }

  handOn(core: StreamConnection<D>, handlers: SocketHandlers<D>): void {
    const { stateNumber } = core;
    if (stateNumber !== State.open && stateNumber !== State.readEnded) return;
    this.statistics.upgrades += 1;
    httpCountsOf(core.config.engine).numbers[HttpCount.upgrades] += 1;
    core.handOver(handlers);
  }

  /** A callback has failed. */
  report(core: StreamConnection<D>, thrown: unknown): void {
    const { config } = core;
    config.engine.handlerErrors += 1;
    this.statistics.handlersFailed += 1;
    httpCountsOf(config.engine).numbers[HttpCount.handlersFailed] += 1;
    const error = errorOf(thrown, core.id);
    const { error: handler } = this.#handlers;
    if (handler === undefined) return this.#reportUnhandled(core, error);
    try {
      follow(handler.call(this.#handlers, core, error), () => {}, (inner) => {
        this.#reportUnhandled(core, inner);
      });
    } catch (inner) {
      this.#reportUnhandled(core, inner);
    }
  }

  #reportUnhandled({ config }: StreamConnection<D>, error: unknown): void {
    config.unhandledErrors += 1;
    config.engine.unhandledErrors += 1;
    const isFirst = config.unhandledErrors === 1;
    config.engine.faults.tell("a handler failed and no `error` handler took it", error, isFirst);
  }
}

/** True while this side may send. */
function maySend({ stateNumber }: StreamConnection): boolean {
  return stateNumber === State.open || stateNumber === State.readEnded;
}

/** True while the next request may be handled. */
function goesOn<D>(core: StreamConnection<D>): boolean {
  if ((core.flags & (Flag.paused | Flag.discarding)) !== 0) return false;
  if (core.stateNumber !== State.open && core.stateNumber !== State.readEnded) return false;
  return core.memory === undefined || !(core.memory as Pipeline<D>).stopped;
}
