/**
 * One request with its answer: what the application's callbacks see as the response, and the way of its bytes
 * to the connection, at once or in its turn.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { follow } from "../base/handlers.ts";
import * as bounds from "../base/limits.ts";
import { isError, stackOf, textOf } from "../base/thrown.ts";
import { RingWindow } from "../memory/window.ts";
import type { StreamConnection } from "../stream/connection.ts";
import {
  type FilePart,
  filePartOf,
  type SendableFile,
  type SendFileOptions,
} from "../stream/sendable_file.ts";
import { asBytes } from "../stream/sender.ts";
import type { SocketHandlers, Writable, WriteResult } from "../stream/types.ts";
import type { AnswerBuffer } from "./answer_buffer.ts";
import { AnswerFields } from "./answer_fields.ts";
import { asciiBytes } from "./ascii.ts";
import type { BodyOwner } from "./body_reader.ts";
import { answerCount } from "./counts.ts";
import { BodyMode, type BodySink, BodyWriter, checkStreamOptions } from "./body_writer.ts";
import { wrongLength, wrongState } from "./errors.ts";
import { Pipeline, type PipelineOwner, type QueuedAnswer } from "./pipeline.ts";
import { checkReason, checkStatus, hasBody, Prepared } from "./prepared.ts";
import * as records from "./records.ts";
import { ServerRequest } from "./request.ts";
import { reasonOf } from "./status_text.ts";
import type { ServingLoop } from "./serving_loop.ts";
import * as heading from "./templates.ts";
import type { HeadFacts } from "./templates.ts";
import type {
  HeaderFields,
  HeaderValue,
  HttpResponse,
  PreparedResponse,
  ResponseStream,
  ResponseStreamOptions,
} from "./types.ts";

/** What an exchange needs of the table it belongs to. */
export interface ExchangeOwner<D> extends PipelineOwner<D> {
  pipelineOf(connection: StreamConnection<D>): Pipeline<D>;
  /** The exchange may serve again. */
  spare(exchange: Exchange<D>): void;
  /** A handler has failed: the exception is counted and reported. */
  report(connection: StreamConnection<D>, thrown: unknown): void;
  /** All earlier answers are out: the connection continues with other handlers. */
  handOn(connection: StreamConnection<D>, handlers: SocketHandlers<D>): void;
}

// Copied into this module, because V8 loads an imported constant at each use; see ffi/completion_ring.ts.
const { httpGatheredBodyMaxBytes } = bounds;
const { Field, HeadFlag, headWords, Method } = records;
const { BodyFraming, ConnectionField, ContentType } = heading;
type ConnectionField = heading.ConnectionField;
type ContentType = heading.ContentType;

const noBytes = new Uint8Array(0);
/** Where nothing waits: never changed. */
const noPieces: (Uint8Array | FilePart)[] = [];
const noRecord = new Uint32Array(headWords);
const continueBytes = asciiBytes("HTTP/1.1 100 Continue\r\n\r\n");
const encoder = new TextEncoder();
/** Bytes of UTF-8 one UTF-16 unit can become. */
const utf8BytesPerUnitMax = 3;
/** Characters up to which text is encoded by hand: a call of the encoder costs more than such a loop. */
const shortTextMax = 64;
const millisecondsPerSecond = 1000;

/** Where an exchange is. */
const Step = {
  /** Within its callback, not answered. */
  fresh: 0,
  /** Its answer is owed. */
  waiting: 1,
  /** The head of its answer is given, the body is not complete. */
  streaming: 2,
  /** Its answer is complete, and waits for earlier ones. */
  answered: 3,
  /** Over. */
  over: 4,
  /** Its connection took it along. */
  lost: 5,
} as const;
type Step = (typeof Step)[keyof typeof Step];

/** One request and its answer. Used again as long as it is answered within its callback. */
export class Exchange<D = unknown> implements HttpResponse, HeadFacts, BodySink, BodyOwner, QueuedAnswer {
  readonly request: ServerRequest<D>;
  readonly fields = new AnswerFields();
  statusCode = 200;
  reason: string | undefined = undefined;
  connectionField: ConnectionField = ConnectionField.none;
  keepAliveSeconds = 0;
  /** The connection is closed behind it. */
  last = false;
  /** It counts as a handler that waits, so that its connection is not taken for an idle one. */
  counted = false;
  next: QueuedAnswer | undefined = undefined;
  bodyWriter: BodyWriter | undefined = undefined;
  /** The handlers that take the connection over once it is this answer's turn. */
  taker: SocketHandlers<D> | undefined = undefined;
  readonly #owner: ExchangeOwner<D>;
  #connection: StreamConnection<D>;
  #loop: ServingLoop;
  #step: Step = Step.fresh;
  /** It is in its connection's pipeline. */
  #inPipeline = false;
  /** Its answer comes after its callback. */
  #isLater = false;
  /** The promise of its callback has not settled. */
  #running = false;
  /** The callback of requests for another protocol has it. */
  #mayUpgrade = false;
  #continueOwed = false;
  #continueSent = false;
  /** Something was set that few answers need. */
  #unusual = false;
  /** The server has answered in place of the handler. */
  #isTakenOver = false;
  /** Its running callback counts in the pipeline. */
  #counts = false;
  /** Its callback has not returned. */
  #inCallback = false;
  #isRetired = false;
  /** Its handler may still hold it to answer later, although it is over: it never serves again. */
  #isKept = false;
  /** A piece of its body found no room behind the answers before it. */
  #waitsForTurn = false;
  /** Bytes and held files that wait for their turn. */
  #pieces: (Uint8Array | FilePart)[] = noPieces;
  /** Without those of files, which take no memory. */
  #piecesBytes = 0;
  readonly #settled = () => this.#handlerEnded();
  readonly #rejected = (thrown: unknown) => this.#handlerEnded(thrown, true);

  constructor(owner: ExchangeOwner<D>, connection: StreamConnection<D>, loop: ServingLoop) {
    this.#owner = owner;
    this.#connection = connection;
    this.#loop = loop;
    this.request = new ServerRequest(connection);
  }

  /** Begins with another request. */
  renew(
    connection: StreamConnection<D>,
    loop: ServingLoop,
    bytes: Uint8Array,
    words: Uint32Array,
    word: number,
  ): void {
    this.#connection = connection;
    this.#loop = loop;
    this.request.renew(connection, bytes, words, word);
    this.#step = Step.fresh;
    this.#inCallback = true;
    this.statusCode = 200;
    this.last = (this.request.headRecord.flags & HeadFlag.close) !== 0;
    if (this.fields.used) this.fields.clear();
    if (this.#unusual) this.#clear();
  }

  /** As an answer to bytes that are not a request. */
  renewRefusal(connection: StreamConnection<D>, loop: ServingLoop, status: number): void {
    this.renew(connection, loop, noBytes, noRecord, 0);
    this.statusCode = status;
    this.last = true;
  }

  #clear(): void {
    this.#unusual = false;
    this.reason = undefined;
    this.next = undefined;
    this.counted = false;
    this.bodyWriter = undefined;
    this.taker = undefined;
    this.#inPipeline = false;
    this.#isLater = false;
    this.#running = false;
    this.#mayUpgrade = false;
    this.#continueOwed = false;
    this.#continueSent = false;
    this.#isRetired = false;
    this.#isTakenOver = false;
    this.#waitsForTurn = false;
    this.#pieces = noPieces;
    this.#piecesBytes = 0;
  }

  // The callback.

  /** The callback gave no promise, and the exchange is over with it: it may serve again. */
  get isOver(): boolean {
    if (this.#step !== Step.over) return false;
    return !this.#unusual || (!this.#running && !this.#inPipeline && !this.#isKept);
  }

  /** Its whole answer is given. */
  get complete(): boolean {
    return this.#step >= Step.answered;
  }

  /**
   * Follows what the callback returned. False where that is not a promise. Otherwise head and record are
   * copied, since they will be needed later.
   */
  follow(result: unknown): boolean {
    if (!follow(result, this.#settled, this.#rejected)) return false;
    this.#inCallback = false;
    this.request.headRecord.detach();
    this.#running = true;
    this.#unusual = true;
    if (this.#step <= Step.waiting) this.#enqueue();
    // Answered before its first await: what it still does is its own affair, and needs no pipeline.
    this.#counts = this.#inPipeline;
    if (this.#counts) this.#owner.pipelineOf(this.#connection).handlerBegan();
    this.#connection.taskBegan();
    return true;
  }

  /** The callback has returned without a promise. */
  callbackEnded(): void {
    this.#inCallback = false;
    if (this.#step === Step.fresh) this.fail(wrongState("request", noAnswerText, this.#connection.id));
    if (this.#inPipeline) this.request.headRecord.detach();
    else this.#retire();
  }

  /** It was answered without waiting for its turn. */
  get wasGivenAtOnce(): boolean {
    return this.#step === Step.over && !this.#inPipeline;
  }

  /** The callback has thrown. */
  fail(thrown: unknown): void {
    const connection = this.#connection;
    if (this.#step === Step.lost || this.#isTakenOver) return;
    // A body that did not come as it should is the client's failure.
    const bodyStatus = this.request.reader?.statusOf(thrown) ?? 0;
    if (bodyStatus === 0) this.#owner.report(connection, thrown);
    this.#isKept = this.#isLater;
    if (this.#step === Step.streaming) {
      this.bodyWriter?.lose();
      return connection.cut("error", isError(thrown) ? thrown : undefined);
    }
    if (this.#step > Step.waiting) return;
    this.fields.clear();
    this.reason = undefined;
    this.statusCode = bodyStatus === 0 ? 500 : bodyStatus;
    const isShown = connection.config.loop.development && bodyStatus === 0 && isError(thrown);
    const text = isShown ? stackOf(thrown) ?? textOf(thrown) : reasonOf(this.statusCode);
    this.send(`${text}\n`);
  }

  #handlerEnded(thrown?: unknown, failed = false): void {
    const connection = this.#connection;
    const pipeline = connection.memory as Pipeline<D> | undefined;
    this.#running = false;
    connection.taskEnded();
    if (failed) this.fail(thrown);
    else if (this.#step === Step.waiting && !this.#isLater) {
      this.fail(wrongState("request", noAnswerText, connection.id));
    }
    if (this.#counts && pipeline instanceof Pipeline) pipeline.handlerEnded();
    this.#counts = false;
    if (this.#step >= Step.over) this.#retire();
  }

  /** It is no longer in the pipeline. */
  left(): void {
    this.#inPipeline = false;
    this.#dropPieces();
    if (this.#step === Step.answered) this.#step = Step.over;
    if (this.#step === Step.over) {
      this.request.reader?.discardUnlessClaimed();
      this.#retire();
    }
  }

  get awaitsBody(): boolean {
    const { reader } = this.request;
    return reader !== undefined && reader.claimed && !reader.over;
  }

  takeOver(status: number): void {
    if (this.#step > Step.waiting) return;
    this.fields.clear();
    this.reason = undefined;
    this.statusCode = status;
    this.last = true;
    this.#isTakenOver = true;
    this.#isKept = this.#isLater;
    this.#unusual = true;
    this.send();
    this.request.left();
  }

  /** Its connection is gone. */
  lose(): void {
    if (this.#step >= Step.answered) return;
    this.#step = Step.lost;
    this.#isKept = this.#isLater || !this.#running;
    this.#dropPieces();
    this.bodyWriter?.lose();
    this.request.left();
    this.#retire();
  }

  #retire(): void {
    if (this.#running || this.#inCallback || this.#inPipeline || this.#isRetired) return;
    this.#isRetired = true;
    this.#unusual = true;
    this.request.reader?.abandon();
    if (!this.#isKept) this.#owner.spare(this);
  }

  // The application's side.

  get headersSent(): boolean {
    return this.#step >= Step.streaming;
  }

  get done(): boolean {
    return this.#step >= Step.answered;
  }

  get connectionId(): number {
    return this.#connection.id;
  }

  get output(): AnswerBuffer {
    return this.#loop.output;
  }

  status(code: number, reason?: string): this {
    checkStatus("response", code);
    this.#checkHead();
    if (reason !== undefined) {
      checkReason("response", reason);
      this.#unusual = true;
    }
    this.reason = reason;
    this.statusCode = code;
    return this;
  }

  header(name: string, value: HeaderValue): this {
    this.#checkHead();
    this.fields.set(name, value);
    return this;
  }

  append(name: string, value: HeaderValue): this {
    this.#checkHead();
    this.fields.append(name, value);
    return this;
  }

  /** Adds a field whose name, in lower case, and value are checked already. */
  appendChecked(name: string, value: string): void {
    this.#checkHead();
    this.fields.appendChecked(name, value);
  }

  later(): this {
    if (this.#step === Step.fresh) this.#enqueue();
    else if (this.#step > Step.waiting) this.#refuse();
    this.#isLater = true;
    return this;
  }

  json(value: unknown): WriteResult {
    const text = JSON.stringify(value);
    if (text === undefined) throw new OptionError("response", "value", "the value has no JSON");
    return this.sendText(text, ContentType.json);
  }

  send(body?: Writable | PreparedResponse): WriteResult {
    if (typeof body === "string") return this.sendText(body, ContentType.text);
    if (body instanceof Prepared) return this.#sendPrepared(body);
    if (body === undefined) return this.#sendBytes(noBytes);
    if (!(body instanceof RingWindow)) return this.#sendBytes(asBytes(body));
    body.checkLive();
    return this.#sendBytes(body);
  }

  /** Sends a text; it gets the content type unless the application has set one. */
  sendText(text: string, type: ContentType): WriteResult {
    const { length } = text;
    const bound = length * utf8BytesPerUnitMax;
    if (bound > httpGatheredBodyMaxBytes || this.#sendsNoBody) {
      return this.#sendBytes(encoder.encode(text), type);
    }
    if (!this.#begin()) return "refused";
    const { output, heads } = this.#loop;
    // Most texts are ASCII: the length of the others is put right.
    const from = this.#putHead(type, length, bound);
    const written = encodeInto(text, output.bytes, output.at, bound);
    if (written !== length) {
      output.at = from;
      heads.put(output, this, type, written, bound);
      encodeInto(text, output.bytes, output.at, bound);
    }
    if (this.fields.contentLength >= 0 && this.fields.contentLength !== written) {
      output.at = from;
      this.#wrongLength(written);
    }
    output.at += written;
    return this.#complete(this.commit(from));
  }

  #sendBytes(body: RingWindow | Uint8Array, type: ContentType = ContentType.none): WriteResult {
    if (!this.#begin()) return "refused";
    const { length } = body;
    this.#checkLength(length);
    const { output } = this.#loop;
    const sends = !this.#sendsNoBody;
    const gathered = sends && length <= httpGatheredBodyMaxBytes;
    const said = hasBody(this.statusCode) ? Math.max(length, this.fields.contentLength) : BodyFraming.silent;
    const from = this.#putHead(type, said, gathered ? length : 0);
    if (gathered && length > 0) {
      output.bytes.set(body instanceof RingWindow ? body.bytes : body, output.at);
      output.at += length;
    }
    let result = this.commit(from);
    if (sends && !gathered) result = this.putApart(body);
    return this.#complete(result);
  }

  sendFile(file: SendableFile, options?: SendFileOptions): WriteResult {
    // Before anything is written: a file that cannot be sent leaves the request unanswered.
    const part = filePartOf(file, options);
    if (!this.#begin()) return "refused";
    const { length } = part;
    this.#checkLength(length);
    const said = hasBody(this.statusCode) ? Math.max(length, this.fields.contentLength) : BodyFraming.silent;
    let result = this.commit(this.#putHead(ContentType.none, said, 0));
    if (length > 0 && !this.#sendsNoBody) result = this.#putFile(part);
    result = this.#complete(result);
    // Made for the file alone, and of no use behind a short one.
    (this.#connection.memory as Pipeline<D> | undefined)?.rest();
    return result;
  }

  #sendPrepared(answer: Prepared): WriteResult {
    if (!this.#begin()) return "refused";
    const { output, date } = this.#loop;
    answer.refresh(date);
    if (answer.closes) this.last = true;
    this.#decideConnection();
    this.#loop.numbers[answerCount(answer.status)] += 1;
    const { whole, head, body } = answer;
    const asItIs = this.connectionField === ConnectionField.none && !this.#isHead;
    if (asItIs && whole.length <= httpGatheredBodyMaxBytes) {
      output.room(whole.length);
      const from = output.at;
      output.bytes.set(whole, from);
      output.at += whole.length;
      return this.#complete(this.commit(from));
    }
    output.room(head.length + connectionFieldMaxBytes);
    const from = output.at;
    output.bytes.set(head, from);
    output.at += head.length;
    this.#loop.heads.putConnection(output, this);
    let result = this.commit(from);
    if (!this.#isHead && body.length > 0) result = this.putApart(body);
    return this.#complete(result);
  }

  stream(options: ResponseStreamOptions = {}): ResponseStream {
    if (this.#step > Step.waiting && !this.#isTakenOver) this.#refuse();
    checkStreamOptions(options, this.fields.contentLength);
    const given = options.length ?? this.fields.contentLength;
    if (options.trailers !== undefined) this.fields.set("Trailer", options.trailers.join(", "));
    this.#unusual = true;
    const is10 = (this.request.headRecord.flags & HeadFlag.version10) !== 0;
    let mode: BodyMode = given >= 0 ? BodyMode.length : is10 ? BodyMode.untilClose : BodyMode.chunked;
    if (mode === BodyMode.untilClose) this.last = true;
    let said = mode === BodyMode.length
      ? given
      : mode === BodyMode.chunked
      ? BodyFraming.chunked
      : BodyFraming.silent;
    if (!hasBody(this.statusCode)) said = BodyFraming.silent;
    if (this.#sendsNoBody) mode = BodyMode.none;
    const writer = this.bodyWriter = new BodyWriter(this, mode, given);
    if (!this.#begin()) {
      writer.lose();
      return writer;
    }
    if (!this.#inPipeline) this.#enqueue();
    this.#step = Step.streaming;
    this.commit(this.#putHead(ContentType.none, said, 0));
    return writer;
  }

  informational(status: 102 | 103, headers: HeaderFields = {}): void {
    if (status !== 102 && status !== 103) {
      throw new OptionError("informational", "status", "the status of an interim answer must be 102 or 103");
    }
    if (this.#step > Step.waiting) this.#refuse();
    if ((this.request.headRecord.flags & HeadFlag.version10) !== 0) return;
    const fields = new AnswerFields();
    fields.appendAll(headers);
    if (!this.#inPipeline && !this.#isTurn) this.#enqueue();
    const { output, heads } = this.#loop;
    heads.putInterim(output, status, fields);
    this.commit(heads.from);
  }

  // deno-lint-ignore no-explicit-any -- the new handlers may have data of another type.
  upgrade(handlers: SocketHandlers<any>, headers: HeaderFields = {}): void {
    if (this.#step > Step.waiting) this.#refuse();
    if (!this.#mayUpgrade) {
      throw wrongState("upgrade", "the request asks for no other protocol", this.#connection.id);
    }
    this.fields.appendAll(headers);
    const isConnect = this.request.headRecord.methodId === Method.connect;
    this.statusCode = isConnect ? 200 : 101;
    this.#unusual = true;
    if (!this.#begin()) return;
    if (!this.#inPipeline) this.#enqueue();
    this.connectionField = isConnect ? ConnectionField.none : ConnectionField.upgrade;
    this.keepAliveSeconds = 0;
    const { output, heads, numbers } = this.#loop;
    numbers[answerCount(this.statusCode)] += 1;
    heads.put(output, this, ContentType.none, BodyFraming.silent, 0);
    const { from } = heads;
    this.taker = handlers as SocketHandlers<D>;
    this.#step = Step.streaming;
    this.commit(from);
    if (this.#isTurn) this.turnCame();
  }

  /** The callback for requests of another protocol has it. */
  allowUpgrade(): void {
    this.#mayUpgrade = true;
    this.#unusual = true;
  }

  // Rendering.

  get #isHead(): boolean {
    return this.request.headRecord.methodId === Method.head;
  }

  get #sendsNoBody(): boolean {
    return this.#isHead || !hasBody(this.statusCode);
  }

  /** Earlier answers are out. */
  get #isTurn(): boolean {
    const pipeline = this.#connection.memory as Pipeline<D> | undefined;
    return pipeline === undefined || pipeline.head === (this.#inPipeline ? this : undefined);
  }

  /** Before an answer is written. False: it is lost with its connection. */
  #begin(): boolean {
    if (this.#step > Step.waiting) {
      if (this.#step === Step.lost || this.#isTakenOver) return false;
      this.#refuse();
    }
    if (!this.#inPipeline && !this.#isTurn) this.#enqueue();
    return true;
  }

  /** Writes the head. Returns where it begins. */
  #putHead(type: ContentType, length: number, bodyRoom: number): number {
    if (this.fields.closes) this.last = true;
    this.#decideConnection();
    const { output, heads, numbers } = this.#loop;
    numbers[answerCount(this.statusCode)] += 1;
    heads.put(output, this, type, length, bodyRoom);
    return heads.from;
  }

  /** What the answer says about the connection. */
  #decideConnection(): void {
    const { flags, known } = this.request.headRecord;
    this.connectionField = ConnectionField.none;
    this.keepAliveSeconds = 0;
    const pipeline = this.#connection.memory as Pipeline<D> | undefined;
    if (pipeline !== undefined || this.request.reader !== undefined) this.#decideLast(pipeline);
    if (this.last) {
      this.connectionField = ConnectionField.close;
    } else if ((known & connectionBit) !== 0) {
      this.#advertise((flags & HeadFlag.version10) !== 0);
    }
  }

  /** A client that speaks of keep-alive learns how long. */
  #advertise(is10: boolean): void {
    const { keepAlive, idle } = this.#connection.limits;
    const limit = keepAlive > 0 ? keepAlive : idle;
    if (is10) this.connectionField = ConnectionField.keepAlive;
    this.keepAliveSeconds = Math.floor(limit / millisecondsPerSecond);
  }

  #decideLast(pipeline: Pipeline<D> | undefined): void {
    const { maxRequests, maxUnreadBodySize } = this.#owner.options;
    if (pipeline !== undefined) {
      const isUsedUp = maxRequests > 0 && pipeline.requests >= maxRequests;
      if (isUsedUp || pipeline.endsWith(this)) this.last = true;
    }
    const { reader } = this.request;
    if (reader === undefined || reader.over || reader.claimed) return;
    // A client that waits for "100 Continue" may or may not send the body now.
    const waits = this.#expects && !reader.hasBytes;
    // A streamed answer may read it while it is sent.
    const isLong = this.bodyWriter === undefined && Number.isFinite(reader.left) &&
      reader.left > maxUnreadBodySize;
    if (waits || isLong) this.last = true;
  }

  get #expects(): boolean {
    const { flags } = this.request.headRecord;
    return (flags & HeadFlag.expectContinue) !== 0 && (flags & HeadFlag.version10) === 0;
  }

  /** `length`: bytes of the body. */
  #checkLength(length: number): void {
    const { contentLength } = this.fields;
    if (contentLength < 0 || contentLength === length) return;
    // HEAD, 304: the length of what GET would have answered.
    if (this.#sendsNoBody && length === 0) return;
    this.#wrongLength(length);
  }

  #wrongLength(length: number): never {
    const error = wrongLength(this.fields.contentLength, length, this.#connection.id);
    this.breakOff(error);
    throw error;
  }

  /** The whole answer is given. */
  #complete(result: WriteResult): WriteResult {
    if (!this.#inPipeline) {
      this.#step = Step.over;
      if (this.#mayUpgrade) this.#owner.pipelineOf(this.#connection).upgrading = false;
      this.request.reader?.discardUnlessClaimed();
      return result;
    }
    this.#step = Step.answered;
    const pipeline = this.#connection.memory as Pipeline<D> | undefined;
    if (this.#mayUpgrade && pipeline !== undefined) pipeline.upgrading = false;
    if (pipeline !== undefined && pipeline.head === this) pipeline.advance();
    return result;
  }

  #enqueue(): void {
    if (this.#inPipeline) return;
    this.#inPipeline = true;
    this.#unusual = true;
    this.#owner.pipelineOf(this.#connection).push(this);
    if (this.#step === Step.fresh) this.#step = Step.waiting;
  }

  // The way of its bytes.

  commit(from: number): WriteResult {
    const { output } = this.#loop;
    const connection = this.#connection;
    if (this.#isTurn) {
      // Gathered with the other answers of the window.
      if (output.target === connection) return "sent";
      return this.#owner.pipelineOf(connection).cork(output.cutBriefly(from));
    }
    return this.#keep(output.cut(from));
  }

  putApart(bytes: RingWindow | Uint8Array): WriteResult {
    if (this.#isTurn) return this.#owner.pipelineOf(this.#connection).putApart(bytes);
    return this.#keep(bytes.slice());
  }

  #putFile(part: FilePart): WriteResult {
    const connection = this.#connection;
    if (this.#isTurn) return this.#owner.pipelineOf(connection).putFile(part);
    if (connection.memory === undefined || this.#step === Step.lost) return "refused";
    part.file.hold();
    this.#addPiece(part);
    const { sender, highWaterMark } = connection.config;
    return this.#piecesBytes + sender.weightOf(connection, part.length) > highWaterMark ? "queued" : "sent";
  }

  #addPiece(piece: Uint8Array | FilePart): void {
    if (this.#pieces === noPieces) this.#pieces = [];
    this.#pieces.push(piece);
  }

  #dropPieces(): void {
    if (this.#pieces === noPieces) return;
    for (const piece of this.#pieces) if (!(piece instanceof Uint8Array)) piece.file.release();
    this.#pieces = noPieces;
  }

  #keep(bytes: Uint8Array): WriteResult {
    const pipeline = this.#connection.memory as Pipeline<D> | undefined;
    if (pipeline === undefined || this.#step === Step.lost) return "refused";
    this.#addPiece(bytes);
    this.#piecesBytes += bytes.length;
    pipeline.queued(bytes.length);
    return this.#piecesBytes > this.#connection.config.highWaterMark ? "queued" : "sent";
  }

  /** Its turn has come, or is over: what was kept leaves. */
  releasePieces(): void {
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    this.#pieces = noPieces;
    const pipeline = this.#owner.pipelineOf(this.#connection);
    pipeline.queued(-this.#piecesBytes);
    this.#piecesBytes = 0;
    const { output } = this.#loop;
    const gathers = output.target === this.#connection;
    for (const piece of pieces) {
      if (!(piece instanceof Uint8Array)) {
        pipeline.putFile(piece);
        piece.file.release();
      } else if (!gathers) {
        pipeline.cork(piece);
      } else if (piece.length > httpGatheredBodyMaxBytes) {
        pipeline.putApart(piece);
      } else {
        output.room(piece.length);
        output.bytes.set(piece, output.at);
        output.at += piece.length;
      }
    }
  }

  caughtUp(): void {
    this.bodyWriter?.goOn();
  }

  /** All earlier answers are out. */
  turnCame(): void {
    if (this.#continueOwed) this.#sendContinue();
    this.releasePieces();
    if (this.taker !== undefined) {
      // Not lost with the pipeline, which ends here.
      this.#step = Step.over;
      return this.#owner.handOn(this.#connection, this.taker);
    }
    if (this.clear) this.bodyWriter?.goOn();
  }

  // A body on its way out.

  hasRoom(length: number): boolean {
    const pipeline = this.#connection.memory as Pipeline<D> | undefined;
    if (pipeline === undefined) return false;
    if (pipeline.head === this) return pipeline.hasRoom(length);
    if (pipeline.hasRoomBehind(length)) return true;
    this.#waitsForTurn = true;
    return false;
  }

  get writes(): boolean {
    const pipeline = this.#connection.memory as Pipeline<D> | undefined;
    return pipeline !== undefined && pipeline.writes;
  }

  get clear(): boolean {
    const pipeline = this.#connection.memory as Pipeline<D> | undefined;
    if (pipeline === undefined || this.#step >= Step.answered) return true;
    if (pipeline.head === this) return pipeline.result() !== "queued";
    return !this.#waitsForTurn && this.#piecesBytes <= this.#connection.config.highWaterMark;
  }

  get bufferedBytes(): number {
    const pipeline = this.#connection.memory as Pipeline<D> | undefined;
    return pipeline === undefined ? 0 : pipeline.bufferedBytes;
  }

  bodyEnded(): void {
    this.#step = Step.streaming;
    this.#complete("sent");
  }

  breakOff(error: Error | undefined): void {
    if (this.#step >= Step.answered) return;
    this.#connection.cut(error === undefined ? "local" : "error", error);
  }

  // A body on its way in.

  bodyClaimed(): void {
    const { reader } = this.request;
    if (
      this.#expects && reader !== undefined && reader.received === 0 && !reader.hasBytes && !this.headersSent
    ) {
      if (!this.#continueSent) {
        if (this.#isTurn) this.#sendContinue();
        else this.#continueOwed = true;
      }
    }
    this.bodyWanted();
  }

  bodyWanted(): void {
    const pipeline = this.#connection.memory as Pipeline<D> | undefined;
    // Within its callback the bytes that are here follow by themselves.
    if (pipeline instanceof Pipeline && pipeline.body === this.request.reader) pipeline.settle();
  }

  #sendContinue(): void {
    this.#continueOwed = false;
    this.#continueSent = true;
    this.#unusual = true;
    if (this.headersSent) return;
    const { output } = this.#loop;
    output.room(continueBytes.length);
    const from = output.at;
    output.bytes.set(continueBytes, from);
    output.at += continueBytes.length;
    this.commit(from);
  }

  #checkHead(): void {
    if (this.#step > Step.waiting && this.#step !== Step.lost && !this.#isTakenOver) {
      throw wrongState("response", "the head is sent already", this.#connection.id);
    }
  }

  #refuse(): never {
    const why = this.#step === Step.lost ? "the client has left" : "the request was already answered";
    throw wrongState("response", why, this.#connection.id);
  }
}

const noAnswerText = "the callback returned without an answer: answer in it, make it async, or call later()";
/** The bit of the field `Connection` among the known ones. */
const connectionBit = 1 << Field.connection;
const connectionFieldMaxBytes = 64;

/** Writes text as UTF-8 at a position where there is room for it. Returns how many bytes it took. */
function encodeInto(text: string, bytes: Uint8Array, at: number, bound: number): number {
  const { length } = text;
  if (length <= shortTextMax) {
    let index = 0;
    for (; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) break;
      bytes[at + index] = unit;
    }
    if (index === length) return length;
  }
  return encoder.encodeInto(text, bytes.subarray(at, at + bound)).written;
}
