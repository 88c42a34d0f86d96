/**
 * `Request` as the Fetch standard has it, light: method, URL, headers, body and signal of a received request
 * are made when they are asked for.
 *
 * @module
 */
import { Body, type ReceivedBody } from "./body.ts";
import { addBodyMembers, type BodyMembers } from "./body_members.ts";
import { keepFields, LightHeaders, readFrom, receivedHeaders } from "./headers.ts";
import { type HeadSource, KeptHead } from "./kept_head.ts";
import { type OriginOf, urlOf } from "./request_url.ts";
import { inspectSymbol, RuntimeHeaders, RuntimeRequest, standIn } from "./runtime.ts";

/** The part of the fast door's request that a `Request` is made of. */
export interface ReceivedRequest extends HeadSource, ReceivedBody {
  readonly hasBody: boolean;
  readonly signal: AbortSignal;
}

/** A request out of a received one. */
export let receivedRequest: (received: ReceivedRequest, originOf: OriginOf) => LightRequest;
/** Takes what a kept request may still be asked for: the received one is about to end. */
export let keepRequest: (request: LightRequest) => void;
/** Whether the object is one of ours. */
export let isLightRequest: (value: object) => value is LightRequest;
/** The same request as one of the runtime's; its body moves there. */
export let toRuntimeRequest: (request: LightRequest) => Request;

/** Has the values of all members that mean nothing on a server. */
const usual = new RuntimeRequest("http://localhost/");

/** `Request`, as a server receives it. */
export interface LightRequest extends BodyMembers {}

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
    addBodyMembers<LightRequest>(this.prototype, (request) => request.#bodyObject());
    standIn(this, RuntimeRequest, "Request");
    // `new request.constructor(url)` makes one of the runtime's: ours are made by the server alone.
    Object.defineProperty(this.prototype, "constructor", { value: RuntimeRequest, enumerable: false });
  }
}
