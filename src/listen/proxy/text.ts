/**
 * PROXY protocol, version 1: one line of text.
 *
 * Source: The PROXY protocol, versions 1 & 2 (haproxy.org, proxy-protocol.txt), section 2.1.
 *
 * @module
 */
import { formatAddress, parseAddress, type SocketAddress, unmapped } from "../../base/address.ts";
import { ProxyHeader } from "../../stream/proxy_header.ts";

const portMax = 0xffff;
const fieldCount = 6;

/** Reads a line without its CRLF. A text says what is wrong with it. */
export function readProxyLine(line: string): ProxyHeader | string {
  const fields = line.split(" ");
  const protocol = fields[1];
  // The rest must be ignored: the proxy does not know the addresses.
  if (protocol === "UNKNOWN") return new ProxyHeader(1, "proxy");
  if (protocol !== "TCP4" && protocol !== "TCP6") return "names no protocol of TCP4, TCP6 and UNKNOWN";
  if (fields.length !== fieldCount) return "has not two addresses and two ports, one space apart";
  const family = protocol === "TCP4" ? 4 : 6;
  const source = readEndpoint(family, fields[2], fields[4]);
  if (typeof source === "string") return `has a source ${source}`;
  const destination = readEndpoint(family, fields[3], fields[5]);
  if (typeof destination === "string") return `has a destination ${destination}`;
  return new ProxyHeader(1, "proxy", "stream", [source, destination]);
}

function readEndpoint(family: 4 | 6, text: string, portText: string): SocketAddress | string {
  const address = text.includes("%") ? undefined : parseAddress(text);
  if (address === undefined || address.family !== family) return `that is not an IPv${family} address`;
  const port = Number(portText);
  // Leading zeros are not allowed: some would read them as octal.
  if (!/^(0|[1-9][0-9]{0,4})$/.test(portText) || port > portMax) return "port that is invalid";
  return unmapped({ hostname: formatAddress(address), port, family: family === 4 ? "IPv4" : "IPv6" });
}
