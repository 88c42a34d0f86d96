/**
 * Checks the options of a client and of a request, and fills in the defaults.
 *
 * @module
 */
import { TIMER_DELAY_MAX_MS } from "../../base/layout.ts";
import {
  clientBodyTimeoutDefaultMilliseconds,
  clientFieldsDefault,
  clientHeadBytesDefault,
  clientHeadTimeoutDefaultMilliseconds,
  clientRedirectsMax,
  clientTrailerBytesDefault,
  httpFieldsMax,
  httpHeadMaxBytes,
  poolConnectTimeoutDefaultMilliseconds,
} from "../../base/limits.ts";
import { OptionError } from "../../base/errors.ts";
import { bytes, flag, milliseconds, text, unixPath, wholeNumber } from "../../base/option_kinds.ts";
import {
  abortSignal,
  callback,
  checkOptions,
  objectOf,
  type OptionCheck,
  type OptionSchema,
} from "../../base/options.ts";
import { isEventLoop } from "../../loop/event_loop.ts";
import type { Http1Limits } from "../parser.ts";
import type { ClientLimits, ClientRequest, ClientTimeouts, HttpClientOptions } from "./types.ts";

const delay = milliseconds(0, TIMER_DELAY_MAX_MS);

/** What a client's requests have in common. */
const commonSchema: OptionSchema = {
  headers: {
    wants: "an object of fields, Headers or a list of pairs",
    accepts: (value) => typeof value === "object" && value !== null,
  },
  unix: unixPath,
  maxRedirects: wholeNumber(0, clientRedirectsMax),
  "timeouts.connect": delay,
  "timeouts.head": delay,
  "timeouts.body": delay,
  "timeouts.total": delay,
  "limits.headBytes": bytes(1, httpHeadMaxBytes),
  "limits.fields": wholeNumber(1, httpFieldsMax),
  "limits.bodyBytes": bytes(0, Number.MAX_SAFE_INTEGER),
  "limits.trailerBytes": bytes(0, httpHeadMaxBytes),
};

const userAgent: OptionCheck = {
  wants: "a string, or false for none",
  accepts: (value) => value === false || text().accepts(value),
};

const clientSchema: OptionSchema = {
  ...commonSchema,
  userAgent,
  pool: objectOf("an object of options of createPool"),
  loop: { wants: "a loop made by createLoop", accepts: isEventLoop },
};

const requestSchema: OptionSchema = {
  ...commonSchema,
  url: { wants: "a URL, or its text", accepts: (value) => typeof value === "string" || value instanceof URL },
  method: { wants: "a string", accepts: (value) => typeof value === "string" },
  body: { wants: "a string, bytes, a stream or an iterable of bytes", accepts: isBody },
  bodyLength: bytes(0, Number.MAX_SAFE_INTEGER),
  trailers: {
    wants: "an object of fields, or a function that gives one",
    accepts: (value) => (typeof value === "object" && value !== null) || typeof value === "function",
  },
  signal: abortSignal,
  expectContinue: flag,
  onInformational: callback,
};

/** Whether a value can be the body of a request; null is none. */
function isBody(value: unknown): boolean {
  if (value === null || typeof value === "string") return true;
  if (typeof value !== "object") return false;
  return value instanceof Uint8Array || value instanceof ArrayBuffer || value instanceof ReadableStream ||
    Symbol.asyncIterator in value;
}

/** Keys that users know from elsewhere, and what to write instead. */
const hints: Readonly<Record<string, string>> = {
  timeout: "write timeouts: { total }, in milliseconds",
  redirect: "write maxRedirects",
  decompress: "bodies are given as they were sent",
  json: "write body: JSON.stringify(value) and a field content-type",
  query: "write it in the url",
  duplex: "bodies are streamed both ways at once",
  tls: "https is not spoken yet",
  keepalive: "write pool: { idleTimeout }",
  agent: "write pool",
  dispatcher: "write pool",
  maxRequestBodySize: "write limits: { bodyBytes }",
};

const hint = (path: string) => Object.hasOwn(hints, path) ? hints[path] : undefined;

/** Checks the options of a client; throws an OptionError. */
export function checkClientOptions(options: HttpClientOptions): void {
  checkOptions("httpClient", options, clientSchema, { hint });
  for (const key of ["socket", "loop"]) {
    if (options.pool === undefined || !Object.hasOwn(options.pool, key)) continue;
    throw new OptionError("httpClient", `pool.${key}`, `option "pool.${key}" is the client's own`);
  }
}

/** Checks a request; throws an OptionError. */
export function checkRequest(request: ClientRequest): void {
  if (!isPlainRequest(request)) checkOptions("request", request, requestSchema, { required: ["url"], hint });
}

/** Whether all is right without a look into groups: so it is with most requests, and costs them little. */
function isPlainRequest(request: ClientRequest): boolean {
  if (typeof request !== "object" || request === null || request.url === undefined) return false;
  for (const key in request) {
    const value = request[key as keyof ClientRequest];
    if (!Object.hasOwn(requestSchema, key)) return false;
    if (value !== undefined && !requestSchema[key].accepts(value)) return false;
  }
  return true;
}

/** Limits of an answer, as its reader takes them. */
export interface AnswerLimits {
  /** Bytes of a body, 0 for any number. */
  readonly bodyBytesMax: number;
  readonly parserLimits: Http1Limits;
}

/** Limits with the defaults filled in. */
export function answerLimits(...given: (ClientLimits | undefined)[]): AnswerLimits {
  const limits = fill({
    headBytes: clientHeadBytesDefault,
    fields: clientFieldsDefault,
    bodyBytes: 0,
    trailerBytes: clientTrailerBytesDefault,
  }, given);
  return {
    bodyBytesMax: limits.bodyBytes,
    parserLimits: {
      headBytesMax: limits.headBytes,
      // An answer has no target.
      targetBytesMax: 0,
      fieldsMax: limits.fields,
      chunkExtensionBytesMax: limits.trailerBytes,
      trailerBytesMax: limits.trailerBytes,
    },
  };
}

/** Timeouts with the defaults filled in. */
export function clientTimeouts(...given: (ClientTimeouts | undefined)[]): Required<ClientTimeouts> {
  const timeouts = {
    connect: poolConnectTimeoutDefaultMilliseconds,
    head: clientHeadTimeoutDefaultMilliseconds,
    body: clientBodyTimeoutDefaultMilliseconds,
    total: 0,
  };
  return fill(timeouts, given);
}

/** Later values stand in place of earlier ones, unless they are undefined. */
function fill<T extends object>(base: T, given: (Partial<T> | undefined)[]): T {
  for (const values of given) {
    for (const key in values) if (values[key] !== undefined) base[key] = values[key] as T[typeof key];
  }
  return base;
}
