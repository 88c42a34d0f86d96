/**
 * The client: requests over the pool, one repetition after a lost race, redirects.
 *
 * @module
 */
import { TimeoutError } from "../../base/errors.ts";
import { type ConnectionPool, createPool } from "../../connect/pool/pool.ts";
import { cannotRedirect, clientClosed, tooLate } from "./errors.ts";
import { ClientExchange, type ExchangeAnswer, type ExchangeRequest } from "./exchange.ts";
import { fetchWith } from "./fetch.ts";
import {
  type AnswerLimits,
  answerLimits,
  checkClientOptions,
  checkRequest,
  clientTimeouts,
} from "./options.ts";
import {
  addressOf,
  destinationOf,
  type FieldLines,
  fieldLines,
  isRepeatable,
  lengthField,
  methodOf,
  redirectOf,
  requestHead,
} from "./plan.ts";
import { planBody, type PlannedBody } from "./request_body.ts";
import { Answer } from "./response.ts";
import type {
  ClientRequest,
  ClientRequestOptions,
  ClientResponse,
  ClientStatistics,
  ClientTimeouts,
  HttpClientOptions,
} from "./types.ts";

const defaultUserAgent = "ringport";

/**
 * Makes an HTTP client. Its connections are kept and used again; nothing is opened before the first request,
 * and idle connections do not keep the process alive.
 *
 * @throws {OptionError} for an unknown key or a wrong value.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import { httpClient } from "@ringport/ringport/client";
 *
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: { data: (it) => void it.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") },
 * });
 * await using client = httpClient({ timeouts: { total: 5_000 } });
 * const url = `http://127.0.0.1:${listener.port}/`;
 * for (const name of ["one", "two"]) {
 *   const answer = await client.request({ url, method: "POST", body: JSON.stringify({ name }) });
 *   console.log(answer.status, await answer.json()); // 200 {}
 * }
 * console.log(client.stats().pool.created); // 1
 * ```
 */
export function httpClient(options: HttpClientOptions = {}): HttpClient {
  return new HttpClient(options);
}

/** What is still to be done for a request, after redirects as well. */
interface Course {
  method: string;
  url: URL;
  lines: FieldLines;
  body: PlannedBody;
  redirects: number;
}

/** Sends requests. Made by {@linkcode httpClient}. */
export class HttpClient implements AsyncDisposable {
  readonly #options: HttpClientOptions;
  readonly #pool: ConnectionPool<unknown>;
  /** The parser compares this object: requests without limits of their own share it. */
  readonly #limits: AnswerLimits;
  readonly #timeouts: Required<ClientTimeouts>;
  readonly #counters = {
    requests: 0,
    responses: 0,
    repeated: 0,
    redirects: 0,
    failures: 0,
    brokenBodies: 0,
    timeouts: 0,
  };
  #active = 0;
  #closed = false;
  readonly #owner = {
    exchangeOver: (failed: boolean) => {
      this.#active -= 1;
      if (failed) this.#counters.brokenBodies += 1;
    },
    exchangeLate: () => void (this.#counters.timeouts += 1),
  };

  /** The same as {@linkcode httpClient}. */
  constructor(options: HttpClientOptions = {}) {
    checkClientOptions(options);
    this.#options = { ...options };
    this.#limits = answerLimits(options.limits);
    this.#timeouts = clientTimeouts(options.timeouts);
    // Checked now, rather than by the first request.
    fieldLines(options.headers);
    this.#pool = createPool<unknown>({ ...options.pool, loop: options.loop });
  }

  /**
   * Sends a request and resolves with the head of its answer; read the body, or discard it.
   *
   * A request whose method may be repeated and whose body can be, is sent once more, on a fresh connection,
   * if the connection had been used before and ended before any byte of an answer: its server had closed it
   * meanwhile.
   *
   * @throws {OptionError} for an unknown key, a wrong value, a field that would break its line, or `https:`.
   * @throws {RingportError} what `acquire` of the pool throws; `ERR_HTTP_NO_RESPONSE`, `ERR_HTTP_REDIRECT`,
   * `ERR_HTTP_REQUEST_LENGTH`.
   * @throws {MessageError} `ERR_HTTP_RESPONSE_MALFORMED` or `ERR_HTTP_RESPONSE_INCOMPLETE`.
   * @throws {LimitError} `ERR_HTTP_RESPONSE_LIMIT`.
   * @throws {TimeoutError} `ERR_TIMEOUT_RESPONSE_HEAD`, `ERR_TIMEOUT_RESPONSE_BODY`, `ERR_TIMEOUT_REQUEST`,
   * or `ETIMEDOUT` while connecting.
   * @throws the reason of `signal`, and what the body of the request throws.
   */
  request(url: string | URL, options?: ClientRequestOptions): Promise<ClientResponse>;
  /** The same, with the address among the options. */
  request(request: ClientRequest): Promise<ClientResponse>;
  async request(
    given: string | URL | ClientRequest,
    options?: ClientRequestOptions,
  ): Promise<ClientResponse> {
    const request = typeof given === "string" || given instanceof URL ? { ...options, url: given } : given;
    return await this.#request(request);
  }

  /**
   * The `fetch` of the standard, over this client: takes and gives the runtime's own `Request` and
   * `Response`. Redirects are followed as `redirect` says, 20 at most. Not heeded: `mode`, `cache`,
   * `credentials`, `integrity`, `referrer`, `keepalive`.
   *
   * @throws {TypeError} for every failure of the network, with the error of {@linkcode request} as its
   * `cause`.
   * @throws the reason of the signal.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    return fetchWith((request) => this.#request(request), input, init);
  }

  /** The client's counters, as they are now. */
  stats(): ClientStatistics {
    return { ...this.#counters, active: this.#active, pool: this.#pool.stats() };
  }

  /**
   * Takes no more requests, closes idle connections, and waits for the answers that are being read. After
   * `closeTimeout` of the pool what is left is aborted. Never rejects.
   */
  close(): Promise<void> {
    this.#closed = true;
    return this.#pool.close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #request(request: ClientRequest): Promise<Answer> {
    if (this.#closed) throw clientClosed();
    checkRequest(request);
    const { headers, signal, body, timeouts } = request;
    const lines = fieldLines(headers, this.#options.headers);
    const course: Course = {
      method: methodOf(request.method),
      url: addressOf(request.url),
      lines,
      body: planBody(
        body,
        request.bodyLength ?? (body === undefined || body === null ? undefined : lengthField(lines)),
      ),
      redirects: 0,
    };
    signal?.throwIfAborted();
    const limits = timeouts === undefined ? this.#timeouts : clientTimeouts(this.#options.timeouts, timeouts);
    const endsAt = limits.total > 0 ? performance.now() + limits.total : Infinity;
    this.#counters.requests += 1;
    try {
      return await this.#follow(request, course, limits, endsAt);
    } catch (error) {
      this.#counters.failures += 1;
      throw error;
    }
  }

  /** Sends the request, and those that redirects lead to. */
  async #follow(
    request: ClientRequest,
    course: Course,
    timeouts: Required<ClientTimeouts>,
    endsAt: number,
  ): Promise<Answer> {
    const redirectsMax = request.maxRedirects ?? this.#options.maxRedirects ?? 0;
    for (;;) {
      const answer = await this.#send(request, course, timeouts, endsAt);
      const { status, fields } = answer.head;
      const location = redirectStatuses.has(status) ? fields.get("location") : undefined;
      if (location === undefined || redirectsMax === 0) {
        this.#counters.responses += 1;
        return new Answer(answer, course.url.href, course.redirects);
      }
      answer.body.discard();
      const next = redirectOf(status, location, course.url, course);
      const address = course.url.href;
      if (typeof next === "string") throw cannotRedirect(next, address);
      if (course.redirects >= redirectsMax) {
        throw cannotRedirect(`more than ${redirectsMax} redirects (maxRedirects)`, address);
      }
      Object.assign(course, next);
      course.redirects += 1;
      this.#counters.redirects += 1;
    }
  }

  /** Sends one request, once more if its connection had been left by its server. */
  async #send(
    request: ClientRequest,
    course: Course,
    timeouts: Required<ClientTimeouts>,
    endsAt: number,
  ): Promise<ExchangeAnswer> {
    const planned = this.#plan(request, course, timeouts);
    const repeatable = isRepeatable(course.method, course.body);
    const target = destinationOf(course.url, request.unix ?? this.#options.unix);
    const { signal } = request;
    for (let fresh = false;; fresh = true) {
      const left = endsAt - performance.now();
      if (left <= 0) throw this.#late(planned);
      const exchange = new ClientExchange(planned, this.#owner, signal);
      const timeout = Math.ceil(Math.min(timeouts.connect > 0 ? timeouts.connect : Infinity, left));
      this.#active += 1;
      let lease;
      try {
        const wait = timeout === Infinity ? 0 : timeout;
        lease = await this.#pool.acquire({ ...target, socket: exchange, signal, timeout: wait, fresh });
      } catch (error) {
        this.#active -= 1;
        if (error instanceof TimeoutError && performance.now() >= endsAt) throw this.#late(planned);
        throw error;
      }
      try {
        return await exchange.run(lease, Math.max(endsAt - performance.now(), 1));
      } catch (error) {
        if (!exchange.lost || exchange.heard || !lease.reused || !repeatable) throw error;
        this.#counters.repeated += 1;
      }
    }
  }

  #late({ timeouts, address }: ExchangeRequest): TimeoutError {
    this.#counters.timeouts += 1;
    return tooLate("ERR_TIMEOUT_REQUEST", timeouts.total, address);
  }

  #plan(
    request: ClientRequest,
    { method, url, lines, body }: Course,
    timeouts: Required<ClientTimeouts>,
  ): ExchangeRequest {
    const expectContinue = request.expectContinue === true && body.length !== 0;
    const userAgent = this.#options.userAgent ?? defaultUserAgent;
    return {
      method,
      head: requestHead({ method, url, lines, body, userAgent, expectContinue }),
      body,
      expectContinue,
      close: lines.lower.includes("connection"),
      // Without the query, which may hold secrets: messages go to logs.
      address: `${method} ${url.origin}${url.pathname}`,
      ...(request.limits === undefined ? this.#limits : answerLimits(this.#options.limits, request.limits)),
      timeouts,
      onInformational: request.onInformational,
    };
  }
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
