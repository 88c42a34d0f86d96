/**
 * Handlers that write down what happens to each connection, and a server whose end is the end of the scope.
 *
 * @module
 */
import {
  type CloseReason,
  connect,
  type Connection,
  type ConnectOptions,
  listen,
  type Listener,
  type ListenOptions,
  type SocketHandlers,
} from "../../src/mod.ts";
import { StreamHash } from "./hash.ts";
import { connectPeer, type Peer } from "./peer.ts";
import { until, within } from "./wait.ts";

/** What happened to one connection. */
export class Log {
  readonly connection: Connection<Log>;
  /** Names of the handlers called, in order; a run of `data` counts once. */
  readonly events: string[] = [];
  readonly errors: Error[] = [];
  readonly hash: StreamHash = new StreamHash();
  /** The received bytes as text, as long as there are few of them. */
  text = "";
  ended = false;
  drains = 0;
  reason: CloseReason | undefined;

  constructor(connection: Connection<Log>) {
    this.connection = connection;
  }

  /** Bytes received so far. */
  get length(): number {
    return this.hash.length;
  }

  async gotText(expected: string): Promise<void> {
    await until(() => this.text.length >= expected.length, `"${expected}" came, not "${this.text}"`);
    if (this.text !== expected) throw new Error(`expected "${expected}", got "${this.text}"`);
  }

  gotBytes(length: number): Promise<void> {
    return until(() => this.length >= length, `${length} bytes came`);
  }

  gotEnd(): Promise<void> {
    return until(() => this.ended, "the peer ended its side");
  }

  gotError(): Promise<void> {
    return until(() => this.errors.length > 0, "an error was reported");
  }

  async closed(): Promise<CloseReason> {
    await until(() => this.reason !== undefined, `the connection closed (${this.events.join(" ")})`);
    return this.reason as CloseReason;
  }
}

/** Bytes of text a log keeps. */
const TEXT_KEPT = 64 * 1024;

const decoder = new TextDecoder();

/**
 * Handlers that log; those in `own` run after the log has been written. Each new log also goes into `logs`.
 * The end of the peer's side is answered by the end of this one unless `own` says otherwise.
 */
export function logging(logs: Log[], own: SocketHandlers<Log> = {}): SocketHandlers<Log> {
  const note = (connection: Connection<Log>, event: string) => {
    const { events } = connection.data;
    if (event !== "data" || events.at(-1) !== "data") events.push(event);
    return connection.data;
  };
  return {
    open(connection) {
      connection.data = new Log(connection);
      logs.push(connection.data);
      note(connection, "open");
      return own.open?.(connection);
    },
    data(connection, bytes) {
      const log = note(connection, "data");
      log.hash.update(bytes.bytes);
      if (log.text.length < TEXT_KEPT) log.text += decoder.decode(bytes.bytes);
      return own.data?.(connection, bytes);
    },
    drain(connection) {
      note(connection, "drain").drains += 1;
      return own.drain?.(connection);
    },
    close(connection, reason) {
      note(connection, "close").reason = reason;
      return own.close?.(connection, reason);
    },
    timeout(connection, kind) {
      note(connection, "timeout");
      return own.timeout?.(connection, kind);
    },
    error(connection, error) {
      note(connection, "error").errors.push(error);
      return own.error?.(connection, error);
    },
    end(connection) {
      note(connection, "end").ended = true;
      if (own.end !== undefined) return own.end(connection);
      connection.end();
    },
  };
}

/** A listener on a free port whose connections are logged. Its end closes all of them. */
export class TestServer implements AsyncDisposable {
  readonly logs: Log[] = [];
  readonly listener: Listener<Log>;

  constructor(own: SocketHandlers<Log> = {}, options: Partial<ListenOptions<Log>> = {}) {
    const isElsewhere = options.unix !== undefined || options.fd !== undefined ||
      options.inherited !== undefined;
    this.listener = listen<Log>({
      ...(isElsewhere ? {} : { hostname: "127.0.0.1", port: 0 }),
      ...options,
      socket: logging(this.logs, own),
    });
  }

  get port(): number {
    return this.listener.port;
  }

  /** The log of the connection accepted as number `index`. */
  async opened(index = 0): Promise<Log> {
    await until(() => this.logs.length > index, `connection ${index} was accepted`);
    return this.logs[index];
  }

  /** Connects a raw peer, and gives it with the log of the server's end. */
  async connectPeer(): Promise<{ peer: Peer; log: Log }> {
    const index = this.logs.length;
    const peer = await connectPeer({ port: this.port, unix: this.listener.unix });
    return { peer, log: await this.opened(index) };
  }

  /** Connects a connection of the library, and gives the logs of both ends. */
  async connectPair(
    own: SocketHandlers<Log> = {},
    options: Partial<ConnectOptions<Log>> = {},
  ): Promise<{ near: Log; far: Log }> {
    const index = this.logs.length;
    const near = await connectLogged(this.listener.unix ?? this.port, own, options);
    return { near, far: await this.opened(index) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.stop(true);
    await within(this.listener.close(), "the listener to be gone");
    for (const log of this.logs) await log.closed();
  }
}

/** Connects to a port of this machine or to the path of a Unix socket and logs what happens. */
export async function connectLogged(
  to: number | string,
  own: SocketHandlers<Log> = {},
  options: Partial<ConnectOptions<Log>> = {},
): Promise<Log> {
  const logs: Log[] = [];
  const place = typeof to === "string" ? { unix: to } : { hostname: "127.0.0.1", port: to };
  await connect<Log>({ ...place, ...options, socket: logging(logs, own) });
  if (logs.length !== 1) throw new Error("connect resolved before the open handler ran");
  return logs[0];
}
