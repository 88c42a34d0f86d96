/**
 * The origin of a connection, as far as its socket does not know it.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import type { ProxyHeader } from "./proxy_header.ts";

/** Takes the bytes of a connection before its application sees it. */
export interface HeaderReader {
  /** Bytes have come, with one hold. */
  take(segment: number, offset: number, length: number): void;
  /** The peer has ended its side, or reading has failed. */
  ended(status: number): void;
  /** The connection is gone. */
  end(): void;
}

export class Origin {
  /** What admission is given back when the connection is gone, -1 for nothing. */
  ticket = -1;
  /** Reading of its PROXY header, while that lasts. */
  headerReader: HeaderReader | undefined = undefined;
  header: ProxyHeader | undefined = undefined;
  /** The peer's address where no number holds it. */
  peer: SocketAddress | undefined = undefined;
  /** The client a proxy has named. */
  client: SocketAddress | undefined = undefined;
}
