/**
 * The state of a framer for an incomplete message, and the results of a scan. A framer keeps no state itself:
 * one serves any number of connections.
 *
 * @module
 */

/** A scan's answer: the message continues behind the given bytes. */
export const incomplete = -1;
/** A scan's answer: the message is longer than allowed. */
export const tooLarge = -2;
/** A scan's answer: the bytes break the framing's rules. */
export const malformed = -3;

/** How far the scan of one message has come. What the numbers but `length` mean is the framer's business. */
export class ScanState {
  /** Bytes of the message scanned, with all that frames it. */
  length = 0;
  /** Bytes it has altogether with all that frames it, where they are known; 0 where not. */
  total = 0;
  /** A framer's own state: bytes of a prefix or of a delimiter seen. */
  phase = 0;
  /** A number that is being read. */
  value = 0;
  /** Bytes to be taken out of the message: dots that were stuffed into it. */
  stuffed = 0;

  /** Begins another message. */
  reset(): void {
    this.length = 0;
    this.total = 0;
    this.phase = 0;
    this.value = 0;
    this.stuffed = 0;
  }

  /** Takes over where another one stands. */
  copy(from: ScanState): void {
    this.length = from.length;
    this.total = from.total;
    this.phase = from.phase;
    this.value = from.value;
    this.stuffed = from.stuffed;
  }
}

/**
 * Bytes compared one by one before the runtime's own search is called, which costs as much as this number.
 */
const shortSearchBytes = 128;

/** Position of the first `value` from `from` to before `end`, -1 for none. */
export function findByte(bytes: Uint8Array, value: number, from: number, end: number): number {
  const near = Math.min(end, from + shortSearchBytes);
  for (let index = from; index < near; index++) {
    if (bytes[index] === value) return index;
  }
  if (near === end) return -1;
  // Within a view: a search of the whole ring would continue behind the message.
  const found = bytes.subarray(near, end).indexOf(value);
  return found < 0 ? -1 : near + found;
}
