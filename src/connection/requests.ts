/**
 * Listen and connect requests, written into a segment where the library reads them.
 *
 * @module
 */
import { LimitError } from "../base/errors.ts";
import {
  ADDRESS_BYTES_BYTE,
  ADDRESS_FAMILY_BYTE,
  ADDRESS_PORT_BYTE,
  ADDRESS_SCOPE_BYTE,
  AddressFamily,
  CONNECT_REQUEST_ADDRESS_BYTE,
  CONNECT_REQUEST_FLAGS_BYTE,
  CONNECT_REQUEST_ID_BYTE,
  CONNECT_REQUEST_LOCAL_ADDRESS_BYTE,
  CONNECT_REQUEST_PATH_BYTE,
  CONNECT_REQUEST_SIZE,
  ConnectFlags,
  LISTEN_REQUEST_ADDRESS_BYTE,
  LISTEN_REQUEST_BACKLOG_BYTE,
  LISTEN_REQUEST_DESCRIPTOR_BYTE,
  LISTEN_REQUEST_FLAGS_BYTE,
  LISTEN_REQUEST_MODE_BYTE,
  LISTEN_REQUEST_PATH_BYTE,
  LISTEN_REQUEST_SIZE,
  ListenFlags,
  PATH_BYTES_BYTE,
  PATH_LENGTH_BYTE,
} from "../base/layout.ts";
import type { Engine, Waiter } from "../loop/engine.ts";
import type { Segments } from "../memory/segments.ts";
import type { Endpoint, Place, UnixEndpoint } from "./places.ts";

/** An address with its port. */
export type AddressAndPort = Omit<Endpoint, "kind">;

/** What a listener asks for. */
export interface ListenRequest {
  place: Place;
  mode: number;
  replaceStale: boolean;
  removePath: boolean;
  backlog: number;
  ipv6Only: boolean;
  reusePort: boolean;
  paused: boolean;
  noDelay: boolean;
  /** Accepted sockets are told as raw descriptors. */
  handOver: boolean;
}

/** What a connect asks for. */
export interface ConnectRequest {
  place: Endpoint | UnixEndpoint;
  local: Endpoint | undefined;
  noDelay: boolean;
}

/** Writes a listen request and returns its segment, held once for the caller. */
export function writeListenRequest(segments: Segments, request: ListenRequest): number {
  const segment = takeSegment(segments, "listen");
  const view = viewOf(segments, segment * segments.size, LISTEN_REQUEST_SIZE);
  const { place } = request;
  if (place.kind === "inherited") view.setUint32(LISTEN_REQUEST_DESCRIPTOR_BYTE, place.descriptor, true);
  else writePlace(view, LISTEN_REQUEST_ADDRESS_BYTE, LISTEN_REQUEST_PATH_BYTE, place);
  view.setUint32(LISTEN_REQUEST_MODE_BYTE, request.mode, true);
  view.setUint32(LISTEN_REQUEST_BACKLOG_BYTE, request.backlog, true);
  const flags = (request.ipv6Only ? ListenFlags.v6Only : 0) |
    (request.reusePort ? ListenFlags.reusePort : 0) |
    (request.paused ? ListenFlags.paused : 0) |
    (request.handOver ? ListenFlags.handOver : 0) |
    (request.noDelay ? ListenFlags.noDelay : 0) |
    (request.replaceStale ? ListenFlags.replaceStale : 0) |
    (request.removePath ? ListenFlags.unlinkAtClose : 0) |
    (place.kind === "inherited" ? ListenFlags.inherited : 0) |
    (place.kind === "inherited" && place.duplicate ? ListenFlags.duplicate : 0);
  view.setUint32(LISTEN_REQUEST_FLAGS_BYTE, flags, true);
  return segment;
}

/**
 * Writes a connect request among the small writes of this turn and returns its position, to be submitted at
 * once; -1 when no segment is free. The request is held until the library has taken it, then `taken` gets the
 * id the library gave it.
 */
export function placeConnectRequest(
  engine: Engine,
  request: ConnectRequest,
  taken: (id: number) => void,
): number {
  const { segments } = engine;
  const position = segments.copySpace(CONNECT_REQUEST_SIZE);
  if (position < 0) return -1;
  segments.copied(CONNECT_REQUEST_SIZE);
  segments.holdAt(position, CONNECT_REQUEST_SIZE);
  const view = viewOf(segments, position, CONNECT_REQUEST_SIZE);
  writePlace(view, CONNECT_REQUEST_ADDRESS_BYTE, CONNECT_REQUEST_PATH_BYTE, request.place);
  if (request.local !== undefined) writeEndpoint(view, CONNECT_REQUEST_LOCAL_ADDRESS_BYTE, request.local);
  const flags = (request.noDelay ? ConnectFlags.noDelay : 0) |
    (request.local !== undefined ? ConnectFlags.bindLocal : 0);
  view.setUint32(CONNECT_REQUEST_FLAGS_BYTE, flags, true);
  view.setUint32(CONNECT_REQUEST_ID_BYTE, notTaken, true);
  engine.waitForPoll(new PlacedRequest(engine, position, taken));
  return position;
}

/** The id of the last generation, which the library never gives out. */
const notTaken = 0xffff_fffe;

/**
 * The hold on a connect request until the library has taken it. Each request has an object of its own: an
 * object that served several could forget where an earlier request lies while it still waits for the library.
 */
class PlacedRequest implements Waiter {
  readonly #engine: Engine;
  readonly #position: number;
  readonly #taken: (id: number) => void;

  constructor(engine: Engine, position: number, taken: (id: number) => void) {
    this.#engine = engine;
    this.#position = position;
    this.#taken = taken;
  }

  /** A poll is over, in which the library has taken the request unless the ring was full. */
  tryAgain(): void {
    const { segments } = this.#engine;
    const view = viewAt(segments, this.#position, CONNECT_REQUEST_SIZE);
    const id = view.getUint32(CONNECT_REQUEST_ID_BYTE, true);
    if (id === notTaken) return this.#engine.waitForPoll(this);
    segments.releaseAt(this.#position, CONNECT_REQUEST_SIZE);
    this.#taken(id | 0);
  }
}

/** A free segment, held once. */
export function takeSegment(segments: Segments, operation: string): number {
  const segment = segments.takeRun(1);
  if (segment >= 0) return segment;
  throw segmentsExhausted(operation);
}

/** The error of a request that finds no segment free. */
export function segmentsExhausted(operation: string): LimitError {
  return new LimitError(`${operation}: no segment of the ring is free`, {
    code: "ERR_SEGMENTS_EXHAUSTED",
    operation,
  });
}

/** A view on bytes of the ring, emptied. */
export function viewOf(segments: Segments, position: number, length: number): DataView {
  segments.bytes.fill(0, position, position + length);
  return viewAt(segments, position, length);
}

function viewAt(segments: Segments, position: number, length: number): DataView {
  return new DataView(segments.bytes.buffer, segments.bytes.byteOffset + position, length);
}

function writePlace(view: DataView, at: number, pathAt: number, place: Endpoint | UnixEndpoint): void {
  if (place.kind === "internet") return writeEndpoint(view, at, place);
  view.setUint16(at + ADDRESS_FAMILY_BYTE, AddressFamily.unix, true);
  view.setUint32(pathAt + PATH_LENGTH_BYTE, place.path.length, true);
  place.path.forEach((byte, index) => view.setUint8(pathAt + PATH_BYTES_BYTE + index, byte));
}

export function writeEndpoint(view: DataView, at: number, { address, port }: AddressAndPort): void {
  view.setUint16(
    at + ADDRESS_FAMILY_BYTE,
    address.family === 4 ? AddressFamily.ipv4 : AddressFamily.ipv6,
    true,
  );
  view.setUint16(at + ADDRESS_PORT_BYTE, port, true);
  view.setUint32(at + ADDRESS_SCOPE_BYTE, address.scope, true);
  address.bytes.forEach((byte, index) => view.setUint8(at + ADDRESS_BYTES_BYTE + index, byte));
}
