/**
 * A server of the application `../applications/commands.ts`, and clients that talk to it in lines.
 *
 * @module
 */
import { describe } from "@std/testing/bdd";
import { connect, type Connection, Server, type ServerOptions } from "../../src/mod.ts";
import { until } from "./wait.ts";

/** One entry of the server's log. */
export interface Entry {
  event: string;
  [field: string]: unknown;
}

const application = new URL("../applications/commands.ts", import.meta.url).href;

/** A running server with its log. */
export class CommandServer implements AsyncDisposable {
  readonly server: Server;
  readonly entries: Entry[];

  private constructor(server: Server, entries: Entry[]) {
    this.server = server;
    this.entries = entries;
  }

  /** `name`: the application's file, another one than `commands.ts`. */
  static async start(options: ServerOptions = {}, name?: string): Promise<CommandServer> {
    const entries: Entry[] = [];
    const log = (entry: object) => void entries.push(entry as Entry);
    const sizes = { segmentCount: 256, connectionSlots: 4096, timers: 8192 };
    const { unix, inherited, listeners } = options;
    const isElsewhere = unix !== undefined || inherited !== undefined || listeners !== undefined;
    const module = name === undefined ? application : new URL(`../applications/${name}`, import.meta.url);
    const server = await Server.start(module, {
      ...(isElsewhere ? {} : { hostname: "127.0.0.1", port: 0 }),
      workers: 2,
      ...sizes,
      log,
      ...options,
    });
    return new CommandServer(server, entries);
  }

  /** The entries of an event so far. */
  events(event: string): Entry[] {
    return this.entries.filter((entry) => entry.event === event);
  }

  /** Messages of the application, in order. */
  get messages(): string[] {
    return this.events("application.message").map((entry) => String(entry.message));
  }

  async event(event: string, milliseconds?: number): Promise<Entry> {
    await until(() => this.events(event).length > 0, `the event ${event}`, milliseconds);
    return this.events(event)[0];
  }

  /** Writes a line and waits until the worker has read it: the handler runs in the same turn. */
  async heard(client: LineClient, line: string): Promise<void> {
    const received = () => this.server.stats().total.bytesReceived;
    const all = received() + new TextEncoder().encode(line).length + 1;
    client.tell(line);
    await until(() => received() >= all, `a worker read "${line}"`);
  }

  /** To the first listener, or to a port. */
  connect(port?: number): Promise<LineClient> {
    return LineClient.connect(port ?? this.server.listeners[0].address.path ?? this.server.port);
  }

  /** Tries until a new connection is served. */
  async roomAgain(milliseconds: number): Promise<void> {
    await until(
      async () => {
        const next = await this.connect();
        next.tell("echo hello");
        await until(() => next.gone || next.lines.length > 0, "an answer or the end", milliseconds);
        return next.lines[0] === "hello";
      },
      "there was room again",
      milliseconds,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.abort("test over");
  }
}

/** A client that writes lines and reads lines. */
export class LineClient {
  readonly lines: string[] = [];
  bytes = 0;
  gone = false;
  error: Error | undefined;
  #rest = "";

  #connection: Connection<undefined> | undefined = undefined;

  private constructor() {}

  /** To a port of this machine, or to the path of a Unix socket. */
  static async connect(to: number | string, options: { allowHalfOpen?: boolean } = {}): Promise<LineClient> {
    const client = new LineClient();
    // A server that refuses may have closed the connection before the promise of it is looked at, or even
    // have reset it before the system tells of it.
    const connecting = connect({
      ...options,
      ...(typeof to === "string" ? { unix: to } : { hostname: "127.0.0.1", port: to }),
      socket: {
        data: (_, window) => client.#take(window.text()),
        close: (_, reason) => {
          client.gone = true;
          client.error = reason.error;
        },
      },
    });
    try {
      client.#connection = await connecting;
    } catch (error) {
      if ((error as { code?: string }).code !== "ECONNRESET") throw error;
      client.gone = true;
      client.error = error as Error;
    }
    return client;
  }

  get connection(): Connection<undefined> {
    return this.#connection!;
  }

  /** Writes a line and waits for one. */
  async ask(line: string, milliseconds?: number): Promise<string> {
    const before = this.lines.length;
    this.tell(line);
    await until(() => this.lines.length > before || this.gone, `an answer to "${line}"`, milliseconds);
    return this.lines[before] ?? "gone";
  }

  /** Leaves without a word. */
  end(): void {
    this.#connection?.abort();
  }

  tell(line: string): void {
    this.#connection?.write(`${line}\n`);
  }

  async closed(milliseconds?: number): Promise<void> {
    await until(() => this.gone, "the connection was closed", milliseconds);
  }

  #take(text: string): void {
    this.bytes += text.length;
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    this.lines.push(...lines);
  }
}

/** Describes something for workers that are threads and for those that are processes. */
export function describeWorkers(what: string, body: (isolation: "thread" | "process") => void): void {
  for (const isolation of ["thread", "process"] as const) {
    describe(`${what}, workers being ${isolation === "thread" ? "threads" : "processes"}`, () =>
      body(isolation));
  }
}
