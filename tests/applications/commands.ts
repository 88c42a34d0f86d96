/** An application that does what each line says: the misbehaving handlers of the tests. */
import { host } from "../../src/host/mod.ts";
import {
  AddressInUseError,
  type Application,
  type Connection,
  type SocketAddress,
  type Window,
  type WorkerContext,
} from "../../src/mod.ts";
import type { StreamConnection } from "../../src/stream/connection.ts";
import { TimedPhase } from "../../src/stream/time_limits/words.ts";
import { spin, spinWhileThere } from "../helpers/hold.ts";

/** What is kept for a connection: the beginning of a line, and whether a stream is on its way. */
export interface State {
  rest: string;
  streaming: boolean;
}

/** What a protocol of requests would report. */
function beginPhase(connection: Connection<State>, phase: keyof typeof TimedPhase): void {
  (connection as unknown as StreamConnection<State>).phaseBegan(TimedPhase[phase]);
}

export default class Commands implements Application<State> {
  #worker: WorkerContext | undefined;
  readonly #waiting: (() => void)[] = [];

  start(worker: WorkerContext): void {
    if (worker.argument === "fail") throw new Error("this application does not start");
    this.#worker = worker;
    worker.onMessage((message) => {
      if (message === "go") this.#waiting.shift()?.();
    });
    // The log puts equal entries together: the generation tells a replacement from the worker before it.
    worker.log("started", { generation: worker.generation });
  }

  open(connection: Connection<State>): void {
    connection.data = { rest: "", streaming: false };
  }

  async data(connection: Connection<State>, window: Window): Promise<void> {
    const lines = (connection.data.rest + window.text()).split("\n");
    connection.data.rest = lines.pop()!;
    if (connection.data.rest === "") connection.messageEnded();
    else connection.messageBegan();
    for (const line of lines) await this.#command(connection, line);
  }

  idle(worker: WorkerContext): void {
    if (worker.argument === "tell idle") worker.log("idle");
  }

  stopping(phase: string): void {
    this.#worker!.log(`stopping ${phase}`);
  }

  stop(): void {
    this.#worker!.log("stop", { generation: this.#worker!.generation });
  }

  /** Asks another server who it is. */
  async #dial(connection: Connection<State>, port: number): Promise<void> {
    const other = await this.#worker!.connect({ hostname: "127.0.0.1", port });
    other.write("who\n");
    for await (const bytes of other.readable) {
      connection.write(`dialled ${new TextDecoder().decode(bytes)}`);
      break;
    }
    other.end();
  }

  /** A connection of the worker's own is nobody's offence. */
  async #offendDialled(connection: Connection<State>, port: number): Promise<void> {
    const worker = this.#worker!;
    const other = await worker.connect({ hostname: "127.0.0.1", port });
    try {
      worker.offend(other);
    } catch (error) {
      connection.write(`${(error as Error).message}\n`);
    }
    other.abort();
  }

  /** What concerns addresses and the log, and the rest. */
  async #judge(connection: Connection<State>, name: string, words: string[]): Promise<void> {
    const worker = this.#worker!;
    switch (name) {
      case "offend":
        return void connection.write(`${worker.offend(connection, ...words.map(Number))}\n`);
      case "offend-dialled":
        return await this.#offendDialled(connection, Number(words[0]));
      case "ban":
        worker.ban(words[0], Number(words[1]), words[2]);
        return void connection.write(`${worker.bans.has(words[0])}\n`);
      case "log-errors":
        logErrors(worker);
        return void connection.write("logged\n");
      case "phase":
        return beginPhase(connection, words[0] as keyof typeof TimedPhase);
      case "bytes":
        return void connection.write(new Uint8Array(Number(words[0])));
      default:
        connection.write(`unknown ${name}\n`);
    }
  }

  async #command(connection: Connection<State>, line: string): Promise<void> {
    const [name, ...words] = line.split(" ");
    const worker = this.#worker!;
    switch (name) {
      case "echo":
        return void connection.write(`${words.join(" ")}\n`);
      case "who":
        return void connection.write(`${worker.index}.${worker.generation}\n`);
      case "pid":
        return void connection.write(`${host.pid}\n`);
      case "wait":
        // For a message "go"; each lets one of those that wait go on.
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
        return void connection.write("went\n");
      case "later":
        await new Promise((resolve) => setTimeout(resolve, Number(words[0])));
        return void connection.write("later\n");
      case "spin":
        spin(Number(words[0]));
        return void connection.write("spun\n");
      case "hold":
        // Does not come back before the file is gone.
        spinWhileThere(words.join(" "));
        return void connection.write("let go\n");
      case "throw":
        throw new Error("a handler threw");
      case "crash":
        setTimeout(() => {
          throw new Error("nobody catches this");
        }, 0);
        return;
      case "reject":
        void Promise.reject(new Error("nobody awaits this"));
        return;
      case "try": {
        // More than a limit lets through, or an address that does not answer: how it ended is the answer.
        const outcome = words[0] === "to"
          ? this.#dial(connection, Number(words[2])).then(() => "dialled", (error: Error) => error.name)
          : connection.write(new Uint8Array(Number(words[0])));
        const text = await outcome;
        return void connection.write(`\n${text}\n`);
      }
      case "marks":
        return void connection.write(`${connection.highWaterMark} ${connection.lowWaterMark}\n`);
      case "argument":
        return void connection.write(`${worker.argument}\n`);
      case "log":
        return worker.log(words.join(" "));
      case "end":
        return void connection.end();
      case "peer": {
        const { remoteAddress, peerAddress } = connection;
        return void connection.write(`${hostOf(remoteAddress)} of ${hostOf(peerAddress)}\n`);
      }
      case "flood":
        return flood(connection, Number(words[0]));
      case "stream":
        return stream(connection, Number(words[0]));
      case "leave":
        // Ends the thread as no application should, without a word to anybody.
        return leave();
      case "dial":
        return await this.#dial(connection, Number(words[0]));
      case "shutdown":
        return worker.shutdown();
      default:
        return await this.#judge(connection, name, words);
    }
  }
}

/** An error among the fields, and one where a text should be, as programs without types do it. */
function logErrors(worker: WorkerContext): void {
  const error = new AddressInUseError("taken", {
    code: "EADDRINUSE",
    operation: "listen",
    address: "[::1]:1",
    cause: new TypeError("inner"),
  });
  worker.log("it failed", { error, call: () => {} });
  worker.log(error as unknown as string);
}

function hostOf(address: SocketAddress): string {
  return address.path ?? address.hostname;
}

/** Writes as no application should: until it is refused, or all is written. */
function flood(connection: Connection<State>, bytes: number): void {
  const piece = new Uint8Array(16_384);
  for (let left = bytes; left > 0; left -= piece.length) {
    if (connection.write(piece) === "refused") return;
  }
}

/** Pieces of noughts, as many bytes as asked and never more at once than the connection wants. */
async function stream(connection: Connection<State>, bytes: number): Promise<void> {
  const piece = new Uint8Array(8192);
  connection.data.streaming = true;
  for (let left = bytes; left > 0; left -= piece.length) {
    while (connection.bufferedBytes > connection.highWaterMark) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (connection.write(piece.subarray(0, Math.min(left, piece.length))) === "refused") break;
  }
  connection.data.streaming = false;
}

function leave(): void {
  const scope = globalThis as unknown as { close?(): void; process: { exit(code: number): void } };
  if (scope.close === undefined) scope.process.exit(0);
  else scope.close();
}
