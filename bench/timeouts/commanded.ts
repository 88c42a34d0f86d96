/**
 * A program that obeys commands, one line each, and answers each with a line of JSON.
 *
 * @module
 */
import { Lines } from "../echo/servers.ts";

/** What the program answers. */
export interface Answer {
  messages: number;
  /** Microseconds. */
  cpu: number;
  lost: number;
}

/** The core of both programs, of which one has something to do at a time. */
const core = 0;

export class Commanded {
  readonly #child: Bun.Subprocess;
  readonly #lines: Lines;

  /** The port its first line tells. */
  port = 0;

  /** Starts it and waits until it is ready. */
  static async start(command: string[]): Promise<Commanded> {
    const program = new Commanded(command);
    try {
      program.port = JSON.parse(await program.#lines.next()).port;
      return program;
    } catch (error) {
      await program.end();
      throw error;
    }
  }

  private constructor(command: string[]) {
    const child = Bun.spawn(["taskset", "-c", String(core), ...command], {
      cwd: "/",
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#child = child;
    this.#lines = new Lines(child.stdout);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Sends a command and waits for its answer. */
  async ask(command: string): Promise<Answer> {
    this.#child.stdin.write(`${command}\n`);
    this.#child.stdin.flush();
    return JSON.parse(await this.#lines.next());
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), endMs);
    await this.#child.exited;
    clearTimeout(timer);
  }
}

/** Milliseconds for closing all connections. */
const endMs = 10_000;
