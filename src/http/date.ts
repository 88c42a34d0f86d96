/**
 * The field `Date` as bytes, made again when its second changes.
 *
 * @module
 */
import { asciiBytes } from "./ascii.ts";

const millisecondsPerSecond = 1000;

/** The date of one loop. */
export class DateField {
  /** The whole line with its end, as it is in `second`. */
  bytes: Uint8Array<ArrayBuffer> = lineAt(0);
  /** Seconds since 1970 of the text. */
  second = 0;
  /** The loop's time at the last look at the clock. */
  #lookedAt = -1;

  /** Brings the text up to date. `now` is the loop's time; the clock is asked once for each millisecond. */
  refresh(now: number): void {
    if (now === this.#lookedAt) return;
    this.#lookedAt = now;
    const second = Math.floor(Date.now() / millisecondsPerSecond);
    if (second === this.second) return;
    this.second = second;
    this.bytes = lineAt(second);
  }
}

/** The line of the field at a second. */
function lineAt(second: number): Uint8Array<ArrayBuffer> {
  return asciiBytes(`Date: ${new Date(second * millisecondsPerSecond).toUTCString()}\r\n`);
}

/** Bytes of the line, which never change: the format has a fixed length. */
export const dateLineBytes: number = lineAt(0).length;
