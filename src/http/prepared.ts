/**
 * Answers that are built once and sent many times.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { anything, checkOptions } from "../base/options.ts";
import { AnswerFields, FieldRole } from "./answer_fields.ts";
import { putText } from "./ascii.ts";
import { type DateField, dateLineBytes } from "./date.ts";
import { reasonOf } from "./status_text.ts";
import type { PreparedOptions, PreparedResponse } from "./types.ts";

const encoder = new TextEncoder();
const optionSchema = { status: anything, reason: anything, headers: anything, body: anything };

/** A finished answer as the library keeps it. */
export class Prepared implements PreparedResponse {
  readonly status: number;
  readonly length: number;
  /** Everything up to the empty line: status line, date, fields, length. */
  readonly head: Uint8Array<ArrayBuffer>;
  readonly body: Uint8Array;
  /** Head, empty line and body. */
  readonly whole: Uint8Array<ArrayBuffer>;
  /** It asks to close the connection behind it. */
  readonly closes: boolean;
  readonly #dateAt: number;
  #second = 0;

  constructor(status: number, reason: string, fields: AnswerFields, body: Uint8Array, isText: boolean) {
    this.status = status;
    this.length = body.length;
    this.body = body;
    this.closes = fields.closes;
    const statusLine = `HTTP/1.1 ${status} ${reason}\r\n`;
    const isDated = fields.has(FieldRole.date);
    this.#dateAt = isDated ? -1 : statusLine.length;
    let text = statusLine + (isDated ? "" : " ".repeat(dateLineBytes));
    if (isText && !fields.has(FieldRole.contentType)) text += "Content-Type: text/plain; charset=UTF-8\r\n";
    for (let index = 0; index < fields.count; index++) {
      text += `${fields.names[index]}: ${fields.values[index]}\r\n`;
    }
    if (hasBody(status)) text += `Content-Length: ${body.length}\r\n`;
    const emptyLine = "\r\n";
    this.whole = new Uint8Array(text.length + emptyLine.length + body.length);
    putText(this.whole, 0, text + emptyLine);
    this.whole.set(body, text.length + emptyLine.length);
    this.head = this.whole.subarray(0, text.length);
  }

  /** Brings its date up to date. */
  refresh(date: DateField): void {
    if (this.#second === date.second || this.#dateAt < 0) return;
    this.#second = date.second;
    this.whole.set(date.bytes, this.#dateAt);
  }
}

/** Whether an answer of a status has a body. */
export function hasBody(status: number): boolean {
  return status !== 204 && status !== 304;
}

/**
 * Builds an answer once, to be sent any number of times with `response.send(answer)`. Its bytes are copied
 * here.
 *
 * @throws {OptionError} for an invalid status, field or body.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import { http, prepare } from "@ringport/ringport/http";
 *
 * const hello = prepare({ body: "Hello, World!\n", headers: { "Cache-Control": "max-age=60" } });
 * const listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: http({ request: (_request, response) => void response.send(hello) }),
 * });
 * console.log(await (await fetch(`http://127.0.0.1:${listener.port}/`)).text()); // Hello, World!
 * await listener.close();
 * ```
 */
export function prepare(options: PreparedOptions = {}): PreparedResponse {
  checkOptions("prepare", options, optionSchema);
  const { status = 200, reason = reasonOf(status), headers = {}, body = "" } = options;
  checkStatus("prepare", status);
  checkReason("prepare", reason);
  const fields = new AnswerFields();
  fields.appendAll(headers);
  const bytes = bytesOfBody(body);
  if (!hasBody(status) && bytes.length > 0) {
    throw new OptionError("prepare", "body", `an answer with status ${status} has no body`);
  }
  if (fields.contentLength >= 0 && fields.contentLength !== bytes.length) {
    throw new OptionError("prepare", "headers", "Content-Length must be the number of the body's bytes");
  }
  return new Prepared(status, reason, fields, bytes, typeof options.body === "string");
}

function bytesOfBody(body: unknown): Uint8Array {
  if (typeof body === "string") return encoder.encode(body);
  if (body instanceof Uint8Array) return body.slice();
  if (body instanceof ArrayBuffer) return new Uint8Array(body.slice(0));
  throw new OptionError("prepare", "body", "the body must be a string, a Uint8Array or an ArrayBuffer");
}

const statusMin = 200;
const statusMax = 999;

/** Throws an OptionError unless the number is a status that an answer can have. */
export function checkStatus(operation: string, code: number): void {
  if (Number.isInteger(code) && code >= statusMin && code <= statusMax) return;
  throw new OptionError(
    operation,
    "status",
    `the status must be a whole number from ${statusMin} to ${statusMax}`,
  );
}

/** Throws an OptionError unless the text can be the reason of a status. */
export function checkReason(operation: string, reason: string): void {
  if (typeof reason === "string" && !/[^\t\x20-\x7e\x80-\xff]/.test(reason)) return;
  throw new OptionError(
    operation,
    "reason",
    "the reason has a character that none can have, such as CR or LF",
  );
}
