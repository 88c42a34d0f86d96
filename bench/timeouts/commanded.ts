/**
 * A program that obeys commands, one line each, and answers each with a line of JSON.
 *
 * @module
 */

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
  readonly #output: AsyncIterator<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  /** The port its first line tells. */
  port = 0;

  /** Starts it and waits until it is ready. */
  static async start(command: string[]): Promise<Commanded> {
    const program = new Commanded(command);
    try {
      program.port = JSON.parse(await program.#line()).port;
      return program;
    } catch (error) {
      await program.end();
      throw error;
    }
  }

  private constructor(command: string[]) {
    this.#child = Bun.spawn(["taskset", "-c", String(core), ...command], {
      cwd: "/",
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#output = this.#child.stdout[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid;
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#output.next();
      if (done) throw new Error(`it ended early; its last output: ${this.#text}`);
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** Sends a command and waits for its answer. */
  async ask(command: string): Promise<Answer> {
    this.#child.stdin.write(`${command}\n`);
    this.#child.stdin.flush();
    return JSON.parse(await this.#line());
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
