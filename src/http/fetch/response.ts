/**
 * `Response` as the Fetch standard has it, light: a text or bytes are sent without making a stream, a promise
 * or headers.
 *
 * @module
 */
import { Body, extractBody, type SimpleBody, textType } from "./body.ts";
import { addBodyMembers, type BodyMembers } from "./body_members.ts";
import { reasonPhrase, unsignedShort, wantArguments } from "./convert.ts";
import { addField, freeze, LightHeaders } from "./headers.ts";
import { inspectSymbol, RuntimeResponse, standIn } from "./runtime.ts";

/** Statuses whose responses have no body. */
const NULL_BODY_STATUSES: readonly number[] = [101, 103, 204, 205, 304];
const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];

/** The parts of a response for the code that sends it. */
export interface ResponseParts {
  readonly status: number;
  readonly statusText: string;
  /** Null where nobody has set or asked for any. */
  readonly headers: LightHeaders | null;
  /** A content type that counts when `headers` is null. */
  readonly type: string | null;
  readonly body: SimpleBody | Body | null;
}

/** Whether the object is one of ours. */
export let isLightResponse: (value: object) => value is LightResponse;
/** The parts of one of ours, and marks a simple body as used; throws a TypeError if it was used. */
export let takeParts: (response: LightResponse) => ResponseParts;

/** `Response`. */
export interface LightResponse extends BodyMembers {}

/** `Response`. */
export class LightResponse implements Response {
  #status = 200;
  #statusText = "";
  #headers: LightHeaders | null = null;
  #type: string | null = null;
  #body: SimpleBody | Body | null = null;
  /** A simple body that was sent. */
  #isSent = false;

  static {
    isLightResponse = (value): value is LightResponse => #isSent in value;
    takeParts = (response) => {
      const body = response.#body;
      if (body !== null) {
        if (response.#isSent || (body instanceof Body && body.isUsed)) {
          throw new TypeError("the body of this response is used already");
        }
        response.#isSent = !(body instanceof Body);
      }
      return {
        status: response.#status,
        statusText: response.#statusText,
        headers: response.#headers,
        type: response.#type,
        body,
      };
    };
  }

  constructor(body: BodyInit | null | undefined = undefined, init: ResponseInit | undefined = undefined) {
    if (init !== undefined && init !== null) this.#initialize(init);
    if (typeof body === "string") {
      this.#body = body;
      this.#type = textType;
    } else if (body !== undefined && body !== null) {
      const extracted = extractBody(body);
      this.#body = extracted.body;
      this.#type = extracted.type;
    }
    if (this.#body === null) return;
    if (this.#status !== 200 && NULL_BODY_STATUSES.includes(this.#status)) {
      throw new TypeError(`a response with the status ${this.#status} cannot have a body`);
    }
    if (this.#headers !== null) this.#setType(this.#headers);
  }

  #initialize(init: unknown): void {
    if (typeof init !== "object" && typeof init !== "function") {
      throw new TypeError("the init of a response must be an object");
    }
    const { headers, status, statusText } = init as ResponseInit;
    if (headers !== undefined) this.#headers = new LightHeaders(headers);
    if (status !== undefined) {
      this.#status = unsignedShort(status);
      if (this.#status !== 101 && (this.#status < 200 || this.#status > 599)) {
        throw new RangeError(`the status (${this.#status}) must be 101 or from 200 to 599`);
      }
    }
    if (statusText !== undefined) this.#statusText = reasonPhrase(statusText);
  }

  /** Gives the headers the body's content type if they have none. */
  #setType(headers: LightHeaders): void {
    if (this.#type !== null) addField(headers, "content-type", this.#type);
    this.#type = null;
  }

  /** The body as an object; null without one. */
  #bodyObject(): Body | null {
    const body = this.#body;
    if (body === null || body instanceof Body) return body;
    const made = Body.ofSimple(body);
    if (this.#isSent) made.use();
    this.#isSent = false;
    return this.#body = made;
  }

  get type(): ResponseType {
    return this.#status === 0 ? "error" : "default";
  }

  get url(): string {
    return "";
  }

  get redirected(): boolean {
    return false;
  }

  get status(): number {
    return this.#status;
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get headers(): Headers {
    if (this.#headers === null) {
      this.#headers = new LightHeaders();
      this.#setType(this.#headers);
    }
    return this.#headers as unknown as Headers;
  }

  clone(): Response {
    const copy = new LightResponse();
    const body = this.#body;
    if (this.#isSent) throw new TypeError("the body of this response is used already");
    copy.#body = body instanceof Body ? body.clone() : body;
    copy.#status = this.#status;
    copy.#statusText = this.#statusText;
    copy.#type = this.#type;
    if (this.#headers !== null) copy.#headers = new LightHeaders(this.#headers as unknown as Headers);
    return copy;
  }

  [inspectSymbol](): unknown {
    const { status, statusText, headers, bodyUsed } = this;
    return { [Symbol.toStringTag]: "Response", status, statusText, headers, bodyUsed };
  }

  /** A response of type "error". */
  static error(): Response {
    const response = new LightResponse();
    response.#status = 0;
    response.#headers = freeze(new LightHeaders());
    return response;
  }

  /** A redirect; a relative URL stays relative. */
  static redirect(url: string | URL, given: number | undefined = undefined): Response {
    wantArguments("Response.redirect", arguments.length, 1);
    const location = locationOf(`${url}`);
    const status = given === undefined ? 302 : unsignedShort(given);
    if (!REDIRECT_STATUSES.includes(status)) {
      throw new RangeError(`${status} is not the status of a redirect`);
    }
    const response = new LightResponse();
    response.#status = status;
    response.#headers = freeze(new LightHeaders([["location", location]]));
    return response;
  }

  /** A response with a value as JSON. */
  static json(data: unknown, init: ResponseInit | undefined = undefined): Response {
    wantArguments("Response.json", arguments.length, 1);
    const text: string | undefined = JSON.stringify(data);
    if (text === undefined) throw new TypeError("the value has no form in JSON");
    const response = new LightResponse(text, init);
    if (response.#headers === null) response.#type = "application/json";
    else if (!hasType(init)) response.#headers.set("content-type", "application/json");
    return response;
  }

  /** Every response is an instance of ours, the runtime's as well; a subclass has only its own. */
  static [Symbol.hasInstance](value: unknown): boolean {
    if (this !== LightResponse) return Function.prototype[Symbol.hasInstance].call(this, value);
    return value instanceof RuntimeResponse;
  }

  static {
    addBodyMembers<LightResponse>(this.prototype, (response) => response.#bodyObject());
    standIn(this, RuntimeResponse, "Response");
  }
}

/** Whether the application has named a content type. */
function hasType(init: ResponseInit | undefined): boolean {
  return init?.headers !== undefined && new LightHeaders(init.headers).has("content-type");
}

/** The value of `Location` for a URL. A path stays one: the host that the client used is unknown. */
function locationOf(url: string): string {
  if (!url.startsWith("/") || !URL.canParse(url, "http://localhost")) return new URL(url).href;
  const { host, pathname, search, hash } = new URL(url, "http://localhost");
  return `${/^[/\\]{2}/.test(url) ? `//${host}` : ""}${pathname}${search}${hash}`;
}
