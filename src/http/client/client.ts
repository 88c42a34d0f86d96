/**
 * The client: requests over the pool, one repetition after a lost race, redirects.
 *
 * @module
 */
import { type ConnectionPool, createPool } from "../../connect/pool/pool.ts";
import { AddressReader } from "./address.ts";
import { Course, type CourseOwner } from "./course.ts";
import { Deadlines } from "./deadlines.ts";
import { clientClosed } from "./errors.ts";
import { fetchWith } from "./fetch.ts";
import { answerLimits, checkClientOptions, checkRequest, clientTimeouts } from "./options.ts";
import { methodOf } from "./plan.ts";
import { planBody } from "./request_body.ts";
import { announceTrailers, fieldLines, lengthField } from "./request_fields.ts";
import type { Answer } from "./response.ts";
import type {
  ClientRequest,
  ClientRequestOptions,
  ClientResponse,
  ClientStatistics,
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

/** Sends requests. Made by {@linkcode httpClient}. */
export class HttpClient implements AsyncDisposable {
  readonly #pool: ConnectionPool<unknown>;
  readonly #owner: CourseOwner;
  #requests = 0;
  #closed = false;

  /** The same as {@linkcode httpClient}. */
  constructor(options: HttpClientOptions = {}) {
    checkClientOptions(options);
    this.#pool = createPool<unknown>({ ...options.pool, loop: options.loop });
    this.#owner = {
      options: { ...options },
      userAgent: options.userAgent ?? defaultUserAgent,
      pool: this.#pool,
      limits: answerLimits(options.limits),
      timeouts: clientTimeouts(options.timeouts),
      lines: announceTrailers(fieldLines(options.headers), undefined),
      addresses: new AddressReader(),
      deadlines: new Deadlines(),
      counters: {
        active: 0,
        responses: 0,
        repeated: 0,
        redirects: 0,
        failures: 0,
        brokenBodies: 0,
        timeouts: 0,
      },
    };
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
  request(given: string | URL | ClientRequest, options?: ClientRequestOptions): Promise<ClientResponse> {
    const request = typeof given === "string" || given instanceof URL ? { ...options, url: given } : given;
    return this.#request(request);
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
    return { requests: this.#requests, ...this.#owner.counters, pool: this.#pool.stats() };
  }

  /**
   * Takes no more requests, closes idle connections, and waits for the answers that are being read. After
   * `closeTimeout` of the pool what is left is aborted. Never rejects.
   */
  close(): Promise<void> {
    this.#closed = true;
    const closed = this.#pool.close();
    void closed.then(() => this.#owner.deadlines.stop());
    return closed;
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #request(request: ClientRequest): Promise<Answer> {
    try {
      const course = this.#course(request);
      this.#requests += 1;
      return course.start();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Checks a request. */
  #course(request: ClientRequest): Course {
    if (this.#closed) throw clientClosed();
    checkRequest(request);
    const owner = this.#owner;
    const { headers, signal, body, trailers } = request;
    const fields = headers === undefined ? owner.lines : fieldLines(headers, owner.options.headers);
    const lines = announceTrailers(fields, trailers);
    const method = methodOf(request.method);
    const address = owner.addresses.read(request.url);
    const length = body === undefined || body === null ? undefined : lengthField(lines);
    const planned = planBody(body, request.bodyLength ?? length, trailers);
    signal?.throwIfAborted();
    return new Course(owner, request, method, address, lines, planned);
  }
}
