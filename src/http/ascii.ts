/**
 * Text and bytes of heads: ASCII, and latin1 where peers send more.
 *
 * @module
 */

/** The bytes of a text of characters up to U+00FF. */
export function asciiBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  putText(bytes, 0, text);
  return bytes;
}

/** Writes a text of characters up to U+00FF. Returns the position behind it. */
export function putText(bytes: Uint8Array, at: number, text: string): number {
  const { length } = text;
  for (let index = 0; index < length; index++) bytes[at + index] = text.charCodeAt(index);
  return at + length;
}

const zero = 0x30;
const radix = 10;

/** Writes a whole number in decimal. Returns the position behind it. */
export function putNumber(bytes: Uint8Array, at: number, value: number): number {
  if (value < radix) {
    bytes[at] = zero + value;
    return at + 1;
  }
  let digits = 1;
  for (let rest = value; rest >= radix; rest = Math.floor(rest / radix)) digits += 1;
  let rest = value;
  for (let index = at + digits - 1; index >= at; index--) {
    const next = Math.floor(rest / radix);
    bytes[index] = zero + rest - next * radix;
    rest = next;
  }
  return at + digits;
}

const { fromCharCode } = String;
/** Up to here a text is made of its characters by one call; a decoder has a fixed cost. */
const characterCallMax = 32;
/** Memory for the characters of such a call, an array for each length. */
const characters = Array.from(
  { length: characterCallMax + 1 },
  (_, length) => new Array<number>(length).fill(0),
);
const utf8 = new TextDecoder();

/** Bytes as text, each one a character: latin1, of which ASCII is a part. */
export function textAt(bytes: Uint8Array, start: number, length: number): string {
  if (length > characterCallMax) return decodedAt(bytes, start, length);
  const codes = characters[length];
  for (let index = 0; index < length; index++) codes[index] = bytes[start + index];
  return fromCharCode.apply(null, codes);
}

function decodedAt(bytes: Uint8Array, start: number, length: number): string {
  const end = start + length;
  let all = 0;
  for (let at = start; at < end; at++) all |= bytes[at];
  // The runtimes decode ASCII fastest as UTF-8, and "latin1" of the standard is windows-1252.
  if (all <= 0x7f) return utf8.decode(bytes.subarray(start, end));
  let text = "";
  for (let at = start; at < end; at += characterCallMax) {
    text += textAt(bytes, at, Math.min(characterCallMax, end - at));
  }
  return text;
}

/** Whether bytes are the characters of a text, given in lower case, without regard to case. */
export function equalsLower(bytes: Uint8Array, start: number, length: number, lower: string): boolean {
  if (lower.length !== length) return false;
  for (let index = 0; index < length; index++) {
    let byte = bytes[start + index];
    if (byte >= 0x41 && byte <= 0x5a) byte |= 0x20;
    if (byte !== lower.charCodeAt(index)) return false;
  }
  return true;
}

/** Texts kept for reuse, a power of two. */
const internedTexts = 512;
/** Bytes of the longest text that is kept. */
const internedMaxBytes = 128;

/**
 * Texts that come again and again, such as paths, so that they are not made each time. Secrets are never put
 * here: they would stay in memory.
 */
export class InternTable {
  readonly #texts: string[] = new Array(internedTexts).fill("");

  /** The text of bytes whose hash is given. */
  textOf(bytes: Uint8Array, start: number, length: number, hash: number): string {
    const index = hash & (internedTexts - 1);
    const known = this.#texts[index];
    if (known.length === length) {
      let at = 0;
      while (at < length && known.charCodeAt(at) === bytes[start + at]) at += 1;
      if (at === length) return known;
    }
    const text = textAt(bytes, start, length);
    if (length <= internedMaxBytes) this.#texts[index] = text;
    return text;
  }
}
