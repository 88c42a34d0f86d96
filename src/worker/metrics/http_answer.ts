/**
 * As much of HTTP as it takes to answer one GET: bytes in, bytes out, and the connection ends
 * ({@link https://www.rfc-editor.org/rfc/rfc9112 RFC 9112}). It serves metrics, not applications.
 *
 * @module
 */

/** Bytes of a request's head at most: what browsers and scrapers send is a tenth of it. */
export const headMaxBytes = 8 * 1024;

/** A request, as far as it matters. */
interface HttpRequest {
  readonly method: string;
  /** The path, without a query. */
  readonly path: string;
}

/** The bytes received so far: an incomplete head, a request, or a fault to answer with an error. */
type HttpHead =
  | { readonly kind: "more" }
  | { readonly kind: "request"; readonly request: HttpRequest }
  | { readonly kind: "error"; readonly status: number };

/** An answer before it is bytes. */
export interface HttpAnswer {
  readonly status: number;
  /** The media type of the body. Plain text where it is left out. */
  readonly type?: string;
  readonly body: string;
  /** More header lines, by name. */
  readonly headers?: Readonly<Record<string, string>>;
}

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Where the head ends, behind its empty line; -1 where it does not yet. */
function endOfHead(bytes: Uint8Array): number {
  for (let index = bytes.indexOf(lineFeed); index >= 0; index = bytes.indexOf(lineFeed, index + 1)) {
    if (index >= 3 && bytes[index - 1] === carriageReturn && bytes[index - 2] === lineFeed) return index + 1;
  }
  return -1;
}

const requestLine = /^([!#$%&'*+.^_`|~\w-]{1,32}) (\/[!-~]*|\*|[a-z]+:\/\/[!-~]+) HTTP\/(\d)\.(\d)$/;
const headerLine = /^[!#$%&'*+.^_`|~\w-]+:[\t -~\u0080-\u00ff]*$/;

function error(status: number): HttpHead {
  return { kind: "error", status };
}

/** The path of a request's target, which may be a whole URL; undefined where it is none. */
function pathOf(target: string): string | undefined {
  const path = target.replace(/^[a-z]+:\/\/[^/?#]+/, "").split(/[?#]/)[0];
  return path === "" ? "/" : path;
}

/** Reads the head of a request from all the bytes that came so far. */
export function readHead(bytes: Uint8Array): HttpHead {
  // A client may send an empty line before its request (RFC 9112, section 2.2).
  const start = bytes[0] === carriageReturn && bytes[1] === lineFeed ? 2 : 0;
  const end = endOfHead(bytes.subarray(start, start + headMaxBytes));
  if (end < 0) return bytes.length - start >= headMaxBytes ? error(431) : { kind: "more" };
  const text = String.fromCharCode(...bytes.subarray(start, start + end));
  const [first, ...lines] = text.slice(0, -4).split("\r\n");
  const match = requestLine.exec(first);
  if (match === null) return error(400);
  const [, method, target, major, minor] = match;
  if (major !== "1") return error(505);
  if (!lines.every((line) => headerLine.test(line))) return error(400);
  const hosts = lines.filter((line) => /^host:/i.test(line)).length;
  if (hosts > 1 || (minor !== "0" && hosts === 0)) return error(400);
  const path = pathOf(target);
  return path === undefined ? error(400) : { kind: "request", request: { method, path } };
}

const encoder = new TextEncoder();

/** An answer as bytes. After it the connection ends. `withBody` is false for HEAD. */
export function answerBytes(answer: HttpAnswer, withBody = true): Uint8Array<ArrayBuffer> {
  const body = encoder.encode(answer.body);
  const headers: Record<string, string> = {
    "Content-Type": answer.type ?? "text/plain; charset=utf-8",
    "Content-Length": String(body.length),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
    ...answer.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = encoder.encode(`HTTP/1.1 ${answer.status} ${reasons[answer.status] ?? ""}\r\n${lines}\r\n`);
  const bytes = new Uint8Array(head.length + (withBody ? body.length : 0));
  bytes.set(head);
  if (withBody) bytes.set(body, head.length);
  return bytes;
}

/** The answer to an invalid request, or one that is not served. */
export function errorAnswer(status: number): HttpAnswer {
  const headers = status === 405 ? { Allow: "GET, HEAD" } : undefined;
  return { status, body: `${status} ${reasons[status] ?? ""}\n`, headers };
}

/**
 * The bytes that answer the request; undefined while it is incomplete. Only GET and HEAD are
 * served; `route` gives the answer for a path, or undefined where there is nothing.
 */
export function answerFor(
  bytes: Uint8Array,
  route: (path: string) => HttpAnswer | undefined,
): Uint8Array<ArrayBuffer> | undefined {
  const head = readHead(bytes);
  if (head.kind === "more") return undefined;
  if (head.kind === "error") return answerBytes(errorAnswer(head.status));
  const { method, path } = head.request;
  if (method !== "GET" && method !== "HEAD") return answerBytes(errorAnswer(405));
  return answerBytes(route(path) ?? errorAnswer(404), method === "GET");
}
