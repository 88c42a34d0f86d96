/**
 * IP addresses and paths of Unix sockets as text and as bytes. Names are not resolved here.
 *
 * Sources: RFC 4291 section 2.2 (text forms of IPv6), RFC 5952 (the one form to print), RFC 4007 section 11
 * (zone ids), unix(7) (paths).
 *
 * @module
 */

/** One end of a connection or the place a listener listens at. */
export interface SocketAddress {
  /**
   * The address as text: `"127.0.0.1"`, `"::1"`, `"fe80::1%2"` with the number of its zone; `""` for a Unix
   * socket.
   */
  hostname: string;
  /** 1 to 65535, or 0 where none is known and for a Unix socket. */
  port: number;
  /** Which kind of address it is. */
  family: "IPv4" | "IPv6" | "Unix";
  /** Of a Unix socket its path, `""` where it has none, as most clients have. Not there for the others. */
  path?: string;
}

/** An address as bytes in network order: four for IPv4, sixteen for IPv6. */
export interface AddressBytes {
  family: 4 | 6;
  bytes: Uint8Array;
  /** Number of the interface a link-local IPv6 address belongs to, 0 for none. */
  scope: number;
}

/** Bytes of an IPv4 address. */
const ipv4Bytes = 4;
/** Bytes of an IPv6 address. */
const ipv6Bytes = 16;
/** Where the IPv4 address stands in `::ffff:1.2.3.4` (RFC 4291 section 2.5.5.2). */
const mappedAt = ipv6Bytes - ipv4Bytes;
/** Groups of sixteen bits in an IPv6 address. */
const ipv6Groups = 8;
/** Digits of one group. */
const groupDigitsMax = 4;
/** How IPv4 addresses mapped into IPv6 are written. */
const mappedPrefix = "::ffff:";
/** The largest interface number that fits the record's field. */
const scopeMax = 0xffff_ffff;

/** Bytes a path may have: the systems' own field holds 108, the last of them a NUL. */
export const unixPathMaxBytes = 107;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An IPv4 address in the clothes of IPv6 (RFC 4291, section 2.5.5.2) as what it is; others as they are. */
export function unmapped(address: SocketAddress): SocketAddress {
  if (address.family !== "IPv6" || !address.hostname.startsWith(mappedPrefix)) return address;
  return { hostname: address.hostname.slice(mappedPrefix.length), port: address.port, family: "IPv4" };
}

/** Whether a listener bound to the address takes connections to every address of the machine. */
export function isWildcard({ hostname, family }: SocketAddress): boolean {
  return family !== "Unix" && (hostname === "0.0.0.0" || hostname === "::");
}

/** The path as the systems take it. */
export function unixPathBytes(path: string): Uint8Array {
  return encoder.encode(path);
}

/** The address of a Unix socket. */
export function unixAddress(path: Uint8Array): SocketAddress {
  return { hostname: "", port: 0, family: "Unix", path: decoder.decode(path) };
}

/**
 * Whether a text can be the path of a Unix socket: neither empty nor too long, and without a NUL, except for
 * one at the beginning, which on Linux makes it an abstract name (unix(7)).
 */
export function isUnixPath(path: string): boolean {
  return path !== "" && path !== "\0" && !path.includes("\0", 1) &&
    unixPathBytes(path).length <= unixPathMaxBytes;
}

/** The number of the interface that a zone names; undefined where it names none. May throw. */
type ZoneReader = (name: string) => number | undefined;

/**
 * Reads an address; `undefined` where the text is none. A zone id is a number, or a name where the caller can
 * tell the number of a name.
 */
export function parseAddress(text: string, readZone?: ZoneReader): AddressBytes | undefined {
  if (!text.includes(":")) {
    const bytes = parseIpv4(text);
    return bytes === undefined ? undefined : { family: 4, bytes, scope: 0 };
  }
  const percent = text.indexOf("%");
  const bytes = parseIpv6(percent < 0 ? text : text.slice(0, percent));
  if (bytes === undefined) return undefined;
  const scope = percent < 0 ? 0 : parseZone(text.slice(percent + 1), readZone);
  return scope === undefined ? undefined : { family: 6, bytes, scope };
}

function parseZone(zone: string, readZone: ZoneReader | undefined): number | undefined {
  if (/^[0-9]+$/.test(zone)) return Number(zone) <= scopeMax ? Number(zone) : undefined;
  return /^[^%/]+$/.test(zone) ? readZone?.(zone) : undefined;
}

/** Reads four decimal numbers joined by dots. Leading zeros are refused: some readers take them as octal. */
function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== ipv4Bytes) return undefined;
  const bytes = new Uint8Array(ipv4Bytes);
  for (let index = 0; index < ipv4Bytes; index++) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(parts[index])) return undefined;
    const value = Number(parts[index]);
    if (value > 0xff) return undefined;
    bytes[index] = value;
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const front = parseGroups(halves[0], halves.length === 1);
  const back = halves.length === 2 ? parseGroups(halves[1], true) : [];
  if (front === undefined || back === undefined) return undefined;
  const missing = ipv6Groups - front.length - back.length;
  // "::" stands for at least one group.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...front, ...new Array<number>(missing).fill(0), ...back];
  const bytes = new Uint8Array(ipv6Bytes);
  groups.forEach((group, index) => {
    bytes[index * 2] = group >> 8;
    bytes[index * 2 + 1] = group & 0xff;
  });
  return bytes;
}

/** Groups joined by colons; at the address's end the last two may be written as an IPv4 address. */
function parseGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index];
    if (atEnd && index === parts.length - 1 && part.includes(".")) {
      const tail = parseIpv4(part);
      if (tail === undefined) return undefined;
      groups.push(tail[0] << 8 | tail[1], tail[2] << 8 | tail[3]);
      continue;
    }
    if (part.length > groupDigitsMax || !/^[0-9a-fA-F]+$/.test(part)) return undefined;
    groups.push(parseInt(part, 16));
  }
  return groups;
}

/** Writes an address in the one form RFC 5952 asks for. */
export function formatAddress(address: AddressBytes): string {
  const { family, bytes, scope } = address;
  if (family === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  const groups: number[] = [];
  for (let index = 0; index < ipv6Bytes; index += 2) groups.push(bytes[index] << 8 | bytes[index + 1]);
  const zone = scope === 0 ? "" : `%${scope}`;
  if (isMappedIpv4(groups)) {
    return `${mappedPrefix}${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}${zone}`;
  }
  const [start, length] = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(":") + zone;
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}${zone}`;
}

function isMappedIpv4(groups: readonly number[]): boolean {
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
}

/** Start and length of the longest run of zero groups, the first one of several. */
function longestZeroRun(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let index = 0; index < groups.length; index++) {
    let length = 0;
    while (index + length < groups.length && groups[index + length] === 0) length += 1;
    if (length > best[1]) best = [index, length];
    index += length;
  }
  return best;
}

/** `"127.0.0.1:80"` or `"[::1]:80"`: the form used in messages. */
export function formatHostAndPort(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** An IPv4 address as one of IPv6, which a dual socket takes. */
function mapped({ bytes }: AddressBytes): AddressBytes {
  const all = new Uint8Array(ipv6Bytes);
  all.fill(0xff, mappedAt - 2, mappedAt);
  all.set(bytes, mappedAt);
  return { family: 6, bytes: all, scope: 0 };
}

/** The address as a socket of `family` takes it; undefined where it does not. */
export function asFamily(address: AddressBytes, family: 4 | 6): AddressBytes | undefined {
  if (address.family === family) return address;
  if (family === 6) return mapped(address);
  const { bytes } = address;
  const isMapped = bytes.subarray(0, mappedAt - 2).every((byte) => byte === 0) &&
    bytes[mappedAt - 1] === 0xff && bytes[mappedAt - 2] === 0xff;
  return isMapped ? { family: 4, bytes: bytes.slice(mappedAt), scope: 0 } : undefined;
}
