/**
 * A request as it will be sent: checked, with its destination and its head.
 *
 * @module
 */
import { OptionError } from "../../base/errors.ts";
import { checkFieldName, checkFieldValue, isToken } from "../field_check.ts";
import type { HeaderFields } from "../types.ts";
import { noBody, type PlannedBody } from "./request_body.ts";

/** Where a request goes, as a pool is asked. */
interface HttpTarget {
  readonly hostname?: string;
  readonly port?: number;
  readonly unix?: string;
}

/** Fields to be sent, in order; `lower` are the names in lower case. */
export interface FieldLines {
  readonly names: string[];
  readonly lower: string[];
  readonly values: string[];
}

const httpPort = 80;

/** Methods the Fetch standard writes in capitals. */
const usualMethods = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"]);

/** Repeating one of them is safe (RFC 9110, 9.2.2). */
const idempotentMethods = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** Those for which a body is expected, so that the lack of one is said. */
const bodyMethods = new Set(["POST", "PUT", "PATCH"]);

/** Fields that say how the message is framed: the client's own business. */
const ownFields: Readonly<Record<string, string>> = {
  "transfer-encoding": "a body without a length is sent as chunks",
  "keep-alive": "write pool: { idleTimeout }",
  "upgrade": "this client does not change protocols",
  "trailer": "this client sends no trailers",
  "expect": "write expectContinue: true",
};

/** Fields that must not reach another origin by a redirect. */
const secretFields = new Set(["authorization", "cookie", "proxy-authorization", "host"]);

/** Fields that speak of a body, and go with it. */
const bodyFields = new Set([
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-type",
]);

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

/** The address of a request; throws an OptionError. */
export function addressOf(given: string | URL): URL {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw new OptionError("request", "url", "the url must be absolute, such as http://localhost:3000/");
  }
  const { protocol, username, password } = url;
  if (protocol === "https:") {
    throw new OptionError(
      "request",
      "url",
      "https is not spoken yet, since there is no TLS; use the runtime's fetch for it",
    );
  }
  if (protocol !== "http:") {
    throw new OptionError("request", "url", `the url must begin with http:, not ${protocol}`);
  }
  if (username !== "" || password !== "") {
    throw new OptionError("request", "url", 'the url has a name or password: write a field "authorization"');
  }
  return url;
}

/** Where the request of an address goes. */
export function destinationOf(url: URL, unix: string | undefined): HttpTarget {
  if (unix !== undefined) return { unix };
  const { hostname, port } = url;
  const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  return { hostname: bare, port: port === "" ? httpPort : Number(port) };
}

/** The fields of a request, checked; throws an OptionError. */
export function fieldLines(...given: (HeaderFields | undefined)[]): FieldLines {
  const lines: FieldLines = { names: [], lower: [], values: [] };
  for (const fields of given) {
    // Those of the client stand in for what the request does not bring.
    if (fields !== undefined) addFields(lines, fields, new Set(lines.lower));
  }
  checkFraming(lines);
  return lines;
}

function addFields(lines: FieldLines, fields: HeaderFields, taken: ReadonlySet<string>): void {
  const add = (name: string, value: unknown) => {
    checkFieldName("request", name);
    const lower = name.toLowerCase();
    if (taken.has(lower)) return;
    const text = typeof value === "number" ? String(value) : value as string;
    checkFieldValue("request", name, text);
    lines.names.push(name);
    lines.lower.push(lower);
    lines.values.push(text.trim());
  };
  if (Symbol.iterator in fields) {
    for (const [name, value] of fields) add(name, value);
    return;
  }
  for (const [name, value] of Object.entries(fields)) {
    if (Array.isArray(value)) { for (const one of value) add(name, one); }
    else if (value !== undefined) add(name, value);
  }
}

/** Refuses fields that would frame the message otherwise than the client does. */
function checkFraming({ lower, values }: FieldLines): void {
  for (let index = 0; index < lower.length; index++) {
    const name = lower[index];
    if (Object.hasOwn(ownFields, name)) refuse(name, ownFields[name]);
    if (name === "connection" && values[index].toLowerCase() !== "close") {
      refuse(name, 'only "close" can be asked for');
    }
    if (name === "te" && values[index].toLowerCase() !== "trailers") {
      refuse(name, 'only "trailers" is understood');
    }
    if (name !== "host" && name !== "content-length") continue;
    if (lower.indexOf(name) !== index) refuse(name, "it can be given once");
    if (name === "content-length" && !/^\d{1,15}$/.test(values[index])) {
      refuse(name, "it must be a number of bytes");
    }
    if (name === "host" && /[\s,/@?#]/.test(values[index])) refuse(name, "it must be a host and a port");
  }
}

function refuse(name: string, why: string): never {
  throw new OptionError("request", name, `the field "${name}" cannot be set so: ${why}`);
}

/** The length that a field Content-Length gives; undefined without one. */
export function lengthField({ lower, values }: FieldLines): number | undefined {
  const index = lower.indexOf("content-length");
  return index < 0 ? undefined : Number(values[index]);
}

/** Whether the request may be sent twice. */
export function isRepeatable(method: string, body: PlannedBody): boolean {
  return idempotentMethods.has(method) && body.source === undefined;
}

/** What a head is made from. */
interface HeadParts {
  readonly method: string;
  readonly url: URL;
  readonly lines: FieldLines;
  readonly body: PlannedBody;
  readonly userAgent: string | false;
  readonly expectContinue: boolean;
}

/** The head of a request: a text, or, with bytes above 0x7f, which are not UTF-8, its bytes. */
export function requestHead(parts: HeadParts): string | Uint8Array {
  const text = headText(parts);
  if (/^[\0-\x7f]*$/.test(text)) return text;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function headText({ method, url, lines, body, userAgent, expectContinue }: HeadParts): string {
  const { names, lower, values } = lines;
  let head = `${method} ${url.pathname}${url.search} HTTP/1.1\r\n`;
  const host = lower.indexOf("host");
  head += `Host: ${host < 0 ? url.host : values[host]}\r\n`;
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

function withoutFields({ names, lower, values }: FieldLines, dropped: (name: string) => boolean): FieldLines {
  const kept = lower.map((name) => !dropped(name));
  const pick = (list: string[]) => list.filter((_, index) => kept[index]);
  return { names: pick(names), lower: pick(lower), values: pick(values) };
}
