/**
 * Options of `http`, as rows.
 *
 * @module
 */
import {
  bufferLimitMaxBytes,
  httpBodyDefaultMaxBytes,
  httpChunkExtensionDefaultMaxBytes,
  httpFieldsDefaultMax,
  httpFieldsMax,
  httpHeadDefaultMaxBytes,
  httpHeadMaxBytes,
  httpTargetDefaultMaxBytes,
  httpTrailerDefaultMaxBytes,
  httpUnreadBodyDefaultMaxBytes,
  pipelineDefaultMax,
} from "../base/limits.ts";
import { bytes, flag, type OptionRow, row, wholeNumber } from "../base/option_kinds.ts";
import { checkOptions } from "../base/options.ts";
import type { HttpOptions } from "./types.ts";

const bodyMax = Number.MAX_SAFE_INTEGER;

/** The rows of {@linkcode HttpOptions}. */
export const httpRows = {
  maxHeadSize: row(
    bytes(64, httpHeadMaxBytes),
    httpHeadDefaultMaxBytes,
    "bytes of a request line and its fields; above, 431",
    "twice what browsers send with many cookies",
  ),
  maxTargetSize: row(
    bytes(1, httpHeadMaxBytes),
    httpTargetDefaultMaxBytes,
    "bytes of a request target; above, 414",
    "what RFC 9112 asks servers to take",
  ),
  maxHeaders: row(
    wholeNumber(1, httpFieldsMax),
    httpFieldsDefaultMax,
    "fields of a request; above, 431",
    "browsers behind several proxies send fewer than half",
  ),
  maxRequestBodySize: row(
    bytes(0, bodyMax),
    httpBodyDefaultMaxBytes,
    "bytes of a request's body; above, 413",
    "photos and documents fit; larger uploads are the exception and are read as a stream",
  ),
  maxChunkExtensionSize: row(
    bytes(0, bufferLimitMaxBytes),
    httpChunkExtensionDefaultMaxBytes,
    "bytes of all chunk extensions of a body; above, 400",
    "almost nobody sends any",
  ),
  maxTrailerSize: row(
    bytes(0, httpHeadMaxBytes),
    httpTrailerDefaultMaxBytes,
    "bytes of a body's trailers; above, 431",
    "checksums and signatures fit",
  ),
  maxUnreadBodySize: row(
    bytes(0, bufferLimitMaxBytes),
    httpUnreadBodyDefaultMaxBytes,
    "bytes of an unread body that are discarded to keep the connection",
    "reading a little costs less than a new connection",
  ),
  maxPipeline: row(
    wholeNumber(1, bufferLimitMaxBytes),
    pipelineDefaultMax,
    "requests of one connection in work at once; then reading pauses",
    "one client cannot fill more than a turn",
  ),
  maxRequests: row(
    wholeNumber(0, bufferLimitMaxBytes),
    0,
    "requests of one connection before it is closed; 0 sets no limit",
    "time limits bound connections already",
  ),
  requireSameHost: row(
    flag,
    false,
    "a target in absolute form must name the host of the field Host; otherwise 400",
    "the standard says that the target replaces the field",
  ),
  date: row(flag, true, "answers have a Date field", "caches compute ages from it"),
} satisfies Record<keyof HttpOptions, OptionRow>;

/** Options with their defaults. */
export type ResolvedHttpOptions = Readonly<Required<HttpOptions>>;

/** Checks options and fills in the defaults. Throws an OptionError. */
export function resolveHttpOptions(operation: string, options: HttpOptions): ResolvedHttpOptions {
  checkOptions(operation, options, httpRows);
  const resolved: Record<string, unknown> = {};
  for (const [name, { fallback }] of Object.entries(httpRows)) {
    resolved[name] = options[name as keyof HttpOptions] ?? fallback;
  }
  return resolved as unknown as ResolvedHttpOptions;
}
