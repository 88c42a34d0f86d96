/**
 * The contents of a PROXY header.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";

/** One extension of a header of version 2. */
export interface ProxyExtension {
  /** Its type, such as 0x02 for the name the client asked for (section 2.2 of the specification). */
  type: number;
  /** Its value, as it came. */
  value: Uint8Array<ArrayBuffer>;
}

/** Bytes of type and length before an extension's value. */
export const extensionHeadBytes = 3;

/** A PROXY header. */
export class ProxyHeader {
  /** Version of the PROXY protocol. */
  readonly version: 1 | 2;
  /**
   * `"proxy"`: the connection is relayed for `source`. `"local"`: the proxy speaks for itself, as in its
   * health checks.
   */
  readonly command: "local" | "proxy";
  /** What the client uses towards the proxy. */
  readonly transport: "stream" | "datagram" | "unknown";
  /** The client; undefined where the proxy speaks for itself or does not know. */
  readonly source: SocketAddress | undefined;
  /** Where the client connected to. */
  readonly destination: SocketAddress | undefined;
  readonly #extensions: Uint8Array;

  /** The library makes headers. */
  constructor(
    version: 1 | 2,
    command: "local" | "proxy",
    transport: "stream" | "datagram" | "unknown" = "unknown",
    ends?: [source: SocketAddress, destination: SocketAddress],
    extensions: Uint8Array = new Uint8Array(0),
  ) {
    this.version = version;
    this.command = command;
    this.transport = transport;
    this.source = ends?.[0];
    this.destination = ends?.[1];
    this.#extensions = extensions;
  }

  /** The extensions, copied out at each call, in their order. Checksums among them are not verified. */
  extensions(): ProxyExtension[] {
    const bytes = this.#extensions;
    const extensions: ProxyExtension[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = bytes[at + 1] << 8 | bytes[at + 2];
      const start = at + extensionHeadBytes;
      extensions.push({
        type: bytes[at],
        value: bytes.slice(start, start + length) as Uint8Array<ArrayBuffer>,
      });
      at = start + length;
    }
    return extensions;
  }
}
