/**
 * A framer driven without a socket: the same bytes cut in every way must give the same messages.
 *
 * @module
 */
import type { Framer } from "../../src/framing.ts";
import type { MessageFramer } from "../../src/framing/framer.ts";
import { incomplete, malformed, ScanState, tooLarge } from "../../src/framing/scan.ts";
import type { Random } from "./random.ts";

/** What a stream was found to be. */
export interface Found {
  /** The contents of the messages that came whole. */
  messages: Uint8Array[];
  /** Bytes behind the last of them, or why there can be no further one. */
  rest: number | "too large" | "malformed";
}

/** Bytes before and behind what is scanned, so that a look outside of it shows. */
const MARGIN_BYTES = 3;

/**
 * Finds the messages of a stream that comes in pieces, `cuts` being where they end. Each piece lies alone
 * among bytes that would be found if it were left: the framer has nothing but its state to remember the
 * others by.
 */
export function findMessages(given: Framer, stream: Uint8Array, cuts: readonly number[]): Found {
  const framer = given as MessageFramer;
  const state = new ScanState();
  const messages: Uint8Array[] = [];
  let begun: number[] = [];
  let start = 0;
  for (const cut of [...cuts, stream.length]) {
    const place = new Uint8Array(cut - start + 2 * MARGIN_BYTES).fill(0x0a);
    const end = place.length - MARGIN_BYTES;
    place.set(stream.subarray(start, cut), MARGIN_BYTES);
    let position = MARGIN_BYTES;
    while (position < end) {
      const after = framer.scan(place, position, end, state);
      if (after === tooLarge || after === malformed) {
        return { messages, rest: after === tooLarge ? "too large" : "malformed" };
      }
      begun.push(...place.subarray(position, after === incomplete ? end : after));
      if (after === incomplete) break;
      if (after <= position || after > end) throw new Error(`a scan of ${position}-${end} gave ${after}`);
      messages.push(contentOf(framer, begun, state));
      begun = [];
      state.reset();
      position = after;
    }
    start = cut;
  }
  return { messages, rest: begun.length };
}

/** The content as it is handed over: cut out where the message lies, with strange bytes around it. */
function contentOf(framer: MessageFramer, message: number[], state: ScanState): Uint8Array {
  if (state.length !== message.length) throw new Error(`${message.length} bytes, counted ${state.length}`);
  const place = new Uint8Array(message.length + 2 * MARGIN_BYTES).fill(0x2e);
  place.set(message, MARGIN_BYTES);
  const end = framer.contentEnd(place, MARGIN_BYTES, MARGIN_BYTES + message.length, state);
  return place.slice(MARGIN_BYTES + framer.frontOf(state), end);
}

/** Every way to cut `length` bytes that is tried: not at all, at each position, and byte by byte. */
export function* everyCut(length: number): Iterable<number[]> {
  yield [];
  for (let position = 1; position < length; position++) yield [position];
  yield Array.from({ length: Math.max(0, length - 1) }, (_, index) => index + 1);
}

/** Random places to cut, in order. */
export function randomCuts(random: Random, length: number, pieceMax: number): number[] {
  const cuts: number[] = [];
  for (let at = random.between(1, pieceMax); at < length; at += random.between(1, pieceMax)) cuts.push(at);
  return cuts;
}

/** One stream and what is in it. */
export interface Vector {
  name: string;
  framer: Framer;
  stream: string | Uint8Array;
  messages: (string | Uint8Array)[];
  /** Bytes left over, 0 where it is left out. */
  rest?: Found["rest"];
}

/** Bytes, or a text each of whose characters stands for one. */
export function toBytes(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? Uint8Array.from(text, (character) => character.charCodeAt(0)) : text;
}

/** Bytes as a text of as many characters, for messages of a failing test. */
export function show(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Tries a vector in every cut; throws with the first cut that gives something else. */
export function checkVector(vector: Vector): void {
  const stream = toBytes(vector.stream);
  const wanted = JSON.stringify({
    messages: vector.messages.map((message) => show(toBytes(message))),
    rest: vector.rest ?? 0,
  });
  for (const cuts of everyCut(stream.length)) {
    const { messages, rest } = findMessages(vector.framer, stream, cuts);
    const found = JSON.stringify({ messages: messages.map(show), rest });
    if (found !== wanted) throw new Error(`${vector.name}, cut at ${cuts}: ${found}, not ${wanted}`);
  }
}
