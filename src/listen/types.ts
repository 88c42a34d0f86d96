/**
 * Options of `listen`.
 *
 * @module
 */
import type { RateOptions } from "../stream/time_limits/types.ts";
import type { ConnectionOptions } from "../stream/types.ts";
import type { Admission, Refusal } from "./admission.ts";

/** Limits of the connections of a listener. */
export interface ListenLimitOptions extends RateOptions {
  /** Connections at once. 0, the default, sets no limit but the loop's own, or the server's. */
  connections?: number;
  /**
   * At the limit of `connections`, or one of the loop's own, `"pause"`, the default, accepts no more, and the
   * kernel's queue holds the rest until there is room; `"refuse"` accepts and cuts them.
   */
  atLimit?: "pause" | "refuse";
}

/** Options of {@linkcode listen}. */
export interface ListenOptions<D = undefined> extends ConnectionOptions<D> {
  /** An IP address of this machine, or `"localhost"`. `"0.0.0.0"` by default; `"::"` serves IPv4 as well. */
  hostname?: string;
  /** 0, the default, takes any free port: see `listener.port`. */
  port?: number;
  /**
   * Connections the kernel holds ready before they are accepted. 4,096 by default, lowered to the system's
   * limit.
   */
  backlog?: number;
  /** With an IPv6 address: no IPv4. False by default. */
  ipv6Only?: boolean;
  /**
   * The path of a Unix socket, instead of `hostname` and `port`: at most 107 bytes. On Linux one that begins
   * with NUL is a name of the kernel's own and no file (unix(7)). A {@linkcode RingportError} with code
   * `EAFNOSUPPORT` where the system has no Unix sockets.
   */
  unix?: string;
  /**
   * Permission bits of the path, such as `0o660`: connecting requires write permission. The process's umask
   * decides by default; in a server it is `0o600`, so that only the owner connects unless its operator says
   * otherwise. Not on Windows.
   */
  mode?: number;
  /**
   * Replace the file a Unix socket left at the path, when nobody listens at it any more. True by default; a
   * live server or another kind of file is never replaced.
   */
  replaceStale?: boolean;
  /**
   * Remove the path of a Unix socket when the listener stops. True by default, but not for `fd` and
   * `inherited`.
   */
  removePath?: boolean;
  /**
   * A listening socket this process was started with (systemd, `LISTEN_FDS`), by its name (`LISTEN_FDNAMES`)
   * or its position from 0 on. A duplicate of it is used. Not on Windows.
   */
  inherited?: string | number;
  /**
   * The descriptor of a listening stream socket, which belongs to the listener from then on. Not on Windows.
   */
  fd?: number;
  /**
   * With `fd`: a duplicate is used, and the descriptor stays the caller's. So several loops may accept from
   * one socket, or one may take the place of another while connections wait in the kernel's queue. False by
   * default.
   */
  duplicate?: boolean;
  /** Share the port with other listeners of this user that do the same; not on Windows. False by default. */
  reusePort?: boolean;
  /** Abort stops the listener; its connections stay. */
  signal?: AbortSignal;
  /** Connections at once, and rates below which a transfer is given up. None by default. */
  limits?: ListenLimitOptions;
  /** Judges each connection by the address it comes from, before anything is made of it. */
  admission?: Admission;
  /** Called for each connection that was rejected before the application saw it. */
  refused?: (refusal: Refusal) => void;
  /**
   * The clients come through proxies that speak the PROXY protocol. Off by default: the peer is the client.
   */
  proxyProtocol?: ProxyProtocol;
}

/**
 * Proxies whose PROXY headers are trusted (HAProxy's specification, versions 1 and 2).
 *
 * Every connection of a trusted source must begin with a header; until it is read neither `open` nor `data`
 * is called. Connections from other sources are rejected: the specification (section 2) forbids guessing
 * whether a header is present, because any client could then claim any address. Clients that connect directly
 * need another listener.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 *
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   proxyProtocol: { trusted: ["10.0.0.0/8", "::1"], timeout: 2_000 },
 *   socket: {
 *     open(connection) {
 *       console.log(connection.remoteAddress.hostname, "by way of", connection.peerAddress.hostname);
 *     },
 *   },
 * });
 * console.log(listener.refusals.untrusted);
 * ```
 */
export interface ProxyProtocol {
  /** Addresses and networks of the proxies: `["10.0.0.0/8", "::1"]`. */
  trusted: string[];
  /** Milliseconds until the header must be there. 5,000 by default. */
  timeout?: number;
}
