/**
 * Options of `connect`.
 *
 * @module
 */
import type { TimeoutOptions } from "../stream/time_limits/types.ts";
import type { ConnectionOptions } from "../stream/types.ts";
import type { ConnectRetryOptions } from "./retry.ts";

/** Options of {@linkcode connect}. */
export interface ConnectOptions<D = undefined> extends ConnectionOptions<D> {
  /** An IP address or a name; the addresses of a name are tried as RFC 8305 (Happy Eyeballs) says. */
  hostname?: string;
  /** 1 to 65535. */
  port?: number;
  /** The path of a Unix socket, instead of `hostname` and `port`. */
  unix?: string;
  /** An IP address of this machine to connect from. Only addresses of its family are tried. */
  localAddress?: string;
  /**
   * The port to connect from. The addresses of a name are then tried one after the other, each for its share
   * of the time.
   */
  localPort?: number;
  /** Try again after a failure that may pass. One attempt by default. */
  retry?: ConnectRetryOptions;
  /** Time limits: 30,000 for `connect`, otherwise none by default. */
  timeouts?: TimeoutOptions;
  /** Abort gives up: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}
