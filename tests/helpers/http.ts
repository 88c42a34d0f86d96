/**
 * A server of HTTP whose end is the end of the scope, and a plain client that reads answers one by one.
 *
 * @module
 */
import { createEventLoop, type EventLoop } from "../../src/loop/event_loop.ts";
import { http, type HttpHandlers, type HttpOptions } from "../../src/http.ts";
import {
  type CloseReason,
  type Connection,
  listen,
  type Listener,
  type ListenOptions,
  type LoopOptions,
} from "../../src/mod.ts";
import { connectPeer, type Peer } from "./peer.ts";
import { until, within } from "./wait.ts";

/** Everything a test may set. */
export interface HttpSetting extends HttpOptions {
  listen?: Partial<ListenOptions>;
  loop?: LoopOptions;
}

const CONNECTIONS = 64;
const SEGMENTS = 256;

/** Serves on a loop of its own. */
export class TestServer implements AsyncDisposable {
  readonly errors: Error[] = [];
  readonly reasons: CloseReason[] = [];
  readonly connections: Connection[] = [];
  readonly loop: EventLoop;
  readonly listener: Listener;

  constructor(handlers: HttpHandlers, setting: HttpSetting = {}) {
    const { listen: listenOptions, loop, ...options } = setting;
    this.loop = createEventLoop({ connectionSlots: CONNECTIONS, segmentCount: SEGMENTS, ...loop });
    const table = http({
      error: (_connection, error) => void this.errors.push(error),
      ...handlers,
      open: (connection) => {
        this.connections.push(connection);
        return handlers.open?.(connection);
      },
      close: (connection, reason) => {
        this.reasons.push(reason);
        return handlers.close?.(connection, reason);
      },
    }, options);
    this.listener = listen({
      hostname: "127.0.0.1",
      port: 0,
      ...listenOptions,
      loop: this.loop,
      socket: table,
    });
  }

  get port(): number {
    return this.listener.port;
  }

  async connect(): Promise<Client> {
    return new Client(await connectPeer({ port: this.port }));
  }

  /** Writes bytes on a connection of their own, ends it, and reads everything that comes back. */
  async exchange(bytes: string | Uint8Array): Promise<string> {
    const client = await this.connect();
    await client.write(bytes);
    await client.peer.endWriting();
    const answer = await client.rest();
    client.peer.close();
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.stop(true);
    await within(this.listener.close(), "the listener to be gone");
    await within(this.loop.close(), "the loop to be closed");
    if (this.loop.stats().segmentsHeld !== 0) throw new Error("segments were held at the end");
  }
}

/** One answer as a client sees it. */
export interface Answer {
  status: number;
  reason: string;
  /** By name in lower case; the values of repeated ones are joined. */
  headers: Map<string, string>;
  body: string;
  trailers: Map<string, string>;
}

const latin1 = new TextDecoder("latin1");

/** Reads answers as a careful client does. */
export class Client {
  readonly peer: Peer;
  #text = "";
  #ended = false;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  write(bytes: string | Uint8Array): Promise<void> {
    return this.peer.write(bytes);
  }

  async #more(): Promise<boolean> {
    const bytes = await within(this.peer.read(), "further bytes of an answer");
    if (bytes === null) this.#ended = true;
    else this.#text += latin1.decode(bytes);
    return bytes !== null;
  }

  /** Text up to and with `end`. */
  async #until(end: string): Promise<string> {
    for (;;) {
      const at = this.#text.indexOf(end);
      if (at >= 0) return this.#take(at + end.length);
      if (!await this.#more()) throw new Error(`the connection ended in ${JSON.stringify(this.#text)}`);
    }
  }

  async #exactly(length: number): Promise<string> {
    while (this.#text.length < length) {
      if (!await this.#more()) {
        throw new Error(`the connection ended ${length - this.#text.length} bytes early`);
      }
    }
    return this.#take(length);
  }

  #take(length: number): string {
    const text = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return text;
  }

  /** Everything that comes until the connection ends, or is reset. */
  async rest(): Promise<string> {
    try {
      while (!this.#ended && await this.#more());
    } catch (error) {
      if (String(error).includes("waited")) throw error;
      this.#ended = true;
    }
    return this.#take(this.#text.length);
  }

  /** What has come, once it is at least so long. */
  async atLeast(length: number): Promise<string> {
    while (this.#text.length < length && await this.#more());
    return this.#take(this.#text.length);
  }

  /** The next answer. `head`: to a HEAD request. */
  async answer(head = false): Promise<Answer> {
    const lines = (await this.#until("\r\n\r\n")).slice(0, -4).split("\r\n");
    const match = /^HTTP\/1\.1 (\d{3}) (.*)$/.exec(lines[0]);
    if (match === null) throw new Error(`no status line: ${JSON.stringify(lines[0])}`);
    const status = Number(match[1]);
    const answer: Answer = {
      status,
      reason: match[2],
      headers: fieldsOf(lines.slice(1)),
      body: "",
      trailers: new Map(),
    };
    const length = answer.headers.get("content-length");
    if (head || status < 200 || status === 204 || status === 304) return answer;
    if (answer.headers.get("transfer-encoding") === "chunked") await this.#chunks(answer);
    else if (length !== undefined) answer.body = await this.#exactly(Number(length));
    else answer.body = await this.rest();
    return answer;
  }

  async #chunks(answer: Answer): Promise<void> {
    for (;;) {
      const line = (await this.#until("\r\n")).slice(0, -2);
      if (!/^[0-9a-f]+$/.test(line)) throw new Error(`no chunk size: ${JSON.stringify(line)}`);
      const size = parseInt(line, 16);
      if (size === 0) break;
      answer.body += await this.#exactly(size);
      if (await this.#exactly(2) !== "\r\n") throw new Error("a chunk does not end where it says");
    }
    const lines: string[] = [];
    for (;;) {
      const line = (await this.#until("\r\n")).slice(0, -2);
      if (line === "") break;
      lines.push(line);
    }
    answer.trailers = fieldsOf(lines);
  }
}

function fieldsOf(lines: string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const match = /^([^\s:]+): (.*)$/.exec(line);
    if (match === null) throw new Error(`no field line: ${JSON.stringify(line)}`);
    const name = match[1].toLowerCase();
    const before = fields.get(name);
    fields.set(name, before === undefined ? match[2] : `${before}, ${match[2]}`);
  }
  return fields;
}

/** Waits until the server's end has received this many bytes. */
export async function received({ loop }: TestServer, bytes: number): Promise<void> {
  await until(() => loop.stats().bytesReceived >= bytes, `${bytes} bytes were received`);
}
