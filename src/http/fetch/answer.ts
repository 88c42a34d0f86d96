/**
 * From a `Response`, ours or the runtime's own, to the answer of the fast door.
 *
 * @module
 */
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

/** What an answer needs of its request. */
interface AnswerContext {
  readonly isHead: boolean;
  /** Aborts when the client leaves; asked for only where the answer is a stream. */
  readonly signal: () => AbortSignal;
}

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
  target: HttpResponse,
  context: AnswerContext,
): Promise<boolean> | undefined {
  if (typeof response === "object" && response !== null && isLightResponse(response)) {
    return answerLight(response, target, context);
  }
  if (!isResponse(response)) {
    throw new TypeError("the handler must return a Response, or a promise of one");
  }
  if (response.bodyUsed) throw new TypeError("the body of this response is used already");
  const { status, statusText, headers, body } = response;
  putHead(target, status, statusText);
  const isStream = body !== null;
  for (const [name, value] of headers) putField(target, name, value, isStream || context.isHead);
  if (body === null) {
    sendNothing(target, context);
    return undefined;
  }
  return sendStream(body, target, context, true);
}

function answerLight(
  response: LightResponse,
  target: HttpResponse,
  context: AnswerContext,
): Promise<boolean> | undefined {
  const { status, statusText, headers, type, body }: ResponseParts = takeParts(response);
  if (status !== okStatus || statusText !== "") putHead(target, status, statusText);
  const simple = body instanceof Body ? body.unread : body;
  if (headers === null) {
    // The fast door has heads with the type of a text at hand.
    if (type !== null && (type !== textType || typeof body !== "string")) target.append("content-type", type);
  } else {
    putHeaders(target, headers, simple === null || context.isHead);
  }
  if (body === null) {
    sendNothing(target, context);
    return undefined;
  }
  if (simple === null) return sendStream((body as Body).stream!, target, context, false);
  if (body instanceof Body) body.use();
  // A text whose type was deleted must not get one from the fast door.
  const isTyped = typeof simple !== "string" || headers === null || headers.has("content-type");
  target.send(isTyped ? simple : encoder.encode(simple));
  return undefined;
}

const okStatus = 200;

function putHead(target: HttpResponse, status: number, statusText: string): void {
  if (status < statusMin) throw new TypeError(`a response with the status ${status} cannot be sent`);
  target.status(status, statusText === "" ? undefined : statusText);
}

/** `Content-Length` counts for streams and HEAD only: the length of anything else is known. */
function putHeaders(target: HttpResponse, headers: LightHeaders, withLength: boolean): void {
  const { names, values } = fieldsOf(headers);
  for (let index = 0; index < names.length; index++) {
    putField(target, names[index], values[index], withLength);
  }
}

function putField(target: HttpResponse, name: string, value: string, withLength: boolean): void {
  if (name === "content-length" ? !withLength : ofTheConnection.has(name)) {
    if (name === "connection" && value.toLowerCase() === "close") target.header(name, "close");
    return;
  }
  target.append(name, value);
}

/** To HEAD, no body does not mean that the one of GET has no bytes: nothing is said of its length. */
function sendNothing(target: HttpResponse, { isHead }: AnswerContext): void {
  if (isHead) target.stream().end();
  else target.send();
}

/** `mayBeShort`: a body that turns out to have one part alone is sent with its length. */
async function sendStream(
  body: ReadableStream<Uint8Array>,
  target: HttpResponse,
  context: AnswerContext,
  mayBeShort: boolean,
): Promise<boolean> {
  if (context.isHead) {
    void body.cancel().catch(() => {});
    target.stream().end();
    return true;
  }
  const reader = body.getReader();
  if (!mayBeShort) return await pump(reader, target.stream(), context.signal());
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
    await pump(reader, stream, context.signal(), second);
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
