/**
 * Child processes of the same runtime, so that every combination tests its own.
 *
 * @module
 */
import { bun, executablePath, pathOf, runtime, system } from "./runtime.ts";
import { within } from "./wait.ts";

/** How a child ended. */
export interface ChildEnd {
  code: number;
  output: string;
  errors: string;
}

/** What a child is started with. */
export interface ChildOptions {
  arguments?: string[];
  environment?: Record<string, string>;
  /** `ulimit -n` of the child, on Linux. */
  descriptors?: number;
}

/** What Bun says of itself under Wine, at each start in a folder with a package.json. */
const BUN_UNDER_WINE = /^Internal error: directory mismatch for directory .*\r?\n/gm;

/** A running script. */
export class Child implements AsyncDisposable {
  readonly #exited: Promise<number>;
  readonly #kill: (signal: "SIGINT" | "SIGTERM" | "SIGUSR1" | "SIGHUP" | "SIGKILL") => void;
  readonly #send: (text: string) => void;
  readonly #finished: Promise<unknown>;
  /** All lines and pieces printed so far. */
  output = "";
  errors = "";
  #gone = false;

  constructor(command: string[], options: ChildOptions) {
    const started = bun === undefined ? startDeno(command, options) : startBun(command, options);
    this.#exited = started.exited.then((code) => {
      this.#gone = true;
      return code;
    });
    this.#kill = started.kill;
    this.#send = started.send;
    this.#finished = Promise.all([
      drain(started.stdout, (text) => this.output += text),
      drain(started.stderr, (text) => this.errors += text),
    ]);
  }

  /** Waits for a line of output that matches. */
  line(pattern: RegExp, milliseconds?: number): Promise<RegExpMatchArray> {
    return this.#lineOf(() => this.output, pattern, milliseconds);
  }

  /** Waits for a line of the standard error that matches. */
  errorLine(pattern: RegExp, milliseconds?: number): Promise<RegExpMatchArray> {
    return this.#lineOf(() => this.errors, pattern, milliseconds);
  }

  async #lineOf(read: () => string, pattern: RegExp, milliseconds?: number): Promise<RegExpMatchArray> {
    const wait = async (): Promise<RegExpMatchArray> => {
      for (;;) {
        const match = read().match(pattern);
        if (match !== null) return match;
        if (this.#gone) {
          await this.#finished;
          const last = read().match(pattern);
          if (last !== null) return last;
          throw new Error(`the child ended without printing ${pattern}:\n${this.output}\n${this.errors}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const told = within(wait(), `a line like ${pattern}`, milliseconds);
    return await told.catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output}\n${this.errors}`);
    });
  }

  /** Writes to the child's standard input. */
  send(text: string): void {
    this.#send(text);
  }

  signal(signal: "SIGINT" | "SIGTERM" | "SIGUSR1" | "SIGHUP"): void {
    this.#kill(signal);
  }

  /** Waits until the child has ended by itself. */
  async end(milliseconds?: number): Promise<ChildEnd> {
    const code = await within(this.#exited, "the child to end", milliseconds).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output}\n${this.errors}`);
    });
    await within(this.#finished, "the end of the child's output");
    return { code, output: this.output, errors: this.errors.replaceAll(BUN_UNDER_WINE, "") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#gone) this.#kill("SIGKILL");
    await this.#exited;
  }
}

export function commandOf(script: string, base: string, options: ChildOptions): string[] {
  const path = pathOf(script, base);
  const flags = runtime === "bun"
    ? ["run", path]
    : ["run", "--quiet", "--no-check", "--v8-flags=--expose-gc", "-A", path];
  return [executablePath(), ...flags, ...(options.arguments ?? [])];
}

/**
 * Starts a script of this checkout with the running runtime: `runScript("../examples/echo.ts",
 * import.meta.url)`.
 */
export function runScript(script: string, base: string, options: ChildOptions = {}): Child {
  const command = commandOf(script, base, options);
  if (options.descriptors === undefined) return new Child(command, options);
  if (system === "windows") throw new Error("Windows has no limit of descriptors to lower");
  return new Child(["sh", "-c", `ulimit -n ${options.descriptors}; exec "$@"`, "sh", ...command], options);
}

/** Fills the pipe `$1`, which the script itself holds open, and starts the rest with it as standard error. */
const UNREAD = 'mkfifo "$1" && exec 9<>"$1" && head -c 65536 /dev/zero >&9 && shift && exec "$@" 2>&9';

/** The same with a standard error that is full from the start, at `path`, and that nobody reads: on Linux. */
export function runUnread(script: string, base: string, path: string, options: ChildOptions = {}): Child {
  return new Child(["sh", "-c", UNREAD, "sh", path, ...commandOf(script, base, options)], options);
}

/**
 * The same on Windows, in a console of its own: `send("c\n")` is Ctrl+C to all processes of that console,
 * `send("break\n")` Ctrl+Break, and `send("close\n")` the closing of its window (zig/src/console.zig).
 */
export function runInConsole(script: string, base: string, options: ChildOptions = {}): Child {
  const program = pathOf("../../zig/zig-out/x86_64-windows/console.exe", import.meta.url);
  return new Child([program, ...commandOf(script, base, options)], options);
}

interface Started {
  stdout: ReadableStream<Uint8Array>;
  stderr: ReadableStream<Uint8Array>;
  exited: Promise<number>;
  kill(signal: "SIGINT" | "SIGTERM" | "SIGUSR1" | "SIGHUP" | "SIGKILL"): void;
  send(text: string): void;
}

const encoder = new TextEncoder();

function startDeno(command: string[], options: ChildOptions): Started {
  const child = new Deno.Command(command[0], {
    args: command.slice(1),
    env: options.environment,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  return {
    stdout: child.stdout,
    stderr: child.stderr,
    exited: child.status.then(async (status) => {
      await writer.close().catch(() => {});
      return status.code;
    }),
    kill(signal) {
      try {
        child.kill(signal);
      } catch (error) {
        // It has ended meanwhile.
        if (!(error instanceof TypeError)) throw error;
      }
    },
    send: (text) => void writer.write(encoder.encode(text)),
  };
}

function startBun(command: string[], options: ChildOptions): Started {
  const environment = {
    ...(globalThis as unknown as { Bun: { env: object } }).Bun.env,
    ...options.environment,
  };
  const child = bun!.spawn(command, { env: environment, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  return {
    stdout: child.stdout,
    stderr: child.stderr,
    exited: child.exited,
    kill: (signal) => child.kill(signal),
    send: (text) => void child.stdin.write(encoder.encode(text)),
  };
}

async function drain(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) take(decoder.decode(bytes, { stream: true }));
}

/** The lines of this process's standard input. */
export async function* inputLines(): AsyncGenerator<string> {
  const stream = bun === undefined
    ? Deno.stdin.readable
    : (globalThis as unknown as { Bun: { stdin: { stream(): ReadableStream<Uint8Array> } } }).Bun.stdin
      .stream();
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
