/**
 * PROXY protocol, version 2: sixteen bytes, addresses, extensions.
 *
 * Source: The PROXY protocol, versions 1 & 2 (haproxy.org, proxy-protocol.txt), section 2.2.
 *
 * @module
 */
import { formatAddress, type SocketAddress, unixAddress, unmapped } from "../../base/address.ts";
import { extensionHeadBytes, ProxyHeader } from "../../stream/proxy_header.ts";

/** Bytes before the addresses. */
export const binaryHeadBytes = 16;
/** The byte of version and command, that of family and transport, the two of the length. */
const commandByte = 12;
const familyByte = 13;
const lengthByte = 14;

const version2 = 2;
const commandProxy = 1;
const familyUnix = 3;
const transportMax = 2;
const transports = ["unknown", "stream", "datagram"] as const;

/** Bytes of one address, by family: none, IPv4, IPv6, a path. */
const addressBytes = [0, 4, 16, 108] as const;
const portBytes = 2;

/** Bytes behind the first sixteen, or a text where those are wrong. All sixteen must be there. */
export function readBinaryLength(bytes: Uint8Array): number | string {
  const version = bytes[commandByte] >> 4;
  if (version !== version2) return `is of version ${version}, not 2`;
  const command = bytes[commandByte] & 0xf;
  if (command > commandProxy) return `has the unknown command ${command}`;
  const length = bytes[lengthByte] << 8 | bytes[lengthByte + 1];
  // Everything after a local command must be ignored, the family included.
  if (command !== commandProxy) return length;
  const family = bytes[familyByte] >> 4;
  const transport = bytes[familyByte] & 0xf;
  if (family > familyUnix) return `has the unknown address family ${family}`;
  if (transport > transportMax) return `has the unknown transport ${transport}`;
  const needed = endpointsBytes(family);
  return length < needed ? `has ${length} bytes where its addresses take ${needed}` : length;
}

/** Reads a complete header whose first sixteen bytes are right. A text says what is wrong with the others. */
export function readBinary(bytes: Uint8Array): ProxyHeader | string {
  if ((bytes[commandByte] & 0xf) !== commandProxy) return new ProxyHeader(2, "local");
  const family = bytes[familyByte] >> 4;
  const transport = transports[bytes[familyByte] & 0xf];
  const extensions = bytes.slice(binaryHeadBytes + endpointsBytes(family));
  if (!areExtensions(extensions)) return "has extensions that reach over its end";
  if (family === 0) return new ProxyHeader(2, "proxy", transport, undefined, extensions);
  const size = addressBytes[family];
  const first = bytes.subarray(binaryHeadBytes, binaryHeadBytes + size);
  const second = bytes.subarray(binaryHeadBytes + size, binaryHeadBytes + 2 * size);
  const ports = binaryHeadBytes + 2 * size;
  const ends: [SocketAddress, SocketAddress] = family === familyUnix
    ? [unixAddress(pathOf(first)), unixAddress(pathOf(second))]
    : [endpoint(family, first, bytes, ports), endpoint(family, second, bytes, ports + portBytes)];
  return new ProxyHeader(2, "proxy", transport, ends, extensions);
}

function endpointsBytes(family: number): number {
  const ports = family === 0 || family === familyUnix ? 0 : 2 * portBytes;
  return 2 * addressBytes[family] + ports;
}

function endpoint(kind: number, address: Uint8Array, bytes: Uint8Array, at: number): SocketAddress {
  const family = kind === 1 ? 4 : 6;
  return unmapped({
    hostname: formatAddress({ family, bytes: address, scope: 0 }),
    port: bytes[at] << 8 | bytes[at + 1],
    family: family === 4 ? "IPv4" : "IPv6",
  });
}

/** A path ends at its first zero byte, or fills its field. */
function pathOf(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function areExtensions(bytes: Uint8Array): boolean {
  let at = 0;
  while (at + extensionHeadBytes <= bytes.length) {
    at += extensionHeadBytes + (bytes[at + 1] << 8 | bytes[at + 2]);
  }
  return at === bytes.length;
}
