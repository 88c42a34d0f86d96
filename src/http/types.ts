/**
 * HTTP as an application sees it through the fast door: handlers, request, response, bodies, options.
 *
 * @module
 */
import type { SendableFile, SendFileOptions } from "../stream/sendable_file.ts";
import type { Connection, SocketHandlers, Writable, WriteResult } from "../stream/types.ts";
import type { Window } from "../memory/window.ts";

/** A value of a header field. Numbers are written in decimal. */
export type HeaderValue = string | number;

/** Header fields as an object, or as pairs where their order or repetition matters. */
export type HeaderFields =
  | Readonly<Record<string, HeaderValue | readonly HeaderValue[]>>
  | Iterable<readonly [name: string, value: HeaderValue]>;

/** The callbacks of an HTTP server: those of connections, with `request` instead of `data`. */
export interface HttpHandlers<D = undefined>
  extends Pick<SocketHandlers<D>, "open" | "close" | "error" | "timeout"> {
  /**
   * A request has come; its body may still be on its way. Answer within the callback, or make it async, or
   * call `response.later()`. A callback that returns without any of these has failed: the client gets 500.
   *
   * When it throws or rejects, the exception is counted and goes to `error`, or where there is none to the
   * server's log; the client gets 500, and where the answer has begun already the connection is aborted.
   */
  request(request: HttpRequest<D>, response: HttpResponse): void | Promise<void>;
  /**
   * A request that asks for another protocol (`Connection: upgrade`, GET, no body), or CONNECT. Answer it as
   * any other, or take the connection over with `response.upgrade(handlers)`. Without this handler a request
   * with `Upgrade` is an ordinary one, and CONNECT is refused with 501.
   */
  upgrade?(request: HttpRequest<D>, response: HttpResponse): void | Promise<void>;
}

/**
 * One request. The object serves again: it may be used until the callback returns or, in an async one and
 * after `response.later()`, until the request is answered and the callback's promise has settled. Later use
 * throws a StateError in development mode, and shows another request in production.
 */
export interface HttpRequest<D = undefined> {
  /** The method as sent: `"GET"`. Methods are case-sensitive. */
  readonly method: string;
  /** The request target as sent: `"/a?b=1"`, or in absolute form `"http://host/a?b=1"`. */
  readonly target: string;
  /** The path without the query, percent-encoded as sent. Of the form `*` and of CONNECT the whole target. */
  readonly path: string;
  /** What follows the `?` of the target, percent-encoded as sent; empty without one. */
  readonly query: string;
  /** `"1.1"`, or `"1.0"`. */
  readonly version: "1.1" | "1.0";
  /** The authority of the target, or else the field `Host`; empty where HTTP/1.0 has none. */
  readonly host: string;
  /**
   * The value of a field; undefined without it. Names are compared without regard to case. The values of
   * repeated fields are joined by `", "`, those of `Cookie` by `"; "`. Bytes above 0x7f are read as latin1.
   */
  header(name: string): string | undefined;
  /** Whether the request has the field. Asking for an absent field of a known name costs next to nothing. */
  has(name: string): boolean;
  /** All fields in order, with names in lower case; repeated ones come apart. */
  headers(): IterableIterator<[name: string, value: string]>;
  /** The connection. Writing to it directly breaks the order of answers: use it for addresses and `data`. */
  readonly connection: Connection<D>;
  /** Whether a body follows the head, by its length or in chunks. A length of 0 means no body. */
  readonly hasBody: boolean;
  /** Bytes of the body; 0 without one, undefined for a body in chunks. */
  readonly contentLength: number | undefined;
  /** Whether the body is read, or has begun to be. It can be read once. */
  readonly bodyUsed: boolean;
  /**
   * The whole body.
   *
   * @returns a promise that rejects with a LimitError `ERR_HTTP_BODY_TOO_LARGE` above `maxRequestBodySize`,
   * with a MessageError `ERR_HTTP_BODY_INCOMPLETE` where the client leaves before its end, and with a
   * StateError where the body was read already.
   */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** The whole body as text of UTF-8, without a byte order mark. Rejects as `bytes` does. */
  text(): Promise<string>;
  /** The whole body as JSON. Rejects as `bytes` does, and with a SyntaxError for invalid JSON. */
  json(): Promise<unknown>;
  /** The whole body. Rejects as `bytes` does. */
  arrayBuffer(): Promise<ArrayBuffer>;
  /** The fields of a form, url-encoded or multipart. Rejects as `bytes` does, and with a TypeError. */
  formData(): Promise<FormData>;
  /**
   * The body as a stream of bytes with backpressure; null without a body. Made on first use. A reader that
   * leaves it unread makes the client wait.
   */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  /**
   * Calls `data` with each part of the body where it lies, without a copy. A window is borrowed until `data`
   * returns or, in an async one, reaches its first `await`; nothing more is read until its promise settles.
   *
   * @returns a promise that resolves at the end of the body, and rejects as that of `bytes`, or with what
   * `data` throws.
   */
  onData(data: (window: Window) => void | Promise<void>): Promise<void>;
  /**
   * The body window by window, where it lies, for `for await`. A window is valid until the next one is asked
   * for, and holds its segment of the ring until then: nothing more of the body is read meanwhile. Leaving
   * the loop early throws the rest away.
   *
   * @returns what rejects as `bytes` does, at the window that does not come.
   *
   * @example
   * ```ts
   * import type { HttpRequest } from "@ringport/ringport/http";
   *
   * async function lineCount(request: HttpRequest): Promise<number> {
   *   let lines = 0;
   *   for await (const window of request.windows()) {
   *     for (const byte of window.bytes) if (byte === 0x0a) lines += 1;
   *   }
   *   return lines;
   * }
   * console.log(typeof lineCount); // function
   * ```
   */
  windows(): AsyncIterableIterator<Window>;
  /**
   * The fields behind a body in chunks, with names in lower case; empty for any other. Resolves when the body
   * has been read to its end.
   */
  readonly trailers: Promise<ReadonlyArray<readonly [name: string, value: string]>>;
  /**
   * Aborts when the client leaves before it has its answer, or the connection breaks: not when the answer is
   * sent, and not when the client only ends its own side. Made on first use.
   */
  readonly signal: AbortSignal;
}

/**
 * The answer to one request. Answers leave in the order of their requests, whatever order they are given in.
 * The object serves again, as the request does.
 */
export interface HttpResponse {
  /**
   * Sets the status, 200 by default, and the reason, by default that of the standards.
   *
   * @throws {OptionError} outside of 200 to 999, and for a reason with CR, LF or NUL.
   * @throws {StateError} once the head is sent.
   */
  status(code: number, reason?: string): this;
  /**
   * Sets a field, in place of those of its name. `Content-Length`, `Transfer-Encoding`, `Connection` and
   * `Keep-Alive` are the server's own business: a `Content-Length` given here must be the body's, `close` as
   * `Connection` ends the connection after this answer, and the other two are refused.
   *
   * @throws {OptionError} for a name that is not a token, and for a value with CR, LF, NUL or characters
   * above U+00FF.
   * @throws {StateError} once the head is sent.
   */
  header(name: string, value: HeaderValue): this;
  /** Adds a field beside those of its name, such as `Set-Cookie`. Throws as `header` does. */
  append(name: string, value: HeaderValue): this;
  /** Whether the head is sent, or waits for earlier answers. */
  readonly headersSent: boolean;
  /** Whether the answer is complete, or lost with its connection. */
  readonly done: boolean;
  /** The status set last; 200 before. */
  readonly statusCode: number;
  /**
   * Sends the whole answer. A text without a `Content-Type` gets `text/plain; charset=UTF-8`. To HEAD, and
   * with 204 and 304, no body is sent, whatever is given.
   *
   * @returns what `write` of a connection did with it. "refused": the connection no longer writes, and the
   * answer is lost. "queued": the client is behind; the next request of this connection waits for it.
   * @throws {StateError} when the request was already answered.
   */
  send(body?: Writable): WriteResult;
  /** Sends a prepared answer as it is; what was set before with `status` or `header` is not. */
  send(answer: PreparedResponse): WriteResult;
  /**
   * Sends a file, or a part of it, as the whole answer: `Content-Length` is that of the part, and its bytes
   * go from the system's cache to the client as with `sendFile` of a connection. An answer that waits for
   * earlier ones holds the file and reads nothing of it; the application may close the file at once. To HEAD,
   * and with 204 and 304, the file is not sent.
   *
   * `Content-Type`, `Range` and conditional requests are the application's business. A file that ends before
   * the bytes that were promised, since somebody cut it off meanwhile, fails the connection with the code
   * `ERR_FILE_TOO_SHORT`, so that no client takes a part for the whole.
   *
   * @returns as `send`. A part longer than `highWaterMark` answers "queued": the next request of this
   * connection is handled when the kernel has taken the file.
   * @throws {OptionError} for a value that is not a SendableFile, an unknown key, or a range that is not in
   * the file. Nothing is sent then, and the request can still be answered.
   * @throws {StateError} for a closed file, likewise; and when the request was already answered.
   *
   * @example
   * ```ts
   * import { listen, SendableFile } from "@ringport/ringport";
   * import { http } from "@ringport/ringport/http";
   *
   * await using file = SendableFile.open("deno.json");
   * await using listener = listen({
   *   hostname: "127.0.0.1",
   *   socket: http({
   *     request(request, response) {
   *       response.header("Content-Type", "application/json").header("Accept-Ranges", "bytes");
   *       const range = /^bytes=(\d+)-(\d+)$/.exec(request.header("range") ?? "");
   *       if (range === null) return void response.sendFile(file);
   *       const [offset, last] = [Number(range[1]), Math.min(Number(range[2]), file.size - 1)];
   *       if (offset > last) return void response.status(416).send();
   *       response.status(206).header("Content-Range", `bytes ${offset}-${last}/${file.size}`);
   *       response.sendFile(file, { offset, length: last - offset + 1 });
   *     },
   *   }),
   * });
   * const answer = await fetch(`http://127.0.0.1:${listener.port}/`, { headers: { range: "bytes=0-9" } });
   * console.log(answer.status, (await answer.text()).length); // 206 10
   * ```
   */
  sendFile(file: SendableFile, options?: SendFileOptions): WriteResult;
  /** Sends a value as JSON, as `application/json` unless a `Content-Type` is set. Throws as `send` does. */
  json(value: unknown): WriteResult;
  /**
   * Sends the head now and the body piece by piece: with a `length` as `Content-Length`, without one in
   * chunks, or to HTTP/1.0 until the connection closes.
   *
   * @throws {OptionError} for an unknown option, a `length` that is not a number of bytes or differs from a
   * `Content-Length` that was set, or a trailer's name that is not a token.
   * @throws {StateError} when the request was already answered.
   */
  stream(options?: ResponseStreamOptions): ResponseStream;
  /**
   * Sends an interim answer, such as 103 with `Link` fields, at once where no earlier answer is owed, and in
   * its turn otherwise. Nothing is sent to HTTP/1.0.
   *
   * @throws {OptionError} for any status but 102 and 103.
   */
  informational(status: 102 | 103, headers?: HeaderFields): void;
  /** Answers after the callback has returned. Request and response then live until the answer is complete. */
  later(): this;
  /**
   * Within the `upgrade` callback: answers 101 with `headers` (to CONNECT 200), once all earlier answers are
   * out, and hands the connection on to other handlers. Bytes behind the request come to their `data`. Their
   * `open` is not called. In `headers` must be an `Upgrade` field; `Connection: upgrade` is added.
   *
   * @throws {StateError} for a request that asks for no other protocol, or is answered.
   */
  // deno-lint-ignore no-explicit-any -- the new handlers may have data of another type.
  upgrade(handlers: SocketHandlers<any>, headers?: HeaderFields): void;
}

/** Options of `response.stream`. */
export interface ResponseStreamOptions {
  /**
   * Bytes of the body, sent as `Content-Length`. Writing more throws, ending after fewer throws, and both
   * abort the connection: the client must not take a part for the whole. Left out: in chunks.
   */
  length?: number;
  /** Names of the trailers that `end` will send, announced in the field `Trailer`. */
  trailers?: readonly string[];
}

/** A body that is sent piece by piece. */
export interface ResponseStream {
  /**
   * Sends a piece. Writes all of it or none.
   *
   * @returns "queued": taken, but the client is behind: wait for {@linkcode drained}. "refused": nothing was
   * taken, because too much is buffered, or because the connection is gone: then {@linkcode done} is true.
   * @throws {StateError} `ERR_HTTP_CONTENT_LENGTH` for more bytes than the length, and the connection is
   * aborted; `ERR_STATE` after `end`.
   */
  write(bytes: Writable): WriteResult;
  /** Resolves when the client has caught up, at once where it is not behind; also when it is gone. */
  drained(): Promise<void>;
  /**
   * Ends the body, with a last piece where given, and with trailers, which only a body in chunks can have:
   * otherwise they are dropped.
   *
   * @throws {OptionError} for a field that must not be a trailer, such as `Host`.
   * @throws {StateError} `ERR_HTTP_CONTENT_LENGTH` for fewer bytes than the length, and the connection is
   * aborted.
   */
  end(bytes?: Writable, trailers?: HeaderFields): WriteResult;
  /** Cuts the connection, so that the client sees that the body is not complete. */
  abort(): void;
  /** Whether the body was ended, or is lost with its connection. */
  readonly done: boolean;
  /** Bytes buffered for the connection, of this answer and of earlier ones. */
  readonly bufferedBytes: number;
  /** The same as a stream with backpressure. Closing it is `end`, aborting it is `abort`. */
  readonly writable: WritableStream<Uint8Array | string>;
}

/** A finished answer, made by {@linkcode prepare}: head and body are built once. */
export interface PreparedResponse {
  /** Its status. */
  readonly status: number;
  /** Bytes of its body. */
  readonly length: number;
}

/** What {@linkcode prepare} builds an answer from. */
export interface PreparedOptions {
  /** 200 by default. */
  status?: number;
  /** The reason; that of the standards by default. */
  reason?: string;
  /** Its fields. `Date`, `Content-Length` and `Connection` are added as they are due. */
  headers?: HeaderFields;
  /** Its body; none by default. A text without a `Content-Type` gets `text/plain; charset=UTF-8`. */
  body?: string | Uint8Array | ArrayBuffer;
}

/** Options of {@linkcode http}. Time limits are those of the listener: `timeouts`. */
export interface HttpOptions {
  /** Bytes of a head: request line and fields. Above, 431. 16,384 by default, 65,536 at most. */
  maxHeadSize?: number;
  /** Bytes of a request target. Above, 414. 8,192 by default. */
  maxTargetSize?: number;
  /** Header fields of a request. Above, 431. 100 by default. */
  maxHeaders?: number;
  /**
   * Bytes of a request's body. Above, 413: by the announced length before any of it is read. 16,777,216 by
   * default.
   */
  maxRequestBodySize?: number;
  /** Bytes of all chunk extensions of a body. Above, 400. 4,096 by default. */
  maxChunkExtensionSize?: number;
  /** Bytes of a body's trailers. Above, 431. 8,192 by default. */
  maxTrailerSize?: number;
  /**
   * Bytes of a body nobody has read that are read and thrown away after the answer, so that the connection
   * can be used again. Above, it is closed instead. 65,536 by default.
   */
  maxUnreadBodySize?: number;
  /**
   * Requests of one connection that may be in work at once. At the limit nothing more is read until half of
   * them are answered. 64 by default.
   */
  maxPipeline?: number;
  /** Requests of one connection, after which it is closed. 0, the default, sets no limit. */
  maxRequests?: number;
  /**
   * Whether a request whose target is in absolute form (`GET http://a/ HTTP/1.1`) and names another host
   * or port than its field `Host` is refused with 400. False by default: handlers see the target's host, as
   * RFC 9112, section 3.2.2 asks of servers. Use it where something in front of the server decides by `Host`.
   * Letters are compared in any case; a port that is left out differs from one that is given. HTTP/1.0
   * without `Host` is accepted.
   */
  requireSameHost?: boolean;
  /** Whether answers have a `Date` field. True by default. */
  date?: boolean;
}
