/**
 * `Request` as the Fetch standard has it, light: method, URL, headers, body and signal of a received request
 * are made when they are asked for.
 *
 * @module
 */
import type { RequestHead } from "../head.ts";
import { HeadWord } from "../records.ts";
import { Body, type ReceivedBody } from "./body.ts";
import { type FieldSource, keepFields, LightHeaders, readFrom, receivedHeaders } from "./headers.ts";
import { inspectSymbol, RuntimeHeaders, RuntimeRequest, standIn } from "./runtime.ts";

/** What a request's URL and fields are made of. */
interface HeadSource extends FieldSource {
  readonly method: string;
  readonly target: string;
  readonly host: string;
}

/** The part of the fast door's request that a `Request` is made of. */
export interface ReceivedRequest extends HeadSource, ReceivedBody {
  readonly hasBody: boolean;
  readonly signal: AbortSignal;
  /** Where the head lies, so that it can be kept in one copy. */
  readonly headRecord?: RequestHead;
}

/** Says scheme and host of a request's URL. */
export type OriginOf = (head: { readonly host: string }) => string;

/** A request out of a received one. */
export let receivedRequest: (received: ReceivedRequest, originOf: OriginOf) => LightRequest;
/** Takes what a kept request may still be asked for: the received one is about to end. */
export let keepRequest: (request: LightRequest) => void;
/** Whether the object is one of ours. */
export let isLightRequest: (value: object) => value is LightRequest;
/** The same request as one of the runtime's; its body moves there. */
export let toRuntimeRequest: (request: LightRequest) => Request;

/** A target that is its own path and query in a URL: nothing to encode, no dots to resolve. */
const PLAIN_TARGET = /^\/(?:[\w\-~!$&()*+,;=:@?]|\/(?!\.)|(?<!\/)\.|%(?!2[eE]))*$/;

/** Has the values of all members that mean nothing on a server. */
const usual = new RuntimeRequest("http://localhost/");

/** `Request`, as a server receives it. */
export class LightRequest implements Request {
  /** Null once the received request has ended. */
  #received: ReceivedRequest | null = null;
  /** Its head, from then on. */
  #kept: KeptHead | null = null;
  #originOf: OriginOf | null = null;
  #method = "";
  #url = "";
  #headers: LightHeaders | null = null;
  /** Undefined until somebody asks. */
  #body: Body | null | undefined = undefined;
  #signal: AbortSignal | null = null;

  static {
    isLightRequest = (value): value is LightRequest => #received in value;
    receivedRequest = (received, originOf) => {
      const request = new LightRequest();
      request.#received = received;
      request.#originOf = originOf;
      return request;
    };
    keepRequest = (request) => request.#keep();
    toRuntimeRequest = (request) => {
      const { method, url, signal } = request;
      const headers = new RuntimeHeaders(request.headers);
      const body = method === "GET" || method === "HEAD" ? null : request.body;
      return new RuntimeRequest(url, { method, headers, body, signal, duplex: "half" } as RequestInit);
    };
  }

  #keep(): void {
    const received = this.#received;
    if (received === null) return;
    this.#received = null;
    if (this.#body === undefined) this.#body = received.hasBody ? Body.ofReceived(received) : null;
    const { headRecord } = received;
    if (headRecord !== undefined) {
      // Few requests are looked at any more: one copy of the head serves whatever they are asked for.
      const kept = this.#kept = new KeptHead(headRecord);
      if (this.#headers !== null) readFrom(this.#headers, kept);
      return;
    }
    if (this.#method === "") this.#method = received.method;
    if (this.#url === "") this.#url = urlOf(received, this.#originOf!);
    keepFields(this.#headers ??= receivedHeaders(received));
  }

  get #head(): HeadSource {
    return this.#received ?? this.#kept!;
  }

  #lightHeaders(): LightHeaders {
    return this.#headers ??= receivedHeaders(this.#head);
  }

  #bodyObject(): Body | null {
    if (this.#body !== undefined) return this.#body;
    return this.#body = this.#received!.hasBody ? Body.ofReceived(this.#received!) : null;
  }

  get method(): string {
    if (this.#method === "") this.#method = this.#head.method;
    return this.#method;
  }

  get url(): string {
    if (this.#url === "") this.#url = urlOf(this.#head, this.#originOf!);
    return this.#url;
  }

  get headers(): Headers {
    return this.#lightHeaders() as unknown as Headers;
  }

  get signal(): AbortSignal {
    return this.#signal ??= this.#received?.signal ?? new AbortController().signal;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#bodyObject()?.stream ?? null;
  }

  get bodyUsed(): boolean {
    return this.#bodyObject()?.isUsed ?? false;
  }

  get destination(): RequestDestination {
    return usual.destination;
  }

  get referrer(): string {
    return usual.referrer;
  }

  get referrerPolicy(): ReferrerPolicy {
    return usual.referrerPolicy;
  }

  get mode(): RequestMode {
    return usual.mode;
  }

  get credentials(): RequestCredentials {
    return usual.credentials;
  }

  get cache(): RequestCache {
    return usual.cache;
  }

  get redirect(): RequestRedirect {
    return usual.redirect;
  }

  get integrity(): string {
    return usual.integrity;
  }

  get keepalive(): boolean {
    return usual.keepalive;
  }

  get isReloadNavigation(): boolean {
    return usual.isReloadNavigation;
  }

  get isHistoryNavigation(): boolean {
    return usual.isHistoryNavigation;
  }

  /** Lets a request be the init of another one although its body is a stream. */
  get duplex(): "half" {
    return "half";
  }

  async text(): Promise<string> {
    return await this.#bodyObject()?.text() ?? "";
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#bodyObject()?.bytes() ?? new Uint8Array();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return await this.#bodyObject()?.arrayBuffer() ?? new ArrayBuffer();
  }

  async blob(): Promise<Blob> {
    const type = this.headers.get("content-type");
    return await (this.#bodyObject() ?? Body.ofSimple("")).blob(type);
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get("content-type");
    return await (this.#bodyObject() ?? Body.ofSimple("")).formData(type);
  }

  textStream(): ReadableStream<string> {
    return (this.#bodyObject() ?? Body.ofSimple("")).textStream();
  }

  clone(): Request {
    const body = this.#bodyObject()?.clone() ?? null;
    const copy = new LightRequest();
    copy.#method = this.method;
    copy.#url = this.url;
    copy.#headers = new LightHeaders(this.headers);
    copy.#body = body;
    copy.#signal = this.signal;
    return copy;
  }

  [inspectSymbol](): unknown {
    const { method, url, headers, bodyUsed } = this;
    return { [Symbol.toStringTag]: "Request", method, url, headers, bodyUsed };
  }

  static {
    standIn(this, RuntimeRequest, "Request");
    // `new request.constructor(url)` makes one of the runtime's: ours are made by the server alone.
    Object.defineProperty(this.prototype, "constructor", { value: RuntimeRequest, enumerable: false });
  }
}

const latin1 = new TextDecoder("latin1");
const carriageReturn = 0x0d;

/** A head that was copied when its request ended; hardly ever looked at. */
class KeptHead implements HeadSource {
  readonly #bytes: Uint8Array;

  constructor({ bytes, start, words, at }: RequestHead) {
    this.#bytes = bytes.slice(start, start + words[at + HeadWord.bytes]);
  }

  header(name: string): string | undefined {
    const fields = receivedHeaders(this);
    keepFields(fields);
    return fields.get(name) ?? undefined;
  }

  get method(): string {
    return this.#startLine[0];
  }

  get target(): string {
    return this.#startLine[1];
  }

  get host(): string {
    return this.header("host") ?? "";
  }

  get #startLine(): string[] {
    const end = this.#bytes.indexOf(carriageReturn);
    return latin1.decode(this.#bytes.subarray(0, end)).split(" ");
  }

  *headers(): IterableIterator<[name: string, value: string]> {
    for (const line of latin1.decode(this.#bytes).split("\r\n").slice(1)) {
      const colon = line.indexOf(":");
      if (colon > 0) {
        yield [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")];
      }
    }
  }
}

/** The URL of a received request, in the form the URL standard gives it. */
function urlOf(head: HeadSource, originOf: OriginOf): string {
  const { target } = head;
  const origin = originOf(head);
  if (PLAIN_TARGET.test(target)) return origin + target;
  // The form "*" has no path. A target with two slashes in front must not be taken for a host.
  if (target.startsWith("/")) return new URL(origin + target).href;
  return target.includes("://") ? new URL(target).href : `${origin}/`;
}
