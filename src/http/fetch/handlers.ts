/**
 * A fetch-style handler as handlers of the fast door.
 *
 * @module
 */
import { OptionError } from "../../base/errors.ts";
import { parseAddressWords } from "../../base/address_words.ts";
import { NetworkList } from "../../base/networks.ts";
import { callback, checkOptions, type OptionSchema } from "../../base/options.ts";
import { choice, networks } from "../../base/option_kinds.ts";
import type { SocketHandlers } from "../../stream/types.ts";
import { http } from "../http.ts";
import { httpRows } from "../options.ts";
import type { HttpOptions, HttpRequest, HttpResponse } from "../types.ts";
import { answer, type AnswerTarget, isResponse } from "./answer.ts";
import { type Forwarded, type ProxyFields, readForwarded } from "./forwarded.ts";
import { completeInfo, isUpgraded, RequestInfo } from "./info.ts";
import { keepRequest, type LightRequest, receivedRequest } from "./request.ts";
import { type OriginOf, originOf } from "./request_url.ts";
import type { FetchHandler, FetchOptions } from "./types.ts";

/** The options of fetch-style handlers, with the groups of `http`. */
const fetchSchema: OptionSchema = {
  onError: callback,
  error: callback,
  maxRequestBodySize: httpRows.maxRequestBodySize,
  trustedProxies: networks,
  proxyFields: choice("x-forwarded", "forwarded"),
  ...Object.fromEntries(Object.entries(httpRows).map(([name, kind]) => [`http.${name}`, kind])),
};

/** Handlers for `listen` that call a fetch-style handler. Throws an OptionError. */
export function fetchHandlers(
  operation: string,
  handler: FetchHandler,
  options: FetchOptions,
): SocketHandlers<unknown> {
  checkOptions(operation, options, fetchSchema);
  if (options.onError !== undefined && options.error !== undefined) {
    throw new OptionError(operation, "error", 'options "onError" and "error" are the same: give one of them');
  }
  const door = new FetchDoor(operation, handler, options);
  const { maxRequestBodySize } = options;
  const limits: HttpOptions = maxRequestBodySize === undefined
    ? { ...options.http }
    : { ...options.http, maxRequestBodySize };
  const serve = (request: HttpRequest<unknown>, response: HttpResponse) =>
    door.serve(request, response as AnswerTarget);
  return http<unknown>({ request: serve, upgrade: serve }, limits);
}

const { then } = Promise.prototype;
const notImplemented = 501;
const plainHttp: OriginOf = ({ host }) => originOf("http", host);

/** One handler with its options. */
class FetchDoor {
  readonly #handler: FetchHandler;
  readonly #onError: FetchOptions["onError"];
  readonly #trusted: NetworkList | undefined;
  readonly #proxyFields: ProxyFields;

  constructor(operation: string, handler: FetchHandler, options: FetchOptions) {
    this.#handler = handler;
    this.#onError = options.onError ?? options.error;
    const { trustedProxies, proxyFields = "x-forwarded" } = options;
    this.#proxyFields = proxyFields;
    if (trustedProxies !== undefined) {
      this.#trusted = new NetworkList(operation, "trustedProxies", trustedProxies);
    }
  }

  serve(received: HttpRequest<unknown>, target: AnswerTarget): void | Promise<void> {
    const { method, connection } = received;
    if (method === "CONNECT") return void target.status(notImplemented).send("Not Implemented\n");
    const forwarded = this.#trusted === undefined ? undefined : this.#forwardedOf(received, this.#trusted);
    const request = receivedRequest(received, forwarded === undefined ? plainHttp : originBehind(forwarded));
    const info = new RequestInfo(connection, target, forwarded?.client);
    const handler = this.#handler;
    let given: unknown;
    try {
      given = handler(request as unknown as Request, info);
    } catch (thrown) {
      if (this.#onError === undefined) throw thrown;
      return this.#recover(thrown, received, request, target, info);
    }
    if (isResponse(given) || !isThenable(given)) return this.#send(given, received, request, target, info);
    // A function of its own, and no async one: this path is short in promises.
    const settled = (response: unknown) => this.#sendLate(response, received, request, target, info);
    if (this.#onError === undefined) return then.call(Promise.resolve(given), settled) as Promise<void>;
    const failed = (thrown: unknown) => this.#recover(thrown, received, request, target, info);
    return then.call(Promise.resolve(given), settled, failed) as Promise<void>;
  }

  /** The handler has thrown, or its promise has rejected. */
  async #recover(
    thrown: unknown,
    received: HttpRequest<unknown>,
    request: LightRequest,
    target: AnswerTarget,
    info: RequestInfo,
  ): Promise<void> {
    await this.#sendLate(await this.#onError!(thrown), received, request, target, info);
  }

  /** Sends, unless the client has left meanwhile. */
  #sendLate(
    response: unknown,
    received: HttpRequest<unknown>,
    request: LightRequest,
    target: AnswerTarget,
    info: RequestInfo,
  ): void | Promise<void> {
    if (!target.done || isUpgraded(info)) return this.#send(response, received, request, target, info);
    if (isResponse(response) && !response.bodyUsed) void response.body?.cancel().catch(() => {});
    this.#finish(request, info, false);
  }

  #send(
    response: unknown,
    received: HttpRequest<unknown>,
    request: LightRequest,
    target: AnswerTarget,
    info: RequestInfo,
  ): void | Promise<void> {
    const sending = isUpgraded(info) ? undefined : answer(response, target, received);
    if (sending === undefined) return this.#finish(request, info, true);
    return this.#follow(sending, request, info);
  }

  async #follow(sending: Promise<boolean>, request: LightRequest, info: RequestInfo): Promise<void> {
    let isSent = false;
    try {
      isSent = await sending;
    } finally {
      this.#finish(request, info, isSent);
    }
  }

  #finish(request: LightRequest, info: RequestInfo, isSent: boolean): void {
    keepRequest(request);
    completeInfo(info, isSent ? "sent" : "lost");
  }

  #forwardedOf(received: HttpRequest<unknown>, trusted: NetworkList): Forwarded | undefined {
    const { hostname, family } = received.connection.peerAddress;
    if (family === "Unix") return undefined;
    const words = parseAddressWords(hostname);
    return words !== undefined && trusted.includes(words)
      ? readForwarded(received, this.#proxyFields)
      : undefined;
  }
}

function originBehind({ scheme = "http", host }: Forwarded): OriginOf {
  return (received) => originOf(scheme, host ?? received.host);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null)?.then === "function";
}
