/**
 * Reads the records of a ring without taking them.
 *
 * @module
 */
import {
  RECORD_ARGUMENT,
  RECORD_FLAGS_MASK,
  RECORD_FLAGS_SHIFT,
  RECORD_ID,
  RECORD_LENGTH,
  RECORD_OPERATION_MASK,
  RECORD_STATUS_SHIFT,
  RECORD_WORDS,
} from "./layout.gen.ts";

/** Is shown one record. */
export type RecordViewer = (
  operation: number,
  id: number,
  length: number,
  status: number,
  argument: number,
  flags: number,
) => void;

/**
 * Shows the records between head and tail, from the place `from` on where that lies among them. Gives the
 * place after the last, which is where the next look begins.
 */
export function look(
  words: Int32Array,
  mask: number,
  head: number,
  tail: number,
  from: number,
  view: RecordViewer,
): number {
  const used = Math.min((tail - head) >>> 0, mask + 1);
  const seen = (from - head) >>> 0;
  // Positions that make no sense are those of a full ring.
  for (let count = seen <= used ? seen : 0; count < used; count++) {
    const at = ((head + count) & mask) * RECORD_WORDS;
    view(
      words[at] & RECORD_OPERATION_MASK,
      words[at + RECORD_ID],
      words[at + RECORD_LENGTH] >>> 0,
      words[at] >>> RECORD_STATUS_SHIFT,
      words[at + RECORD_ARGUMENT] >>> 0,
      (words[at] >> RECORD_FLAGS_SHIFT) & RECORD_FLAGS_MASK,
    );
  }
  return tail;
}
