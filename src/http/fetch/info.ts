/**
 * The second argument of a fetch-style handler.
 *
 * @module
 */
import type { SocketAddress } from "../../base/address.ts";
import type { Connection, SocketHandlers } from "../../stream/types.ts";
import { clientLeft } from "../errors.ts";
import type { HeaderFields, HttpResponse } from "../types.ts";
import { LightResponse } from "./response.ts";
import type { ServeAddress, ServeInfo } from "./types.ts";

/** An address as Deno gives it. */
export function serveAddress({ hostname, port, family, path }: SocketAddress): ServeAddress {
  if (family === "Unix") return { transport: "unix", hostname: "", port: 0, path: path ?? "" };
  return { transport: "tcp", hostname, port };
}

const switchingProtocols = 101;

/** Whether the connection was handed on. */
export let isUpgraded: (info: RequestInfo) => boolean;
/** Says how the answer ended. */
export let completeInfo: (info: RequestInfo, outcome: "sent" | "lost") => void;

/** The info of one request; nothing is read before it is asked for. */
export class RequestInfo implements ServeInfo {
  readonly #connection: Connection<unknown>;
  readonly #response: HttpResponse;
  /** The address of the client as a trusted proxy names it. */
  readonly #client: string | undefined;
  #completion: PromiseWithResolvers<void> | undefined = undefined;
  /** The end of the answer; undefined before. */
  #outcome: "sent" | "lost" | undefined = undefined;
  #isUpgraded = false;

  static {
    isUpgraded = (info) => info.#isUpgraded;
    completeInfo = (info, outcome) => {
      info.#outcome = outcome;
      info.#settle();
    };
  }

  constructor(connection: Connection<unknown>, response: HttpResponse, client: string | undefined) {
    this.#connection = connection;
    this.#response = response;
    this.#client = client;
  }

  get remoteAddr(): ServeAddress {
    if (this.#client !== undefined) return { transport: "tcp", hostname: this.#client, port: 0 };
    return serveAddress(this.#connection.remoteAddress);
  }

  get localAddr(): ServeAddress {
    return serveAddress(this.#connection.localAddress);
  }

  get completed(): Promise<void> {
    if (this.#completion === undefined) {
      this.#completion = Promise.withResolvers();
      // A program that looks at it later has missed nothing.
      this.#completion.promise.catch(() => {});
      this.#settle();
    }
    return this.#completion.promise;
  }

  // deno-lint-ignore no-explicit-any -- as in the interface.
  upgrade(handlers: SocketHandlers<any>, headers: HeaderFields = {}): Response {
    this.#response.upgrade(handlers, headers);
    this.#isUpgraded = true;
    return new LightResponse(null, { status: switchingProtocols }) as unknown as Response;
  }

  requestIP(_request: Request): { address: string; family: "IPv4" | "IPv6"; port: number } | null {
    const { transport, hostname, port } = this.remoteAddr;
    if (transport === "unix") return null;
    return { address: hostname, family: hostname.includes(":") ? "IPv6" : "IPv4", port };
  }

  #settle(): void {
    if (this.#completion === undefined || this.#outcome === undefined) return;
    if (this.#outcome === "sent") this.#completion.resolve();
    else this.#completion.reject(clientLeft(this.#connection.id));
  }
}
