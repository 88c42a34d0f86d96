/**
 * The usual door as an application sees it: the handler, its info, options, the server.
 *
 * @module
 */
import type { SocketAddress } from "../../base/address.ts";
import type { ListenOptions } from "../../listen/types.ts";
import type { SocketHandlers } from "../../stream/types.ts";
import type { HeaderFields, HttpOptions } from "../types.ts";

/** An address as `Deno.serve` gives it. */
export interface ServeAddress {
  /** `"tcp"`, or `"unix"` for a Unix socket. */
  readonly transport: "tcp" | "unix";
  /** The IP address; empty for a Unix socket. */
  readonly hostname: string;
  /** The port; 0 for a Unix socket. */
  readonly port: number;
  /** The path of a Unix socket. */
  readonly path?: string;
}

/** The second argument of the handler: addresses, and the end of the answer. */
export interface ServeInfo {
  /** The client: the peer's end, or what a trusted proxy has named. */
  readonly remoteAddr: ServeAddress;
  /** This end. */
  readonly localAddr: ServeAddress;
  /**
   * Resolves when the answer is given to the kernel, with its body to the end; rejects when the client left
   * before. Made on first use.
   */
  readonly completed: Promise<void>;
  /**
   * Hands the connection on to another protocol, for a request that asks for it. Return what this returns.
   *
   * @throws {StateError} for a request that asks for no other protocol.
   */
  // deno-lint-ignore no-explicit-any -- the new handlers may have data of another type.
  upgrade(handlers: SocketHandlers<any>, headers?: HeaderFields): Response;
  /** The client's address as Bun's `server.requestIP` gives it. */
  requestIP(request: Request): { address: string; family: "IPv4" | "IPv6"; port: number } | null;
}

/** Answers a request. May be async. */
export type FetchHandler = (request: Request, info: ServeInfo) => Response | Promise<Response>;

/** Options of fetch-style handlers, wherever they are served. */
export interface FetchOptions {
  /** Answers when the handler has thrown. Left out: 500, and the exception goes to the log. */
  onError?: (error: unknown) => Response | Promise<Response>;
  /** The same as `onError`, as Bun calls it. Give one of the two. */
  error?: (error: unknown) => Response | Promise<Response>;
  /** Bytes of a request's body at most: the same as `http.maxRequestBodySize`. 16,777,216 by default. */
  maxRequestBodySize?: number;
  /** Limits of HTTP. */
  http?: HttpOptions;
  /**
   * Addresses and networks of proxies that name their clients: their fields decide on `request.url` and
   * `info.remoteAddr`. None by default.
   */
  trustedProxies?: string[];
  /**
   * The fields that these proxies write: `"x-forwarded"`, the default, for `X-Forwarded-For`, `-Proto` and
   * `-Host`, or `"forwarded"` for `Forwarded` (RFC 7239). The others are not read, since most proxies pass
   * them on as the client has sent them.
   */
  proxyFields?: "x-forwarded" | "forwarded";
}

/** Options of {@linkcode serve}: those of `listen` as well. */
export interface ServeOptions extends FetchOptions, Omit<ListenOptions, "socket" | "data" | "signal"> {
  /**
   * Shuts the server down as `shutdown()` does, as soon as it aborts. One that has aborted makes `serve`
   * throw.
   */
  signal?: AbortSignal;
  /** The handler, where it is not given apart. */
  fetch?: FetchHandler;
  /** Called once the address is bound. Left out: nothing is printed. */
  onListen?: (address: ServeAddress) => void;
}

/** A server made by {@linkcode serve}. */
export interface FetchServer extends AsyncDisposable {
  /** The port bound; 0 for a Unix socket. */
  readonly port: number;
  /** The address bound; empty for a Unix socket. */
  readonly hostname: string;
  /** The URL of the server: with `localhost` where it listens at all addresses. */
  readonly url: URL;
  /** The address bound, as Deno gives it. */
  readonly addr: ServeAddress;
  /** The address bound. */
  readonly address: SocketAddress;
  /** Connections open now. */
  readonly connectionCount: number;
  /** Resolves when the address is free and the last connection is gone. */
  readonly finished: Promise<void>;
  /** The same as `finished`. */
  readonly closed: Promise<void>;
  /** Accepts no more, lets requests in work finish, and closes each connection when it owes nothing. */
  shutdown(): Promise<void>;
  /** The same as `shutdown`; `true` aborts the connections. */
  stop(closeActiveConnections?: boolean): Promise<void>;
  /** Keeps the process alive: the default. */
  ref(): void;
  /** Does not keep the process alive. */
  unref(): void;
}
