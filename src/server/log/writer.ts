/**
 * Writes log entries as lines without ever waiting for their reader: lines queue up to a bound, and further
 * ones are dropped and counted.
 *
 * @module
 */
import { logBufferMaxBytes, logWriteMaxBytes } from "../../base/limits.ts";
import type { LogEntry } from "./events.ts";

const encoder = new TextEncoder();

export class LogWriter {
  readonly #write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  readonly #line: (entry: LogEntry) => string;
  readonly #queue: Uint8Array<ArrayBuffer>[] = [];
  /** Bytes in the queue and on their way. */
  #bytes = 0;
  #writing: Promise<void> | undefined = undefined;
  /** Entries dropped since the last line that said so. */
  #untold = 0;
  /** Entries that found no room. */
  dropped = 0;
  /** Entries the output failed to take. */
  failures = 0;

  /**
   * @param write resolves when the reader, or the system for it, has taken the bytes. Called again only then.
   */
  constructor(write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>, line: (entry: LogEntry) => string) {
    this.#write = write;
    this.#line = line;
  }

  /** Queues an entry. */
  take(entry: LogEntry): void {
    if (this.#untold > 0 && this.#bytes <= logBufferMaxBytes / 2) this.#tellDropped();
    if (this.#untold > 0 || !this.#push(entry)) {
      this.dropped += 1;
      this.#untold += 1;
    }
    this.#writing ??= this.#run();
  }

  /** Resolves when nothing is queued any more. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #push(entry: LogEntry): boolean {
    const bytes = encoder.encode(`${this.#line(entry)}\n`);
    if (this.#bytes + bytes.length > logBufferMaxBytes) return false;
    this.#queue.push(bytes);
    this.#bytes += bytes.length;
    return true;
  }

  #tellDropped(): void {
    const dropped = this.#untold;
    if (this.#push({ time: Date.now(), level: "warn", event: "log.dropped", dropped })) this.#untold = 0;
  }

  async #run(): Promise<void> {
    // Lines of one turn are written together.
    await Promise.resolve();
    for (;;) {
      if (this.#queue.length === 0 && this.#untold > 0) this.#tellDropped();
      if (this.#queue.length === 0) break;
      const lines = this.#next();
      const bytes = joined(lines);
      try {
        await this.#write(bytes);
      } catch {
        this.failures += lines.length;
      }
      this.#bytes -= bytes.length;
    }
    this.#writing = undefined;
  }

  /** The first lines of the queue, as many as go out in one call. */
  #next(): Uint8Array<ArrayBuffer>[] {
    let length = this.#queue[0].length;
    let count = 1;
    while (count < this.#queue.length && length + this.#queue[count].length <= logWriteMaxBytes) {
      length += this.#queue[count].length;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }
}

function joined(lines: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (lines.length === 1) return lines[0];
  const bytes = new Uint8Array(lines.reduce((sum, line) => sum + line.length, 0));
  let offset = 0;
  for (const line of lines) {
    bytes.set(line, offset);
    offset += line.length;
  }
  return bytes;
}
