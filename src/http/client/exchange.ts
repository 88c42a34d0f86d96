/**
 * One request and its answer on one connection of the pool.
 *
 * It is the connection's handler table while it is leased. It ends in one of three ways: the answer was
 * received to its end, it broke off, or this side gave it up. The connection goes back to the pool in the
 * first case only, and only where the request was sent whole and both sides keep the connection.
 *
 * @module
 */
import { clientContinueMilliseconds } from "../../base/limits.ts";
import type { Lease } from "../../connect/pool/lease.ts";
import type { RingWindow } from "../../memory/window.ts";
import type { StreamConnection } from "../../stream/connection.ts";
import { Flag } from "../../stream/state.ts";
import type { CloseReason, SocketHandlers } from "../../stream/types.ts";
import type { Http1Limits } from "../parser.ts";
import type { Deadlines, Watched } from "./deadlines.ts";
import { bodyUsed, incompleteAnswer, noAnswer, overLimit, tooLate } from "./errors.ts";
import { BodySender, type PlannedBody } from "./request_body.ts";
import { type BodySource, ResponseBody } from "./response_body.ts";
import { noFields } from "./response_fields.ts";
import type { ResponseHead } from "./response_head.ts";
import { ResponseReader, type ResponseSink } from "./response_reader.ts";
import type { ClientTimeouts, ResponseFields } from "./types.ts";

/** What is sent, and what an exchange needs to know of it. */
export interface ExchangeRequest {
  readonly method: string;
  /** The whole head. */
  readonly head: string | Uint8Array;
  readonly body: PlannedBody;
  /** The body waits for the server to ask for it. */
  readonly expectContinue: boolean;
  /** The connection is not to be used again. */
  readonly close: boolean;
  /** The address in messages. */
  readonly address: string;
  /** Bytes of the answer's body at most, 0 for any number. */
  readonly bodyBytesMax: number;
  readonly parserLimits: Http1Limits;
  readonly timeouts: Required<ClientTimeouts>;
  /** When the whole must be over, as `performance.now()` gives it. */
  readonly endsAt: number;
  readonly signal: AbortSignal | undefined;
  readonly onInformational: ((status: number, headers: ResponseFields) => void) | undefined;
}

/** Asks for an exchange, and hears how it goes. */
export interface ExchangeAsker {
  readonly deadlines: Deadlines;
  /** The head of the answer has come. */
  answered(head: ResponseHead, body: ResponseBody): void;
  /** There will be no answer. */
  failed(error: unknown): void;
  /** It is over. `brokenBody`: the body of the answer broke off. */
  exchangeOver(brokenBody: boolean): void;
  /** One of the timeouts passed. */
  exchangeLate(): void;
}

/** The connection is leased and nothing was sent. */
const unsent = 0;
/** The head of the answer is on its way. */
const waiting = 1;
/** The body of the answer is on its way. */
const receiving = 2;
const over = 3;

export class ClientExchange implements SocketHandlers<unknown>, Watched, BodySource, ResponseSink {
  readonly #request: ExchangeRequest & ExchangeAsker;
  #onAbort: (() => void) | undefined = undefined;
  #state: number = unsent;
  #lease: Lease<unknown> | undefined = undefined;
  #core!: StreamConnection;
  #reader!: ResponseReader;
  #sender: BodySender | undefined = undefined;
  #body: ResponseBody | undefined = undefined;
  #bodyBytes = 0;
  /** The body was not begun: it waits for 100, until this moment. */
  #continueAt = 0;
  #keeps = false;
  #held = false;
  /**
   * When something last moved. The loop's clock would be as old as its last turn, and this may be outside of
   * one.
   */
  #movedAt = 0;
  dueAt = Infinity;
  /** A byte of an answer has come. */
  heard = false;
  /** Bytes or an end came before anything was sent: whatever they are, they are not the answer. */
  #spoiled = false;
  /** The connection itself has failed, rather than this side or the answer. */
  lost = false;

  constructor(request: ExchangeRequest & ExchangeAsker) {
    this.#request = request;
  }

  /** Sends the request on a connection that was leased with this as its handlers. */
  run(lease: Lease<unknown>): void {
    const core = lease.connection as unknown as StreamConnection;
    const { engine, segments } = core.config;
    const request = this.#request;
    const { signal } = request;
    this.#lease = lease;
    this.#core = core;
    if (signal?.aborted === true) return this.#fail(signal.reason);
    if (this.#spoiled) return this.#lost(undefined);
    this.#state = waiting;
    this.#reader = new ResponseReader(engine, segments, request, this);
    this.#movedAt = performance.now();
    if (signal !== undefined) {
      this.#onAbort = () => this.#fail(signal.reason);
      signal.addEventListener("abort", this.#onAbort, { once: true });
    }
    core.write(request.head);
    if (request.body.length !== 0) this.#sendBody();
    this.#schedule(this.#movedAt);
  }

  #sendBody(): void {
    const { body, expectContinue, address } = this.#request;
    this.#sender = new BodySender(body, this.#core, this, address);
    if (expectContinue) this.#continueAt = this.#movedAt + clientContinueMilliseconds;
    else this.#sender.start();
  }

  /** Begins the body that waits for 100. */
  #continue(): void {
    if (this.#continueAt === 0) return;
    this.#continueAt = 0;
    this.#movedAt = performance.now();
    this.#sender!.start();
  }

  // What the connection says.

  data(_connection: unknown, window: RingWindow): void {
    if (this.#state === unsent) {
      this.#spoiled = true;
      return;
    }
    if (this.#state === over) return;
    this.heard = true;
    this.#movedAt = performance.now();
    const taken = this.#reader.feed(window);
    if (this.#reader.fault !== undefined) return this.#fail(this.#reader.fault);
    // Bytes behind the answer belong to no request: the connection cannot be trusted any more.
    if (this.#reader.over) this.#complete(taken < window.length);
  }

  drain(): void {
    this.#movedAt = performance.now();
    this.#sender?.drained();
  }

  end(): void {
    if (this.#state === unsent) this.#spoiled = true;
    else if (this.#state === receiving && this.#reader.endsWithConnection) {
      this.#reader.connectionEnded();
      this.#complete(true);
    } else if (this.#state !== over) this.#lost(undefined);
  }

  error(_connection: unknown, error: Error): void {
    if (this.#state === unsent) this.#spoiled = true;
    else if (this.#state !== over) this.#lost(error);
  }

  close(_connection: unknown, reason: CloseReason): void {
    if (this.#state === unsent) this.#spoiled = true;
    else if (this.#state !== over) this.#lost(reason.error);
  }

  /** The connection has ended before the answer did. */
  #lost(cause: Error | undefined): void {
    const { address } = this.#request;
    if (this.#state === receiving) {
      const { missing } = this.#reader;
      const detail = missing > 0 ? `${missing} bytes before the end of the body` : "within the body";
      return this.#fail(incompleteAnswer(detail, address, cause));
    }
    this.lost = true;
    this.#fail(
      this.heard
        ? incompleteAnswer("within the head of the answer", address, cause)
        : noAnswer(address, cause),
    );
  }

  // What the reader of the answer says.

  interim(head: ResponseHead): void {
    const { status, fields } = head;
    if (status === 100) this.#continue();
    try {
      this.#request.onInformational?.(status, fields);
    } catch (error) {
      this.#fail(error);
    }
  }

  head(head: ResponseHead): void {
    const { bodyBytesMax } = this.#request;
    if (bodyBytesMax > 0 && this.#reader.missing > bodyBytesMax) {
      const detail =
        `the body has ${head.length} bytes, which is above the ${bodyBytesMax} of limits.bodyBytes`;
      return this.#fail(overLimit(detail, this.#request.address));
    }
    this.#keeps = head.keeps && !this.#request.close;
    this.#state = receiving;
    const body = new ResponseBody(this);
    this.#body = body;
    // An answer that does not wait for the body wants none. One that says "close" may still be reading it:
    // servers announce that they leave while they answer a request that is not whole yet.
    if (this.#continueAt > 0) this.#stopSending();
    this.#schedule(this.#movedAt);
    this.#request.answered(head, body);
  }

  bytes(bytes: Uint8Array<ArrayBuffer>, window: RingWindow | undefined): void {
    this.#bodyBytes += bytes.length;
    const { bodyBytesMax } = this.#request;
    if (bodyBytesMax > 0 && this.#bodyBytes > bodyBytesMax) {
      const detail = `the body has more than the ${bodyBytesMax} bytes of limits.bodyBytes`;
      return this.#fail(overLimit(detail, this.#request.address));
    }
    this.#body!.take(bytes, window);
  }

  get stopped(): boolean {
    return this.#state === over;
  }

  // What the reader of the body says.

  holdBack(): void {
    if (this.#state === over || this.#held) return;
    this.#held = true;
    this.#core.pauseFor(Flag.heldBack);
  }

  letGo(): void {
    if (!this.#held) return;
    this.#held = false;
    if (this.#state === over) return;
    this.#movedAt = performance.now();
    this.#core.resumeFrom(Flag.heldBack);
  }

  get missing(): number {
    return this.#state === over ? 0 : this.#reader.missing;
  }

  get crowded(): boolean {
    return this.#core.config.engine.crowded;
  }

  abandon(): void {
    if (this.#state === over) return;
    this.#fail(bodyUsed("discard"), false);
  }

  // What the sender of the request's body says.

  bodyMoved(): void {
    if (this.#state === over) return;
    this.#movedAt = performance.now();
    if (this.#sender?.done === true) this.#schedule(this.#movedAt);
  }

  bodyFailed(error: unknown): void {
    this.#fail(error);
  }

  // Time.

  due(now: number): void {
    const { timeouts, endsAt } = this.#request;
    if (now >= endsAt) return this.#late("ERR_TIMEOUT_REQUEST", timeouts.total);
    if (this.#continueAt > 0 && now >= this.#continueAt) this.#continue();
    const limit = this.#limit;
    if (limit > 0 && now - this.#movedAt >= limit) {
      // While this side has enough, or has nothing to send yet, the peer is not to blame.
      if (this.#held || this.#sender?.waitsForSource === true) this.#movedAt = now;
      else {
        const isHead = this.#state === waiting && this.#sender?.done !== false;
        return this.#late(isHead ? "ERR_TIMEOUT_RESPONSE_HEAD" : "ERR_TIMEOUT_RESPONSE_BODY", limit);
      }
    }
    this.dueAt = Infinity;
    this.#schedule(now);
  }

  /** The limit that counts from the last movement, in the state of now; 0 for none. */
  get #limit(): number {
    const { head, body } = this.#request.timeouts;
    return this.#state === waiting && this.#sender?.done !== false ? head : body;
  }

  #late(code: Parameters<typeof tooLate>[0], limit: number): void {
    this.#request.exchangeLate();
    this.#fail(tooLate(code, limit, this.#request.address));
  }

  /** Asks for a look when the earliest limit is due; what moves meanwhile asks for none. */
  #schedule(now: number): void {
    if (this.#state === over) return;
    const limit = this.#limit;
    const at = Math.min(
      this.#request.endsAt,
      limit > 0 ? this.#movedAt + limit : Infinity,
      this.#continueAt > 0 ? this.#continueAt : Infinity,
    );
    if (at >= this.dueAt) return;
    this.dueAt = at;
    try {
      this.#request.deadlines.watch(this, this.#core.config.engine, now);
    } catch (error) {
      this.#fail(error);
    }
  }

  // The end.

  /** The answer was received to its end. `spent`: the connection is of no further use. */
  #complete(spent: boolean): void {
    const body = this.#body!;
    const trailers = this.#reader.trailers ?? noFields;
    const whole = this.#sender === undefined || this.#sender.whole;
    this.#settle(false);
    this.#stopSending();
    if (this.#held) {
      this.#held = false;
      this.#core.resumeFrom(Flag.heldBack);
    }
    if (whole && this.#keeps && !spent) this.#lease!.release();
    else this.#lease!.discard();
    body.end(trailers);
  }

  #fail(error: unknown, counts = true): void {
    if (this.#state === over) return;
    const broken = this.#state === receiving;
    this.#settle(broken && counts);
    this.#cut(error);
    if (broken) this.#body!.fail(error);
    else this.#request.failed(error);
  }

  /** Cuts the connection: the peer is in the middle of something. */
  #cut(error: unknown): void {
    this.#stopSending(error);
    this.#core.abort();
    this.#lease!.discard();
  }

  #stopSending(reason?: unknown): void {
    this.#continueAt = 0;
    this.#sender?.stop(reason);
  }

  #settle(failed: boolean): void {
    this.#state = over;
    if (this.#onAbort !== undefined) this.#request.signal!.removeEventListener("abort", this.#onAbort);
    if (this.dueAt < Infinity) this.#request.deadlines.forget(this);
    this.#request.exchangeOver(failed);
  }
}
