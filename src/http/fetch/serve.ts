/**
 * `serve`: a server of a fetch-style handler.
 *
 * @module
 */
import { OptionError } from "../../base/errors.ts";
import type { SocketAddress } from "../../base/address.ts";
import { isWildcard } from "../../base/address.ts";
import { listen, type Listener } from "../../listen/listener.ts";
import { protocolOf } from "../../stream/protocol.ts";
import type { SocketHandlers } from "../../stream/types.ts";
import { optionsElsewhere } from "./elsewhere.ts";
import { fetchHandlers } from "./handlers.ts";
import { serveAddress } from "./info.ts";
import type { FetchHandler, FetchServer, ServeAddress, ServeOptions } from "./types.ts";

/**
 * Serves HTTP/1.1 with a fetch-style handler, as `Bun.serve` and `Deno.serve` do. The address is bound when
 * this returns. The port is 8000 by default; 0 takes any free one.
 *
 * Requests and responses are light objects that are `instanceof` the runtime's own; a handler may return the
 * runtime's own as well.
 *
 * @throws {AddressInUseError} and the like when the system refuses.
 * @throws {OptionError} for an unknown option, or a wrong type or value.
 *
 * @example
 * ```ts
 * import { serve } from "@ringport/ringport/fetch";
 *
 * await using server = serve({ hostname: "127.0.0.1", port: 0 }, (request) => {
 *   return new Response(`you asked for ${new URL(request.url).pathname}`);
 * });
 * const answer = await fetch(new URL("/news", server.url));
 * console.log(await answer.text()); // you asked for /news
 * ```
 */
export function serve(handler: FetchHandler): FetchServer;
/** The same with options: where to listen, limits, timeouts. */
export function serve(options: ServeOptions, handler: FetchHandler): FetchServer;
/** The same with the handler among the options, as `Bun.serve` takes it. */
export function serve(options: ServeOptions & { fetch: FetchHandler }): FetchServer;
export function serve(first: FetchHandler | ServeOptions, second?: FetchHandler): FetchServer {
  const given: ServeOptions = typeof first === "function" ? {} : first;
  if (typeof given !== "object" || given === null) {
    throw new OptionError("serve", "options", "serve wants a handler, or options and a handler");
  }
  const { fetch, onListen, onError, error, maxRequestBodySize, http, trustedProxies, proxyFields, ...rest } =
    given;
  checkKnown(rest);
  const called = typeof first === "function" ? first : second ?? fetch;
  if (typeof called !== "function") {
    throw new OptionError("serve", "fetch", "serve wants a handler: a function, or the option fetch");
  }
  const handler: FetchHandler = called === fetch ? fetch.bind(given) : called;
  if (onListen !== undefined && typeof onListen !== "function") {
    throw new OptionError("serve", "onListen", 'option "onListen" must be a function');
  }
  const options = { onError, error, maxRequestBodySize, http, trustedProxies, proxyFields };
  const socket = fetchHandlers("serve", handler, options);
  const isElsewhere = rest.unix !== undefined || rest.fd !== undefined || rest.inherited !== undefined;
  const port = rest.port ?? (isElsewhere ? undefined : defaultPort);
  const listener = listen<unknown>({ ...rest, ...(port === undefined ? {} : { port }), socket });
  const server = new Serving(listener, socket);
  shutDownBy(rest.signal, server);
  onListen?.(server.addr);
  return server;
}

/** Throws an OptionError that says what to write for an option of another server. */
function checkKnown(options: object): void {
  const key = Object.keys(options).find((name) => Object.hasOwn(optionsElsewhere, name));
  if (key === undefined) return;
  throw new OptionError("serve", key, `unknown option "${key}": ${optionsElsewhere[key]}`);
}

/** The listener stops by itself; this ends the connections as well. */
function shutDownBy(signal: AbortSignal | undefined, server: Serving): void {
  if (signal === undefined) return;
  const shutDown = () => void server.shutdown();
  signal.addEventListener("abort", shutDown, { once: true });
  void server.closed.then(() => signal.removeEventListener("abort", shutDown));
}

/** Deno's. */
const defaultPort = 8000;

/** A server as its owner sees it. */
class Serving implements FetchServer {
  readonly #listener: Listener<unknown>;
  readonly #handlers: SocketHandlers<unknown>;
  /** Kept: it can be read when the listener is gone. */
  readonly #address: SocketAddress;

  constructor(listener: Listener<unknown>, handlers: SocketHandlers<unknown>) {
    this.#listener = listener;
    this.#handlers = handlers;
    this.#address = listener.address;
  }

  get port(): number {
    return this.#address.port;
  }

  get hostname(): string {
    return this.#address.hostname;
  }

  get url(): URL {
    const { hostname, port, family } = this.#address;
    if (family === "Unix") return new URL("http://localhost/");
    const host = isWildcard(this.#address) ? "localhost" : family === "IPv6" ? `[${hostname}]` : hostname;
    return new URL(`http://${host}:${port}/`);
  }

  get addr(): ServeAddress {
    return serveAddress(this.#address);
  }

  get address(): SocketAddress {
    return this.#address;
  }

  get connectionCount(): number {
    return this.#listener.connectionCount;
  }

  get finished(): Promise<void> {
    return this.#listener.closed;
  }

  get closed(): Promise<void> {
    return this.#listener.closed;
  }

  shutdown(): Promise<void> {
    void this.#listener.stop();
    const protocol = protocolOf(this.#handlers)!;
    for (const connection of this.#listener.connections()) {
      if (protocol.isIdle(connection)) void connection.close();
      else protocol.finish(connection);
    }
    return this.closed;
  }

  async stop(closeActiveConnections = false): Promise<void> {
    if (!closeActiveConnections) return await this.shutdown();
    await this.#listener.stop(true);
    await this.closed;
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}
