/**
 * What a trusted proxy says of a request: `Forwarded` (RFC 7239), or the `X-Forwarded-` fields. Only the
 * family that the proxy writes is read: the other one is the client's own, which the proxy passes on.
 *
 * @module
 */

import { parseAddressWords } from "../../base/address_words.ts";

/** The part of a request that names its client. */
interface Fields {
  header(name: string): string | undefined;
}

/** What is known through the proxy. */
export interface Forwarded {
  readonly scheme?: string;
  readonly host?: string;
  /** The address of the client, without a port. */
  readonly client?: string;
}

/** The fields that a proxy writes. */
export type ProxyFields = "x-forwarded" | "forwarded";

const SCHEME = /^https?$/i;
const HOST = /^[\w.:[\]-]+$/;

/** Reads the fields. Of several proxies the last one counts: it is the one that is trusted. */
export function readForwarded(fields: Fields, family: ProxyFields): Forwarded {
  if (family === "forwarded") return readStandard(fields.header("forwarded") ?? "");
  return checked(
    last(fields.header("x-forwarded-proto")),
    last(fields.header("x-forwarded-host")),
    last(fields.header("x-forwarded-for")),
  );
}

/** The last element of a list, in which commas and semicolons within quotes separate nothing. */
function readStandard(value: string): Forwarded {
  let parts = new Map<string, string>();
  for (const [, name, quoted, plain, end] of value.matchAll(PAIR)) {
    if (name !== undefined) parts.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? plain);
    if (end === ",") parts = new Map();
  }
  return checked(parts.get("proto"), parts.get("host"), parts.get("for"));
}

/** A parameter of `Forwarded` or nothing, and what ends it. */
const PAIR = /\s*(?:([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?\s*([,;]|$)/g;

function checked(
  scheme: string | undefined,
  host: string | undefined,
  client: string | undefined,
): Forwarded {
  const address = client === undefined ? "" : withoutPort(client);
  return {
    scheme: scheme !== undefined && SCHEME.test(scheme) ? scheme.toLowerCase() : undefined,
    host: host !== undefined && HOST.test(host) ? host : undefined,
    // A proxy may write "unknown", or a name of its own: then it is the client that is known.
    client: parseAddressWords(address) === undefined ? undefined : address,
  };
}

/** `[::1]:80`, `::1`, `1.2.3.4:5` without brackets and port. */
function withoutPort(client: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(client);
  if (bracketed !== null) return bracketed[1];
  return client.indexOf(":") === client.lastIndexOf(":") ? client.replace(/:\d+$/, "") : client;
}

function last(value: string | undefined): string | undefined {
  return value === undefined ? undefined : value.slice(value.lastIndexOf(",") + 1).trim();
}
