/**
 * A request as it will be sent: its method and its head, also after a redirect.
 *
 * @module
 */
import { OptionError } from "../../base/errors.ts";
import { isToken } from "../field_check.ts";
import type { Address } from "./address.ts";
import { noBody, type PlannedBody } from "./request_body.ts";
import { bodyFields, type FieldLines, secretFields, withoutFields } from "./request_fields.ts";

/** Methods the Fetch standard writes in capitals. */
const usualMethods = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"]);

/** Repeating one of them is safe (RFC 9110, 9.2.2). */
const idempotentMethods = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** Those for which a body is expected, so that the lack of one is said. */
const bodyMethods = new Set(["POST", "PUT", "PATCH"]);

/** The method of a request; throws an OptionError. */
export function methodOf(given = "GET"): string {
  const upper = given.toUpperCase();
  const method = usualMethods.has(upper) ? upper : given;
  if (!isToken(method)) throw new OptionError("request", "method", "the method must be a token, such as GET");
  if (upper === "CONNECT") {
    throw new OptionError("request", "method", "CONNECT is not supported: use connect for a tunnel");
  }
  return method;
}

/** Whether the request may be sent twice. */
export function isRepeatable(method: string, body: PlannedBody): boolean {
  return idempotentMethods.has(method) && body.source === undefined;
}

/** What a head is made from. */
interface HeadParts {
  readonly method: string;
  readonly address: Address;
  readonly lines: FieldLines;
  readonly body: PlannedBody;
  readonly userAgent: string | false;
  readonly expectContinue: boolean;
}

/** The head of a request: a text, or, with bytes above 0x7f, which are not UTF-8, its bytes. */
export function requestHead(parts: HeadParts): string | Uint8Array {
  const { method, address } = parts;
  const text = `${method} ${address.target}${headTail(parts)}`;
  return isAscii(text) ? text : Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/**
 * The same of a request with the fields of its client alone, and without a body; undefined where it is not
 * that simple. Such requests to one origin differ in their first line.
 */
export function plainHead(parts: HeadParts): string | undefined {
  const { method, address } = parts;
  if (bodyMethods.has(method)) return undefined;
  const tail = address.origin.plainTail ??= asciiOr(headTail(parts), "");
  return tail === "" ? undefined : `${method} ${address.target}${tail}`;
}

const isAscii = (text: string) => /^[\0-\x7f]*$/.test(text);
const asciiOr = (text: string, otherwise: string) => isAscii(text) ? text : otherwise;

/** What follows the target. */
function headTail({ method, address, lines, body, userAgent, expectContinue }: HeadParts): string {
  const { names, lower, values } = lines;
  const host = lower.indexOf("host");
  let head = ` HTTP/1.1\r\nHost: ${host < 0 ? address.origin.host : values[host]}\r\n`;
  for (let index = 0; index < names.length; index++) {
    if (index !== host && lower[index] !== "content-length") head += `${names[index]}: ${values[index]}\r\n`;
  }
  if (userAgent !== false && !lower.includes("user-agent")) head += `User-Agent: ${userAgent}\r\n`;
  if (body.isText && !lower.includes("content-type")) head += "Content-Type: text/plain;charset=UTF-8\r\n";
  if (body.length === undefined) head += "Transfer-Encoding: chunked\r\n";
  else if (body !== noBody || bodyMethods.has(method)) head += `Content-Length: ${body.length}\r\n`;
  if (expectContinue && body.length !== 0) head += "Expect: 100-continue\r\n";
  return `${head}\r\n`;
}

/** What a redirect leads to; a text says why it cannot be followed. */
export function redirectOf(
  status: number,
  location: string,
  from: URL,
  { method, lines, body }: { method: string; lines: FieldLines; body: PlannedBody },
): { method: string; url: URL; lines: FieldLines; body: PlannedBody } | string {
  const url = locationOf(location, from);
  if (typeof url === "string") return url;
  const becomesGet = status === 303
    ? method !== "GET" && method !== "HEAD"
    : (status === 301 || status === 302) && method === "POST";
  if (!becomesGet && body.source !== undefined) {
    return `the redirect ${status} wants the body again, and a stream can be sent only once`;
  }
  const dropped = (name: string) =>
    (becomesGet && bodyFields.has(name)) || (url.origin !== from.origin && secretFields.has(name));
  return {
    method: becomesGet ? "GET" : method,
    url,
    lines: withoutFields(lines, dropped),
    body: becomesGet ? noBody : body,
  };
}

function locationOf(location: string, from: URL): URL | string {
  let url: URL;
  try {
    // Bytes above 0x7f in it are UTF-8, though fields are read byte by byte.
    url = new URL(decodedUtf8(location), from);
  } catch {
    return "the redirect's location is not a URL";
  }
  if (url.protocol !== "http:") {
    return `the redirect leads to ${url.protocol}, which this client does not speak`;
  }
  if (url.username !== "" || url.password !== "") return "the redirect's location has a name or password";
  if (url.hash === "") url.hash = from.hash;
  return url;
}

function decodedUtf8(text: string): string {
  if (!/[\x80-\xff]/.test(text)) return text;
  return new TextDecoder().decode(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}
