/**
 * Words, flags and ids of the parser's records, under the names this folder uses.
 *
 * @module
 */
import {
  HTTP1_HEAD_BYTES,
  HTTP1_HEAD_HOST_OFFSET,
  HTTP1_HEAD_KNOWN,
  HTTP1_HEAD_KNOWN_HIGH,
  HTTP1_HEAD_LENGTH_HIGH,
  HTTP1_HEAD_LENGTH_LOW,
  HTTP1_HEAD_NEXT,
  HTTP1_HEAD_PATH_HASH,
  HTTP1_HEAD_PATH_OFFSET,
  HTTP1_HEAD_POSITION,
  HTTP1_HEAD_TARGET_OFFSET,
  HTTP1_METHOD_NAMES,
} from "../../ffi/layout.gen.ts";
import { fieldIds } from "./parser.ts";

export {
  HTTP1_HEAD_WORDS as headWords,
  HTTP1_REFUSALS as refusals,
  Http1Field as Field,
  Http1HeadFlags as HeadFlag,
  Http1Method as Method,
  Http1Outcome as Outcome,
  Http1Refusal as Refusal,
} from "../../ffi/layout.gen.ts";

/** Words of the record of a head. */
export const HeadWord = {
  position: HTTP1_HEAD_POSITION,
  bytes: HTTP1_HEAD_BYTES,
  target: HTTP1_HEAD_TARGET_OFFSET,
  path: HTTP1_HEAD_PATH_OFFSET,
  host: HTTP1_HEAD_HOST_OFFSET,
  lengthLow: HTTP1_HEAD_LENGTH_LOW,
  lengthHigh: HTTP1_HEAD_LENGTH_HIGH,
  known: HTTP1_HEAD_KNOWN,
  knownHigh: HTTP1_HEAD_KNOWN_HIGH,
  pathHash: HTTP1_HEAD_PATH_HASH,
  words: HTTP1_HEAD_NEXT,
} as const;

/** Names of methods by their id, as they are sent. */
export const methodNames: readonly string[] = HTTP1_METHOD_NAMES.map((name) => name.toUpperCase());

/** Names of known fields by their id, in lower case. */
export const fieldNames: readonly string[] = namesById();

function namesById(): string[] {
  const names: string[] = [];
  for (const [name, id] of fieldIds) names[id] = name;
  return names;
}
