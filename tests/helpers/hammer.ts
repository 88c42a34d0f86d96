/**
 * Workers that hammer a table of addresses, and what they are told.
 *
 * @module
 */
import { AddressWords } from "../../src/base/address_words.ts";

/** What a hammering worker is told. */
export interface HammerOrder {
  buffer: ArrayBufferLike;
  /** Word 0 starts all; words from 1 on: connections really held, by address. */
  shadow: SharedArrayBuffer;
  worker: number;
  addresses: number;
  limit: number;
  rounds: number;
  now: number;
  /** `"hold"` keeps what it gets and goes on until it is terminated. */
  task: "churn" | "tokens" | "offend" | "hold";
}

/** What it found. */
export interface HammerReport {
  ok: number;
  refused: number;
  /** Times more connections were held than the limit allows. */
  violations: number;
}

/** The address of a number. */
export function hammerAddress(index: number, words = new AddressWords()): AddressWords {
  return index % 2 === 0
    ? words.set(4, 0x0a000000 + index, 0, 0, 0)
    : words.set(6, 0x20010db8, index, 1, index);
}
