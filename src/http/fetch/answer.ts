/**
 * From a `Response`, ours or the runtime's own, to the answer of the fast door.
 *
 * @module
 */
import type { WriteResult } from "../../stream/types.ts";
import { ContentType } from "../templates.ts";
import type { HttpResponse, ResponseStream } from "../types.ts";
import { Body, textType } from "./body.ts";
import { fieldsOf, type LightHeaders } from "./headers.ts";
import { isLightResponse, type LightResponse, type ResponseParts, takeParts } from "./response.ts";
import { RuntimeResponse } from "./runtime.ts";

/** Fields of one connection, which the server itself sends where they are due (RFC 9110, 7.6.1). */
const ofTheConnection: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Bytes of a stream's chunk that are written at once. */
const stepBytes = 256 * 1024;
const statusMin = 200;
const encoder = new TextEncoder();

/** What an answer needs of its request; asked for only where it is needed. */
interface AnsweredRequest {
  readonly method: string;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/** The answer of the fast door, as the rest of the library sees it. */
export interface AnswerTarget extends HttpResponse {
  /** Adds a field whose name, in lower case, and value are checked already. */
  appendChecked(name: string, value: string): void;
  /** Sends a text with one of the content types whose heads are at hand. */
  sendText(text: string, type: ContentType): WriteResult;
}

/** Content types whose heads are at hand, as they are sent. */
const typesAtHand: ReadonlyMap<string, ContentType> = new Map([
  ["application/json", ContentType.json],
  ["text/plain; charset=UTF-8", ContentType.text],
]);

/** Whether it is a response of either kind. */
export function isResponse(value: unknown): value is Response {
  return value instanceof RuntimeResponse;
}

/**
 * Sends a response. Undefined: it was sent at once; a promise resolves when its body is sent to the end, with
 * false where the client left before, and rejects where the body fails.
 *
 * @throws {TypeError} for something else than a response, and for one whose body is used.
 */
export function answer(
  response: unknown,
  target: AnswerTarget,
  request: AnsweredRequest,
): Promise<boolean> | undefined {
  if (typeof response === "object" && response !== null && isLightResponse(response)) {
    return answerLight(response, target, request);
  }
  if (!isResponse(response)) {
    throw new TypeError("the handler must return a Response, or a promise of one");
  }
  if (response.bodyUsed) throw new TypeError("the body of this response is used already");
  const { status, statusText, headers, body } = response;
  putHead(target, status, statusText);
  const isStream = body !== null;
  for (const [name, value] of headers) putField(target, name, value, isStream || isHead(request));
  if (body === null) {
    sendNothing(target, request);
    return undefined;
  }
  return sendStream(body, target, request, true);
}

function answerLight(
  response: LightResponse,
  target: AnswerTarget,
  request: AnsweredRequest,
): Promise<boolean> | undefined {
  const { status, statusText, headers, type, body }: ResponseParts = takeParts(response);
  if (status !== okStatus || statusText !== "") putHead(target, status, statusText);
  if (typeof body === "string") {
    const known = typeAtHand(headers, type);
    if (known !== undefined) {
      target.sendText(body, known);
      return undefined;
    }
  }
  const simple = body instanceof Body ? body.unread : body;
  if (headers === null) {
    if (type !== null) target.appendChecked("content-type", type);
  } else {
    putHeaders(target, headers, simple === null || isHead(request));
  }
  if (body === null) {
    sendNothing(target, request);
    return undefined;
  }
  if (simple === null) return sendStream((body as Body).stream!, target, request, false);
  if (body instanceof Body) body.use();
  // A text without a type must not get one from the fast door.
  if (typeof simple === "string") target.sendText(simple, ContentType.none);
  else target.send(simple);
  return undefined;
}

/** The only field of a response where it is a content type at hand. */
function typeAtHand(headers: LightHeaders | null, type: string | null): ContentType | undefined {
  if (headers === null) return type === textType ? ContentType.text : typesAtHand.get(type ?? "");
  const { names, values } = fieldsOf(headers);
  return names.length === 1 && names[0] === "content-type" ? typesAtHand.get(values[0]) : undefined;
}

function isHead({ method }: AnsweredRequest): boolean {
  return method === "HEAD";
}

const okStatus = 200;

function putHead(target: AnswerTarget, status: number, statusText: string): void {
  if (status < statusMin) throw new TypeError(`a response with the status ${status} cannot be sent`);
  target.status(status, statusText === "" ? undefined : statusText);
}

/** `Content-Length` counts for streams and HEAD only: the length of anything else is known. */
function putHeaders(target: AnswerTarget, headers: LightHeaders, withLength: boolean): void {
  const { names, values } = fieldsOf(headers);
  for (let index = 0; index < names.length; index++) {
    putField(target, names[index], values[index], withLength);
  }
}

function putField(target: AnswerTarget, name: string, value: string, withLength: boolean): void {
  if (name === "content-length" ? !withLength : ofTheConnection.has(name)) {
    if (name === "connection" && value.toLowerCase() === "close") target.header(name, "close");
    return;
  }
  target.appendChecked(name, value);
}

/** To HEAD, no body does not mean that the one of GET has no bytes: nothing is said of its length. */
function sendNothing(target: AnswerTarget, request: AnsweredRequest): void {
  if (isHead(request)) target.stream().end();
  else target.send();
}

/** `mayBeShort`: a body that turns out to have one part alone is sent with its length. */
async function sendStream(
  body: ReadableStream<Uint8Array>,
  target: AnswerTarget,
  request: AnsweredRequest,
  mayBeShort: boolean,
): Promise<boolean> {
  if (isHead(request)) {
    void body.cancel().catch(() => {});
    target.stream().end();
    return true;
  }
  const reader = body.getReader();
  if (!mayBeShort) return await pump(reader, target.stream(), request.signal);
  const first = await reader.read();
  if (first.done) {
    target.send();
    return true;
  }
  const second = reader.read();
  if (await isAtEnd(second)) {
    target.send(asBytes(first.value));
    return true;
  }
  const stream = target.stream();
  return await writePart(stream, asBytes(first.value)) &&
    await pump(reader, stream, request.signal, second);
}

/** Whether a read answers within a few turns of the microtasks that the stream has ended. */
async function isAtEnd(read: Promise<ReadableStreamReadResult<Uint8Array>>): Promise<boolean> {
  let isDone = false;
  let isSettled = false;
  read.then((result) => {
    isDone = result.done;
    isSettled = true;
  }, () => isSettled = true);
  for (let turn = 0; turn < endTurns && !isSettled; turn++) await undefined;
  return isDone;
}

/** Turns that the runtimes' own bodies of one part need to report their end. */
const endTurns = 8;

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  stream: ResponseStream,
  signal: AbortSignal,
  pending?: Promise<ReadableStreamReadResult<Uint8Array>>,
): Promise<boolean> {
  const leave = () => void reader.cancel(signal.reason).catch(() => {});
  if (signal.aborted || stream.done) leave();
  else signal.addEventListener("abort", leave, { once: true });
  try {
    for (let read = pending ?? reader.read();; read = reader.read()) {
      const { done, value } = await read;
      if (stream.done) return false;
      if (done) break;
      if (!await writePart(stream, asBytes(value))) {
        leave();
        return false;
      }
    }
    stream.end();
    return true;
  } catch (error) {
    // What the client has is not complete, and it must see that.
    stream.abort();
    void reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** Writes all of it, as fast as the client takes it; false where the client has left. */
async function writePart(stream: ResponseStream, bytes: Uint8Array): Promise<boolean> {
  for (let at = 0; at < bytes.length;) {
    const piece = bytes.length <= stepBytes ? bytes : bytes.subarray(at, at + stepBytes);
    const result = stream.write(piece);
    if (result !== "refused") at += piece.length;
    else if (stream.done) return false;
    if (result !== "sent") await stream.drained();
  }
  return !stream.done;
}

function asBytes(part: unknown): Uint8Array {
  if (part instanceof Uint8Array) return part;
  if (typeof part === "string") return encoder.encode(part);
  if (part instanceof ArrayBuffer) return new Uint8Array(part);
  throw new TypeError("the stream of a response must give bytes");
}
