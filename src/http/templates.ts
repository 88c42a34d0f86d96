/**
 * Heads of answers as bytes: what is the same in most of them is made once, and its date once a second.
 *
 * @module
 */
import { asciiBytes, putNumber, putText } from "./ascii.ts";
import { type AnswerFields, FieldRole } from "./answer_fields.ts";
import { type DateField, dateLineBytes } from "./date.ts";
import type { AnswerBuffer } from "./answer_buffer.ts";
import { reasonOf } from "./status_text.ts";

/** The content type an answer gets where the application sets none. */
export const ContentType = { none: 0, text: 1, json: 2 } as const;
export type ContentType = (typeof ContentType)[keyof typeof ContentType];

const typeLines = ["", "Content-Type: text/plain; charset=UTF-8\r\n", "Content-Type: application/json\r\n"];
const types = typeLines.length;

/** What an answer says about its body instead of a length. */
export const BodyFraming = {
  /** In chunks. */
  chunked: -1,
  /** Nothing: the body ends with the connection, or there can be none. */
  silent: -2,
} as const;

/** What an answer says about the connection. */
export const ConnectionField = { none: 0, close: 1, keepAlive: 2, upgrade: 3 } as const;
export type ConnectionField = (typeof ConnectionField)[keyof typeof ConnectionField];

/** Bytes of a head beside its reason and the fields that the application has set. */
const ownBytesMax = 384;
const statusMin = 100;
const statusMax = 999;
/** `": "` and the end of the line. */
const bytesBesidesField = 4;

/** The beginning of heads of one status and content type. */
class Template {
  /** Status line, date and content type. */
  readonly beginning: Uint8Array<ArrayBuffer>;
  /** The same with `"Content-Length: "` behind it. */
  readonly beforeLength: Uint8Array<ArrayBuffer>;
  readonly #dateAt: number;
  #second = 0;

  constructor(status: number, type: ContentType, date: DateField | undefined) {
    const statusLine = `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`;
    this.#dateAt = date === undefined ? -1 : statusLine.length;
    const dateSpace = date === undefined ? "" : " ".repeat(dateLineBytes);
    const beginning = `${statusLine}${dateSpace}${typeLines[type]}`;
    this.beforeLength = asciiBytes(`${beginning}Content-Length: `);
    this.beginning = this.beforeLength.subarray(0, beginning.length);
  }

  /** Brings the date up to date. */
  dated(date: DateField): this {
    if (this.#second !== date.second && this.#dateAt >= 0) {
      this.#second = date.second;
      this.beforeLength.set(date.bytes, this.#dateAt);
    }
    return this;
  }
}

/** What a head says beside its fields. */
export interface HeadFacts {
  readonly statusCode: number;
  /** A reason of the application's own. */
  readonly reason: string | undefined;
  readonly fields: AnswerFields;
  readonly connectionField: ConnectionField;
  /** Seconds for `Keep-Alive: timeout`; 0 for no such field. */
  readonly keepAliveSeconds: number;
}

/** The heads of one loop. */
export class HeadWriter {
  readonly #date: DateField;
  readonly #hasDate: boolean;
  /** Where the last head begins in the output. */
  from = 0;
  readonly #templates: (Template | undefined)[] = new Array((statusMax + 1) * types).fill(undefined);
  #lines: Uint8Array = asciiBytes("");
  #linesField: ConnectionField = ConnectionField.none;
  #linesSeconds = 0;

  constructor(date: DateField, hasDate: boolean) {
    this.#date = date;
    this.#hasDate = hasDate;
  }

  /**
   * Writes a head behind what was rendered. `length`: bytes of the body, or a {@linkcode BodyFraming}.
   * `bodyRoom`: bytes that will follow, for which room is made as well.
   */
  put(output: AnswerBuffer, facts: HeadFacts, type: ContentType, length: number, bodyRoom: number): void {
    if (facts.fields.count > 0 || facts.reason !== undefined || length < 0) {
      return this.#putSlowly(output, facts, type, length, bodyRoom);
    }
    output.room(ownBytesMax + bodyRoom);
    const template = this.#template(facts.statusCode, type).beforeLength;
    const { bytes } = output;
    this.from = output.at;
    bytes.set(template, output.at);
    let at = putNumber(bytes, output.at + template.length, length);
    bytes[at++] = carriageReturn;
    bytes[at++] = lineFeed;
    const { connectionField, keepAliveSeconds } = facts;
    if (connectionField !== ConnectionField.none || keepAliveSeconds > 0) {
      const lines = this.#connectionLines(connectionField, keepAliveSeconds);
      bytes.set(lines, at);
      at += lines.length;
    }
    bytes[at++] = carriageReturn;
    bytes[at++] = lineFeed;
    output.at = at;
  }

  /** What most heads with a line about the connection say is what the last one has said. */
  #connectionLines(field: ConnectionField, seconds: number): Uint8Array {
    if (this.#linesField !== field || this.#linesSeconds !== seconds) {
      this.#linesField = field;
      this.#linesSeconds = seconds;
      this.#lines = asciiBytes(connectionLinesOf(field, seconds));
    }
    return this.#lines;
  }

  #putSlowly(
    output: AnswerBuffer,
    facts: HeadFacts,
    type: ContentType,
    length: number,
    bodyRoom: number,
  ): void {
    const { statusCode, fields, reason, connectionField, keepAliveSeconds } = facts;
    output.room(ownBytesMax + bytesOf(fields) + (reason?.length ?? 0) + bodyRoom);
    const { bytes } = output;
    let { at } = output;
    this.from = at;
    const ownType = fields.has(FieldRole.contentType) ? ContentType.none : type;
    if (reason === undefined && !fields.has(FieldRole.date)) {
      const { beginning } = this.#template(statusCode, ownType);
      bytes.set(beginning, at);
      at += beginning.length;
    } else {
      at = putText(bytes, at, `HTTP/1.1 ${statusCode} ${reason ?? reasonOf(statusCode)}\r\n`);
      if (this.#hasDate && !fields.has(FieldRole.date)) {
        bytes.set(this.#date.bytes, at);
        at += dateLineBytes;
      }
      at = putText(bytes, at, typeLines[ownType]);
    }
    for (let index = 0; index < fields.count; index++) {
      at = putField(bytes, at, fields.names[index], fields.values[index]);
    }
    if (length >= 0) {
      at = putText(bytes, putNumber(bytes, putText(bytes, at, "Content-Length: "), length), "\r\n");
    } else if (length === BodyFraming.chunked) at = putText(bytes, at, "Transfer-Encoding: chunked\r\n");
    output.at = putText(bytes, at, `${connectionLinesOf(connectionField, keepAliveSeconds)}\r\n`);
  }

  /** Writes an interim head. */
  putInterim(output: AnswerBuffer, status: number, fields: AnswerFields): void {
    output.room(ownBytesMax + bytesOf(fields));
    const { bytes } = output;
    this.from = output.at;
    let at = putText(bytes, output.at, `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`);
    for (let index = 0; index < fields.count; index++) {
      at = putField(bytes, at, fields.names[index], fields.values[index]);
    }
    output.at = putText(bytes, at, "\r\n");
  }

  /** Writes what a head that is otherwise finished says about the connection, and its end. */
  putConnection(output: AnswerBuffer, { connectionField, keepAliveSeconds }: HeadFacts): void {
    const { bytes, at } = output;
    output.at = putText(bytes, at, `${connectionLinesOf(connectionField, keepAliveSeconds)}\r\n`);
  }

  #template(status: number, type: ContentType): Template {
    const index = status * types + type;
    const known = this.#templates[index];
    if (known !== undefined) return known.dated(this.#date);
    const made = new Template(status, type, this.#hasDate ? this.#date : undefined);
    if (status >= statusMin && status <= statusMax) this.#templates[index] = made;
    return made.dated(this.#date);
  }
}

const connectionLines = [
  "",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Connection: Upgrade\r\n",
];
const carriageReturn = 0x0d;
const lineFeed = 0x0a;

function connectionLinesOf(field: ConnectionField, seconds: number): string {
  return connectionLines[field] + (seconds > 0 ? `Keep-Alive: timeout=${seconds}\r\n` : "");
}

/** Writes one field line. Returns the position behind it. */
export function putField(bytes: Uint8Array, start: number, name: string, value: string): number {
  let at = putText(bytes, start, name);
  bytes[at++] = 0x3a;
  bytes[at++] = 0x20;
  at = putText(bytes, at, value);
  bytes[at++] = carriageReturn;
  bytes[at++] = lineFeed;
  return at;
}

/** Bytes of field lines. */
export function bytesOf({ names, values, count }: AnswerFields): number {
  let length = 0;
  for (let index = 0; index < count; index++) {
    length += names[index].length + values[index].length + bytesBesidesField;
  }
  return length;
}
