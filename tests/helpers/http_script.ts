/**
 * A server of HTTP that answers what a test says, byte for byte: its answers need not be HTTP.
 *
 * @module
 */
import { type Connection, listen, type Listener, type ListenOptions } from "../../src/mod.ts";
import { HttpClient, type HttpClientOptions } from "../../src/client.ts";
import { StreamHash } from "./hash.ts";
import { type Deferred, deferred, until, within } from "./wait.ts";

/** A request that came whole. */
export interface Asked {
  /** All bytes of the head, without the empty line. */
  head: string;
  method: string;
  target: string;
  /** Names in lower case; of repeated ones the last. */
  fields: Map<string, string>;
  /** The body as text, as long as it is short. */
  body: string;
  bodyHash: StreamHash;
  /** The number of its connection, from 0 on. */
  connection: number;
}

type Answerer = (connection: Connection<Incoming>, asked: Asked) => void | Promise<void>;

/** Bytes of a body that are kept as text. */
const TEXT_KEPT = 64 * 1024;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The bytes of one connection, cut into requests. */
export class Incoming {
  readonly number: number;
  readonly connection: Connection<Incoming>;
  readonly #script: HttpScript;
  #rest: Uint8Array = new Uint8Array(0);
  #asked: Asked | undefined;
  /** Bytes of the body that are missing; -1 for chunks. */
  #missing = 0;
  ended = false;
  closed = false;
  error: Error | undefined;
  #room: Deferred<void> | undefined;

  constructor(script: HttpScript, connection: Connection<Incoming>, number: number) {
    this.#script = script;
    this.connection = connection;
    this.number = number;
  }

  /** After a write that did not answer "sent": waits until there is room again, or the connection is gone. */
  room(): Promise<void> {
    this.#room ??= deferred();
    return within(this.#room.promise, "room in the connection");
  }

  drained(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  take(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    this.#rest = all;
    while (this.#step());
  }

  #step(): boolean {
    if (this.#asked === undefined) return this.#head();
    if (this.#missing < 0) return this.#chunk();
    if (this.#missing > 0) {
      if (this.#rest.length === 0) return false;
      const part = this.#rest.subarray(0, this.#missing);
      this.#keep(part);
      this.#missing -= part.length;
      this.#rest = this.#rest.slice(part.length);
      if (this.#missing > 0) return false;
    }
    this.#whole();
    return true;
  }

  #head(): boolean {
    const text = latin1(this.#rest);
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const head = text.slice(0, end);
    this.#rest = this.#rest.slice(end + 4);
    const [start, ...lines] = head.split("\r\n");
    const [method, target] = start.split(" ");
    const fields = new Map(lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }));
    const chunked = fields.get("transfer-encoding") === "chunked";
    this.#missing = chunked ? -1 : Number(fields.get("content-length") ?? 0);
    const connection = this.number;
    const asked = { head, method, target, fields, body: "", bodyHash: new StreamHash(), connection };
    this.#asked = asked;
    this.#script.heads.push(asked);
    this.#script.onHead?.(this.connection, asked);
    return true;
  }

  #chunk(): boolean {
    const text = latin1(this.#rest.subarray(0, 32));
    const line = text.indexOf("\r\n");
    if (line < 0) return false;
    const size = parseInt(text.slice(0, line), 16);
    if (this.#rest.length < line + 2 + size + 2) return false;
    this.#keep(this.#rest.subarray(line + 2, line + 2 + size));
    this.#rest = this.#rest.slice(line + 2 + size + 2);
    if (size === 0) {
      this.#missing = 0;
      this.#whole();
    }
    return true;
  }

  #keep(bytes: Uint8Array): void {
    const asked = this.#asked!;
    asked.bodyHash.update(bytes);
    if (asked.body.length < TEXT_KEPT) asked.body += decoder.decode(bytes);
  }

  #whole(): void {
    const asked = this.#asked!;
    this.#asked = undefined;
    this.#script.asked.push(asked);
    void this.#script.answer(this.connection, asked);
  }
}

/** Listens, and answers each whole request by `answer`. */
export class HttpScript implements AsyncDisposable {
  /** Requests that came whole, in order. */
  readonly asked: Asked[] = [];
  /** Requests whose head came. */
  readonly heads: Asked[] = [];
  readonly connections: Incoming[] = [];
  readonly listener: Listener<Incoming>;
  /** Called when the head of a request has come, before its body. */
  onHead: Answerer | undefined;
  answer: Answerer;

  constructor(answer: Answerer | string, options: Partial<ListenOptions<Incoming>> = {}) {
    this.answer = typeof answer === "string" ? (connection) => void connection.write(answer) : answer;
    this.listener = listen<Incoming>({
      hostname: options.unix === undefined ? "127.0.0.1" : undefined,
      ...options,
      socket: {
        open: (connection) => {
          connection.data = new Incoming(this, connection, this.connections.length);
          this.connections.push(connection.data);
        },
        data: (connection, window) => connection.data.take(window.bytes),
        end: (connection) => {
          connection.data.ended = true;
          connection.end();
        },
        drain: (connection) => connection.data.drained(),
        error: (connection, error) => void (connection.data.error = error),
        close: (connection) => {
          connection.data.closed = true;
          connection.data.drained();
        },
      },
    });
  }

  get origin(): string {
    return `http://127.0.0.1:${this.listener.port}`;
  }

  url(path = "/"): string {
    return `${this.origin}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { connection } of this.connections) connection.abort();
    await this.listener.close();
  }
}

/** A script and a client. */
export function clientOf(
  answer: Answerer | string,
  options: HttpClientOptions = {},
): { script: HttpScript; client: HttpClient; url: string } & AsyncDisposable {
  const script = new HttpScript(answer);
  const client = new HttpClient(options);
  return {
    script,
    client,
    url: script.url(),
    async [Symbol.asyncDispose]() {
      const closing = client.close();
      await script[Symbol.asyncDispose]();
      await closing;
    },
  };
}

/** Writes text in pieces of the given sizes, each in a turn of its own; the last size goes on. */
export async function writeInPieces(
  connection: Connection<Incoming>,
  bytes: Uint8Array,
  sizes: readonly number[],
): Promise<void> {
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[Math.min(index, sizes.length - 1)];
    if (connection.state !== "open") return;
    connection.write(bytes.slice(at, at + size));
    at += size;
    if (at < bytes.length) await turn();
  }
}

/** Waits for what the loops have to do now. */
export async function turn(): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, 1));
}

/** One byte a character. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** An answer with a length. */
export function ok(body: string, ...fields: string[]): string {
  const lines = [`Content-Length: ${encoder.encode(body).length}`, ...fields];
  return `HTTP/1.1 200 OK\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** Waits until nothing of a client's is on its way. */
export function idle(client: HttpClient): Promise<void> {
  return until(() => {
    const { active, pool } = client.stats();
    return active === 0 && pool.leased === 0 && pool.connecting === 0;
  }, "the client to be idle");
}
