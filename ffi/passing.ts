/**
 * Passing sockets and memory between processes, and the addresses where processes meet. Nothing here waits:
 * the giver is notified when the taker is behind, and the taker knows the ticket before it asks.
 *
 * @module
 */
import type { NativeFunctions } from "./driver.ts";
import * as layout from "./layout.gen.ts";
import type { Gift, Lane } from "./port.ts";
import { NativeError } from "./status.ts";

type Functions = Pick<
  NativeFunctions,
  | "ringport_lane_open"
  | "ringport_lane_take"
  | "ringport_lane_close"
  | "ringport_give"
  | "ringport_take"
  | "ringport_meeting_dial"
  | "ringport_meeting_make"
  | "ringport_meeting_remove"
>;

/** Bytes. Buffers of a page and more stay where they are. */
const PAGE_BYTES = 4096;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Memory of a struct that the library reads and writes. */
class Struct {
  readonly bytes = new Uint8Array(new ArrayBuffer(PAGE_BYTES));
  readonly words = new Uint32Array(this.bytes.buffer);
}

/** One end of a lane. */
class OpenLane implements Lane {
  readonly processId: number | undefined;
  readonly #functions: Functions;
  /** The Lane struct, kept as long as the lane is. */
  readonly #lane: Struct;
  /** The Handover struct. */
  readonly #letter = new Struct();
  #open = true;

  constructor(functions: Functions, lane: Struct) {
    this.#functions = functions;
    this.#lane = lane;
    this.processId = lane.words[layout.LANE_PROCESS] || undefined;
  }

  give(gift: Gift, descriptor: number): Uint8Array<ArrayBuffer> | "busy" {
    this.#checkOpen("give");
    const { bytes, words } = this.#letter;
    words[layout.HANDOVER_DESCRIPTOR] = descriptor;
    words[layout.HANDOVER_GIFT] = layout.Gift[gift];
    const result = this.#functions.ringport_give(this.#lane.bytes, bytes);
    if (result === -layout.Status.busy) return "busy";
    check("give", result, words[layout.HANDOVER_SYSTEM_ERROR]);
    const size = words[layout.HANDOVER_TICKET_SIZE];
    return bytes.slice(layout.HANDOVER_TICKET_BYTE, layout.HANDOVER_TICKET_BYTE + size);
  }

  take(ticket: Uint8Array): number | "exhausted" {
    this.#checkOpen("take");
    const { bytes, words } = this.#letter;
    const fits = ticket.length <= layout.HANDOVER_TICKET_LENGTH;
    words[layout.HANDOVER_TICKET_SIZE] = fits ? ticket.length : 0;
    if (fits) bytes.set(ticket, layout.HANDOVER_TICKET_BYTE);
    const result = this.#functions.ringport_take(this.#lane.bytes, bytes);
    if (result === -layout.Status.descriptorsExhausted) return "exhausted";
    check("take", result, words[layout.HANDOVER_SYSTEM_ERROR]);
    return words[layout.HANDOVER_DESCRIPTOR];
  }

  close(): void {
    if (this.#open) this.#functions.ringport_lane_close(this.#lane.bytes);
    this.#open = false;
  }

  #checkOpen(operation: string): void {
    if (!this.#open) throw new NativeError(operation, layout.Status.invalidState);
  }
}

/** Opens the giving end, see `Native.openLane`. */
export function openLane(functions: Functions, connection = 0, processId = 0): Lane {
  const lane = new Struct();
  lane.words[layout.LANE_PROCESS] = processId;
  const result = functions.ringport_lane_open(lane.bytes, connection);
  check("lane_open", result, lane.words[layout.LANE_SYSTEM_ERROR]);
  return new OpenLane(functions, lane);
}

/** Takes the other end, see `Native.takeLane`. */
export function takeLane(functions: Functions, connection = 0, processId = 0): Lane | undefined {
  const lane = new Struct();
  lane.words[layout.LANE_PROCESS] = processId;
  const result = functions.ringport_lane_take(lane.bytes, connection);
  if (result === -layout.Status.busy) return undefined;
  check("lane_take", result, lane.words[layout.LANE_SYSTEM_ERROR]);
  return new OpenLane(functions, lane);
}

/** Connects to a Unix socket, see `Native.dialMeeting`. */
export function dialMeeting(functions: Functions, path: string, processId = 0): number {
  const place = placeOf("meeting_dial", path);
  place.words[layout.MEETING_PLACE_PROCESS] = processId;
  const result = functions.ringport_meeting_dial(place.bytes);
  check("meeting_dial", result, place.words[layout.MEETING_PLACE_SYSTEM_ERROR]);
  return place.words[layout.MEETING_PLACE_DESCRIPTOR];
}

/** Makes a folder for this user alone, see `Native.makeMeetingFolder`. */
export function makeMeetingFolder(functions: Functions, parent: string): string {
  const place = placeOf("meeting_make", parent);
  const result = functions.ringport_meeting_make(place.bytes);
  check("meeting_make", result, place.words[layout.MEETING_PLACE_SYSTEM_ERROR]);
  const begin = layout.MEETING_PLACE_PATH_BYTE;
  return decoder.decode(place.bytes.subarray(begin, begin + place.words[layout.MEETING_PLACE_LENGTH]));
}

/** Removes it, see `Native.removeMeetingFolder`. */
export function removeMeetingFolder(functions: Functions, path: string): void {
  functions.ringport_meeting_remove(placeOf("meeting_remove", path).bytes);
}

/** The MeetingPlace struct of a path. */
function placeOf(operation: string, path: string): Struct {
  const bytes = encoder.encode(path);
  if (bytes.length === 0 || bytes.length >= layout.MEETING_PATH_BYTES_MAX || bytes.includes(0)) {
    const detail = `the path must have 1 to ${layout.MEETING_PATH_BYTES_MAX - 1} bytes, not ${bytes.length}`;
    throw new NativeError(operation, layout.Status.invalidArgument, 0, detail);
  }
  const place = new Struct();
  place.words[layout.MEETING_PLACE_LENGTH] = bytes.length;
  place.bytes.set(bytes, layout.MEETING_PLACE_PATH_BYTE);
  return place;
}

/** Throws what went wrong. */
function check(operation: string, result: number, systemError: number): void {
  if (result < 0) throw new NativeError(operation, -result, systemError);
}
