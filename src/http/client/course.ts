/**
 * The course of one request: its connection, one repetition after a lost race, redirects, the answer.
 *
 * @module
 */
import { TimeoutError } from "../../base/errors.ts";
import type { Lease } from "../../connect/pool/lease.ts";
import { type ConnectionPool, leaseIdle } from "../../connect/pool/pool.ts";
import type { Http1Limits } from "../parser.ts";
import type { Address, AddressReader } from "./address.ts";
import type { Deadlines } from "./deadlines.ts";
import { cannotRedirect, tooLate } from "./errors.ts";
import { ClientExchange, type ExchangeAsker, type ExchangeRequest } from "./exchange.ts";
import { type AnswerLimits, answerLimits, clientTimeouts } from "./options.ts";
import { isRepeatable, plainHead, redirectOf, requestHead } from "./plan.ts";
import { noBody, type PlannedBody } from "./request_body.ts";
import type { FieldLines } from "./request_fields.ts";
import type { ResponseBody } from "./response_body.ts";
import type { ResponseHead } from "./response_head.ts";
import { Answer } from "./response.ts";
import type {
  ClientRequest,
  ClientStatistics,
  ClientTimeouts,
  HttpClientOptions,
  ResponseFields,
} from "./types.ts";

/** What the requests of a client have in common. */
export interface CourseOwner {
  readonly options: HttpClientOptions;
  readonly userAgent: string | false;
  readonly pool: ConnectionPool<unknown>;
  /** The parser compares this object: requests without limits of their own share it. */
  readonly limits: AnswerLimits;
  readonly timeouts: Required<ClientTimeouts>;
  /** The client's own fields. */
  readonly lines: FieldLines;
  readonly addresses: AddressReader;
  readonly deadlines: Deadlines;
  readonly counters: Omit<ClientStatistics, "requests" | "pool">;
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** One request. Its exchanges, one after the other, read from it what to send, and tell it how they went. */
export class Course implements ExchangeRequest, ExchangeAsker {
  readonly #owner: CourseOwner;
  readonly #given: ClientRequest;
  readonly #answered = Promise.withResolvers<Answer>();
  #address: Address;
  #lines: FieldLines;
  #redirects = 0;
  #exchange!: ClientExchange;
  #lease: Lease<unknown> | undefined = undefined;
  method: string;
  body: PlannedBody;
  head: string | Uint8Array = "";
  expectContinue = false;
  close = false;
  /** When all of it must be over. */
  readonly endsAt: number;
  readonly bodyBytesMax: number;
  readonly parserLimits: Http1Limits;
  readonly timeouts: Required<ClientTimeouts>;

  constructor(
    owner: CourseOwner,
    given: ClientRequest,
    method: string,
    address: Address,
    lines: FieldLines,
    body: PlannedBody,
  ) {
    const { options } = owner;
    const { limits, timeouts } = given;
    this.#owner = owner;
    this.#given = given;
    this.#address = address;
    this.#lines = lines;
    this.method = method;
    this.body = body;
    this.timeouts = timeouts === undefined ? owner.timeouts : clientTimeouts(options.timeouts, timeouts);
    const { bodyBytesMax, parserLimits } = limits === undefined
      ? owner.limits
      : answerLimits(options.limits, limits);
    this.bodyBytesMax = bodyBytesMax;
    this.parserLimits = parserLimits;
    const { total } = this.timeouts;
    this.endsAt = total > 0 ? performance.now() + total : Infinity;
  }

  /** The address in messages. */
  get address(): string {
    return `${this.method} ${this.#address.withoutQuery}`;
  }

  get deadlines(): Deadlines {
    return this.#owner.deadlines;
  }

  get signal(): AbortSignal | undefined {
    return this.#given.signal;
  }

  get onInformational(): ((status: number, headers: ResponseFields) => void) | undefined {
    return this.#given.onInformational;
  }

  /** Sends it; resolves with the answer. */
  start(): Promise<Answer> {
    this.#plan();
    this.#send(false);
    return this.#answered.promise;
  }

  /** Makes the head. */
  #plan(): void {
    const { method, body } = this;
    const { userAgent, lines: ownLines } = this.#owner;
    const lines = this.#lines;
    const address = this.#address;
    const expectContinue = this.#given.expectContinue === true && body.length !== 0;
    const parts = { method, address, lines, body, userAgent, expectContinue };
    this.expectContinue = expectContinue;
    this.close = lines.lower.includes("connection");
    const head = lines === ownLines && body === noBody ? plainHead(parts) : undefined;
    this.head = head ?? requestHead(parts);
  }

  /** Sends one request. `fresh`: on a connection that nobody has used. */
  #send(fresh: boolean): void {
    const { pool, counters, options } = this.#owner;
    const { unix = options.unix } = this.#given;
    const exchange = this.#exchange = new ClientExchange(this);
    counters.active += 1;
    if (!fresh && unix === undefined && this.endsAt === Infinity) {
      const lease = leaseIdle(pool, this.#address.origin.target, exchange);
      if (lease !== undefined) return this.#run(lease);
    }
    void this.#acquire(unix, fresh);
  }

  async #acquire(unix: string | undefined, fresh: boolean): Promise<void> {
    const { pool, counters } = this.#owner;
    const { connect } = this.timeouts;
    const { endsAt, signal } = this;
    const target = unix === undefined ? this.#address.origin.target : { unix };
    try {
      const left = endsAt - performance.now();
      if (left <= 0) throw this.#late();
      const timeout = Math.ceil(Math.min(connect > 0 ? connect : Infinity, left));
      const lease = await pool.acquire({
        ...target,
        socket: this.#exchange,
        signal,
        timeout: timeout === Infinity ? 0 : timeout,
        fresh,
      });
      this.#run(lease);
    } catch (error) {
      counters.active -= 1;
      const late = error instanceof TimeoutError && error.operation === "acquire" &&
        performance.now() >= endsAt;
      this.#reject(late ? this.#late() : error);
    }
  }

  #run(lease: Lease<unknown>): void {
    this.#lease = lease;
    this.#exchange.run(lease);
  }

  #late(): TimeoutError {
    this.#owner.counters.timeouts += 1;
    return tooLate("ERR_TIMEOUT_REQUEST", this.timeouts.total, this.address);
  }

  #reject(error: unknown): void {
    this.#owner.counters.failures += 1;
    this.#answered.reject(error);
  }

  // What the exchange says.

  answered(head: ResponseHead, body: ResponseBody): void {
    const { status } = head;
    if (redirectStatuses.has(status) && this.#redirectsMax > 0) {
      const location = head.fields.get("location");
      // Not within the callback of the answer's connection, which is still busy with its body.
      if (location !== undefined) return queueMicrotask(() => this.#redirect(status, location, body));
    }
    this.#owner.counters.responses += 1;
    this.#answered.resolve(new Answer(head, body, this.#address.href, this.#redirects));
  }

  failed(error: unknown): void {
    const exchange = this.#exchange;
    const repeats = exchange.lost && !exchange.heard && this.#lease!.reused &&
      isRepeatable(this.method, this.body);
    if (!repeats) return this.#reject(error);
    this.#owner.counters.repeated += 1;
    queueMicrotask(() => this.#send(true));
  }

  exchangeOver(brokenBody: boolean): void {
    const { counters } = this.#owner;
    counters.active -= 1;
    if (brokenBody) counters.brokenBodies += 1;
  }

  exchangeLate(): void {
    this.#owner.counters.timeouts += 1;
  }

  // Redirects.

  get #redirectsMax(): number {
    return this.#given.maxRedirects ?? this.#owner.options.maxRedirects ?? 0;
  }

  /** Follows a redirect, whose body nobody reads. */
  #redirect(status: number, location: string, body: ResponseBody): void {
    const { addresses, counters } = this.#owner;
    body.discard();
    const from = new URL(this.#address.href);
    const next = redirectOf(status, location, from, {
      method: this.method,
      lines: this.#lines,
      body: this.body,
    });
    if (typeof next === "string") return this.#reject(cannotRedirect(next, this.address));
    if (this.#redirects >= this.#redirectsMax) {
      const detail = `more than ${this.#redirectsMax} redirects (maxRedirects)`;
      return this.#reject(cannotRedirect(detail, this.address));
    }
    this.#address = addresses.of(next.url);
    this.#lines = next.lines;
    this.method = next.method;
    this.body = next.body;
    this.#redirects += 1;
    counters.redirects += 1;
    this.#plan();
    this.#send(false);
  }
}
