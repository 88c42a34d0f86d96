/**
 * Combines equal things: the first is reported at once, the following ones are counted and reported as one.
 *
 * @module
 */
import { repeatIntervalMilliseconds, repeatKeysMax } from "../../base/limits.ts";

/** Stands for all keys for which there is no room. */
const othersKey = "\0others";

interface Seen<T> {
  latest: T;
  /** The number since the last report. */
  repeated: number;
}

/** Made for one teller. {@linkcode Repeats.end} stops its timer. */
export class Repeats<T> {
  readonly #tell: (value: T, repeated: number) => void;
  /** By key, the one that has been there longest first. */
  readonly #seen = new Map<string, Seen<T>>();
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #ended = false;
  /** Values for which there is no room are counted together, and not reported at once. */
  readonly #countsOthers: boolean;

  /** `repeated` is 0 for an immediate report, otherwise the number combined into the value, the last one. */
  constructor(tell: (value: T, repeated: number) => void, { countsOthers = false } = {}) {
    this.#tell = tell;
    this.#countsOthers = countsOthers;
  }

  /** Reports the value, or counts it if one with the same key was reported within the last second. */
  add(key: string, value: T): void {
    const seen = this.#seen.get(key);
    if (seen !== undefined) {
      seen.latest = value;
      seen.repeated += 1;
      return;
    }
    const isCrowded = this.#seen.size >= repeatKeysMax && key !== othersKey;
    if (isCrowded && this.#countsOthers) return this.add(othersKey, value);
    this.#tell(value, 0);
    if (this.#ended) return;
    if (isCrowded) this.#forgetOldest();
    this.#seen.set(key, { latest: value, repeated: 0 });
    this.#timer ??= setTimeout(() => this.#pass(), repeatIntervalMilliseconds);
  }

  /** Reports the counted values; later ones are reported at once. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const { latest, repeated } of this.#seen.values()) if (repeated > 0) this.#tell(latest, repeated);
    this.#seen.clear();
  }

  #forgetOldest(): void {
    const [[key, { latest, repeated }]] = this.#seen;
    this.#seen.delete(key);
    if (repeated > 0) this.#tell(latest, repeated);
  }

  /** Values that still repeat are reported once an interval; the others are forgotten. */
  #pass(): void {
    this.#timer = undefined;
    for (const [key, seen] of [...this.#seen]) {
      const { latest, repeated } = seen;
      if (repeated === 0) {
        this.#seen.delete(key);
        continue;
      }
      seen.repeated = 0;
      this.#tell(latest, repeated);
    }
    if (this.#seen.size > 0) this.#timer = setTimeout(() => this.#pass(), repeatIntervalMilliseconds);
  }
}
