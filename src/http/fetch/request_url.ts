/**
 * The URL of a received request, in the form the URL standard gives it: scheme and host from `Host` or from
 * the fields of a trusted proxy, unless the target is a URL itself.
 *
 * @module
 */
import { textAt } from "../ascii.ts";
import type { RequestHead } from "../head.ts";
import { HeadWord } from "../records.ts";
import type { HeadSource } from "./kept_head.ts";
import { offerUrl } from "./light_url.ts";
import { RuntimeURL } from "./runtime.ts";

/** Origins by scheme and host as received. Names come from peers: a table is emptied when it is full. */
const origins = new Map<string, Map<string, string>>();
const originsMax = 64;
const hostLengthMax = 128;

/**
 * The origin of a scheme and a host, as the URL standard writes it: with `localhost` where there is no host,
 * as HTTP/1.0 allows, or one that no URL can have, such as 999.1.1.1.
 */
export function originOf(scheme: string, host: string): string {
  let known = origins.get(scheme);
  if (known === undefined) origins.set(scheme, known = new Map());
  const found = known.get(host);
  if (found !== undefined) return found;
  const given = `${scheme}://${host}`;
  const { origin } = new RuntimeURL(RuntimeURL.canParse(given) ? given : `${scheme}://localhost`);
  if (host.length <= hostLengthMax) {
    if (known.size >= originsMax) known.clear();
    known.set(host, origin);
  }
  return origin;
}

/** Says scheme and host of a request's URL. */
export type OriginOf = (head: { readonly host: string }) => string;

/** The URL of a request. */
export function urlOf(head: HeadSource, originOf: OriginOf): string {
  const origin = originOf(head);
  if (head.headRecord !== undefined) {
    const plain = plainUrlOf(head.headRecord, origin);
    if (plain !== undefined) return plain;
  }
  const { target } = head;
  // The form "*" has no path. A target with two slashes in front must not be taken for a host.
  if (target.startsWith("/")) return new RuntimeURL(origin + target).href;
  if (!target.includes("://")) return `${origin}/`;
  return new RuntimeURL(RuntimeURL.canParse(target) ? target : target.replace(authority, origin)).href;
}

/** Scheme and authority of a target in absolute form. */
const authority = /^\w+:\/\/[^/?]*/;
const lowHalf = 0xffff;
const bits16 = 16;

/** The same for a target that needs no changes, as nearly all are; undefined for another one. */
function plainUrlOf(record: RequestHead, origin: string): string | undefined {
  const { bytes, words, at, start } = record;
  const target = words[at + HeadWord.target];
  const path = words[at + HeadWord.path];
  const pathBytes = path >>> bits16;
  const pathAt = start + (path & lowHalf);
  // Otherwise the target is a URL, or "*".
  if (pathAt !== start + (target & lowHalf) || bytes[pathAt] !== slash) return undefined;
  const { path: pathText, pathHash } = record;
  const pathUrl = pathUrls.urlOf(origin, pathText, pathHash);
  if (pathUrl === undefined) return undefined;
  const queryBytes = (target >>> bits16) - pathBytes;
  if (queryBytes === 0) {
    offerUrl(pathUrl, origin, pathText, "");
    return pathUrl;
  }
  const from = pathAt + pathBytes;
  for (let index = from; index < from + queryBytes; index++) {
    if (plainInQuery[bytes[index]] === 0) return undefined;
  }
  const query = textAt(bytes, from, queryBytes);
  const url = pathUrl + query;
  offerUrl(url, origin, pathText, query);
  return url;
}

/** A flag for each byte. */
function flagsOf(texts: string): Uint8Array {
  const flags = new Uint8Array(256);
  for (const character of texts) flags[character.charCodeAt(0)] = 1;
  return flags;
}

/** What neither standard nor runtime changes in a path. */
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&()*+,;=:@/%";
const plainInPath = flagsOf(plain);
const plainInQuery = flagsOf(`${plain}?`);

const slash = 0x2f;
const dot = 0x2e;
const percent = 0x25;

/** Whether a path is its own in a URL: nothing to encode, no segment of dots to resolve. */
function isPlainPath(path: string): boolean {
  const last = path.length - 1;
  for (let index = 0; index <= last; index++) {
    const code = path.charCodeAt(index);
    if (code > 0xff || plainInPath[code] === 0) return false;
    if (code === slash && index < last && path.charCodeAt(index + 1) === dot) return false;
    // A dot may be written as "%2e".
    if (code === percent && /^%2e/i.test(path.slice(index, index + 3))) return false;
  }
  return true;
}

const tableSize = 512;
const keptPathMax = 128;

/** URLs of paths that come again and again; queries may have secrets and are never kept. */
class PathUrls {
  readonly #origins: string[] = new Array(tableSize).fill("");
  readonly #paths: string[] = new Array(tableSize).fill("");
  readonly #urls: string[] = new Array(tableSize).fill("");

  /** The URL of a path; undefined where it is not the path behind the origin. */
  urlOf(origin: string, path: string, hash: number): string | undefined {
    const index = hash & (tableSize - 1);
    if (this.#paths[index] === path && this.#origins[index] === origin) return this.#urls[index];
    if (!isPlainPath(path)) return undefined;
    const url = origin + path;
    if (path.length <= keptPathMax) {
      this.#origins[index] = origin;
      this.#paths[index] = path;
      this.#urls[index] = url;
    }
    return url;
  }
}

const pathUrls = new PathUrls();
