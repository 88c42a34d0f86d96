/**
 * An HTTP client as an application sees it: options, requests, answers, statistics.
 *
 * @module
 */
import type { PoolOptions, PoolStatistics } from "../../connect/pool/types.ts";
import type { Loop } from "../../loop/types.ts";
import type { Window } from "../../memory/window.ts";
import type { HeaderFields } from "../types.ts";

/** Time limits of a request, in milliseconds; 0 turns one off. */
export interface ClientTimeouts {
  /** Until there is a connection, waiting for the pool and connecting together. 10,000 by default. */
  connect?: number;
  /**
   * From the request's last byte, or its last sign of progress, to the end of the answer's head. 60,000 by
   * default.
   */
  head?: number;
  /**
   * How long a body may stand still, the answer's as well as the request's. 60,000 by default. It does not
   * count while this side does not read.
   */
  body?: number;
  /** From the call to the last byte of the answer, redirects included. No limit (0) by default. */
  total?: number;
}

/** Limits of an answer. */
export interface ClientLimits {
  /** Bytes of the head. 32,768 by default. */
  headBytes?: number;
  /** Fields of the head, and of the trailers. 128 by default. */
  fields?: number;
  /**
   * Bytes of the body; 0 for no limit, the default. Set it where bodies of strangers are read in one piece.
   */
  bodyBytes?: number;
  /** Bytes of the trailers, and of all chunk extensions together. 8,192 by default. */
  trailerBytes?: number;
}

/** Options of {@linkcode httpClient}. */
export interface HttpClientOptions {
  /** Fields sent with every request that does not bring its own of the same name. */
  headers?: HeaderFields;
  /** The field User-Agent; `false` sends none. `"ringport"` by default. */
  userAgent?: string | false;
  /**
   * The path of a Unix socket that all requests go to; the URL then gives only the field Host and the path.
   */
  unix?: string;
  /** Time limits of each request. */
  timeouts?: ClientTimeouts;
  /** Limits of each answer. */
  limits?: ClientLimits;
  /** Redirects that `request` follows. None (0) by default: they are answers like any other. */
  maxRedirects?: number;
  /** The pool's own options: how many connections, and how long they are kept. */
  pool?: Omit<PoolOptions<unknown>, "socket" | "loop">;
  /** The loop to run on. Left out: the thread's own. */
  loop?: Loop;
}

/** The body of a request. */
export type RequestBody =
  | string
  | Uint8Array
  | ArrayBuffer
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

/** A request. */
export interface ClientRequest {
  /** The address, beginning with `http:`. */
  url: string | URL;
  /** `"GET"` by default. */
  method?: string;
  /** Its fields. Host, Content-Length and Transfer-Encoding are set by the client unless given. */
  headers?: HeaderFields;
  /**
   * Bytes and text are sent with their length. A stream or an iterable is sent as chunks, or, with
   * `bodyLength`, by length; it is read as fast as the peer takes it, and canceled when the request ends
   * before it does.
   */
  body?: RequestBody | null;
  /** Bytes of a body that is a stream or an iterable. One that is shorter or longer fails the request. */
  bodyLength?: number;
  /**
   * Fields behind the body, such as a checksum of it. The body is sent as chunks then, whatever it is. A
   * function is called when all of the body is written. The client announces the names of an object in the
   * field Trailer; for a function, give that field in `headers`. Fields that frame, route or authorize a
   * request cannot be trailers. What the function throws fails the request.
   */
  trailers?: HeaderFields | (() => HeaderFields | Promise<HeaderFields>);
  /** Abort ends the request, or the reading of its answer, with the signal's reason. */
  signal?: AbortSignal;
  /** Time limits instead of the client's. */
  timeouts?: ClientTimeouts;
  /** Limits instead of the client's. */
  limits?: ClientLimits;
  /** Redirects to follow instead of the client's number. */
  maxRedirects?: number;
  /** The path of a Unix socket instead of the client's. */
  unix?: string;
  /**
   * Sends `Expect: 100-continue` and the body only once the server asks for it. A server that says nothing
   * gets it after a second.
   */
  expectContinue?: boolean;
  /** Called for each interim answer: 100, 102, 103. */
  onInformational?: (status: number, headers: ResponseFields) => void;
}

/** What may be changed of a request whose address is given apart. */
export type ClientRequestOptions = Omit<ClientRequest, "url">;

/** The fields of an answer, in their order. Names are in lower case. */
export interface ResponseFields extends Iterable<[name: string, value: string]> {
  /** How many there are. */
  readonly size: number;
  /** The value of a field, in any case; several are joined by `", "`. Undefined where there is none. */
  get(name: string): string | undefined;
  /** Every value of a field, such as each `set-cookie`. */
  getAll(name: string): string[];
  /** Whether there is such a field. */
  has(name: string): boolean;
}

/**
 * An answer whose head has come. Its body is read once: by {@linkcode body}, {@linkcode windows}, or one of
 * the methods. An answer that nobody reads holds its connection: call {@linkcode discard}.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import { httpClient } from "@ringport/ringport/client";
 *
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: { data: (it) => void it.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") },
 * });
 * await using client = httpClient();
 * const answer = await client.request(`http://127.0.0.1:${listener.port}/`);
 * console.log(answer.status, await answer.text()); // 200 hello
 * ```
 */
export interface ClientResponse {
  /** 200 to 999. */
  readonly status: number;
  /** The text behind the status; often empty. */
  readonly reason: string;
  /** The version of the answer. */
  readonly version: "1.1" | "1.0";
  /** The address that answered, after all redirects. */
  readonly url: string;
  /** Redirects that were followed. */
  readonly redirects: number;
  /** The fields of the head. */
  readonly headers: ResponseFields;
  /** Bytes of the body, where the answer says so. */
  readonly contentLength: number | undefined;
  /** True once the body was read, is being read, or was discarded. */
  readonly bodyUsed: boolean;
  /**
   * The body, as a byte stream with backpressure. It fails with a RingportError when the answer breaks off.
   * Canceling it is {@linkcode discard}.
   */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * The body as windows on the bytes where they lie, with backpressure: what a proxy writes on without a
   * copy. Each is valid until the next one is asked for.
   */
  readonly windows: AsyncIterable<Window>;
  /** The whole body. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** The whole body. */
  arrayBuffer(): Promise<ArrayBuffer>;
  /** The whole body, as UTF-8. */
  text(): Promise<string>;
  /** The whole body, parsed. Throws a SyntaxError for anything but JSON. */
  json(): Promise<unknown>;
  /**
   * The fields behind a chunked body, empty for any other. Resolves when the body was received to its end,
   * which it is only if somebody reads it; rejects when it breaks off.
   */
  readonly trailers: Promise<ResponseFields>;
  /**
   * Nobody wants the body. What is left is read and dropped if it is short, so that the connection can be
   * used again; otherwise the connection is closed.
   */
  discard(): void;
}

/** Counters of a client, as they are now or since it was made. */
export interface ClientStatistics {
  /** Requests so far, those after a redirect or a repetition not counted again. */
  requests: number;
  /** Requests that are not over: waiting, sending, or with an answer that is not read to its end. */
  active: number;
  /** Answers so far. */
  responses: number;
  /** Requests sent again on a fresh connection, since theirs was closed before any byte of an answer. */
  repeated: number;
  /** Redirects followed so far. */
  redirects: number;
  /** Requests so far that failed before their answer. */
  failures: number;
  /** Answers so far whose body broke off, was aborted or came too late. */
  brokenBodies: number;
  /** Requests so far that reached one of `timeouts`. */
  timeouts: number;
  /** The pool's own. */
  pool: PoolStatistics;
}
