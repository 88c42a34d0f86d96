/**
 * Where a connection comes from, as far as its socket does not tell.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import type { Greeting } from "./greeting.ts";
import type { ProxyHeader } from "./proxy_header.ts";

export class Origin {
  /** What admission is given back when the connection is gone, -1 for nothing. */
  ticket = -1;
  /** Reading of its PROXY header, while that lasts. */
  greeting: Greeting | undefined = undefined;
  header: ProxyHeader | undefined = undefined;
  /** The peer's address where no number holds it. */
  peer: SocketAddress | undefined = undefined;
  /** The client a proxy has named. */
  client: SocketAddress | undefined = undefined;
}
