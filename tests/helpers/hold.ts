/**
 * Handlers that do not return until they are let go: a file that is there says how long. It works between
 * threads and processes, and with no event loop that turns.
 *
 * @module
 */
import { Folder } from "./folder.ts";
import { isFileThere } from "./runtime.ts";

/** Milliseconds between two looks at the file. */
const LOOKED_EVERY_MILLISECONDS = 1;

/** Computes for some milliseconds. */
export function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** In the application: comes back when the file is gone. */
export function spinWhileThere(path: string): void {
  while (isFileThere(path)) spin(LOOKED_EVERY_MILLISECONDS);
}

/** In the test: `command` sends a handler into it, until `release` or the end of the scope. */
export class Hold implements AsyncDisposable {
  #folder: Folder | undefined = undefined;

  private constructor() {}

  static async make(): Promise<Hold> {
    const hold = new Hold();
    await hold.again();
    return hold;
  }

  /** The line for the application. */
  get command(): string {
    return `hold ${this.#folder!.file("held")}`;
  }

  /** After a release: for the next handler. */
  async again(): Promise<void> {
    this.#folder = await Folder.make();
    await this.#folder.mark("held");
  }

  async release(): Promise<void> {
    await this.#folder?.[Symbol.asyncDispose]();
    this.#folder = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
