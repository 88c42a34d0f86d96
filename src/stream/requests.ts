/**
 * Requests to open sockets, written into a segment where the library reads them.
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
  PATH_BYTES_BYTE,
  PATH_LENGTH_BYTE,
} from "../base/layout.ts";
import type { Segments } from "../memory/segments.ts";
import type { Endpoint, UnixEndpoint } from "./socket_address.ts";

/** An address with its port. */
export type AddressAndPort = Omit<Endpoint, "kind">;

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

/** A view on bytes of the ring, as they are. */
export function viewAt(segments: Segments, position: number, length: number): DataView {
  return new DataView(segments.bytes.buffer, segments.bytes.byteOffset + position, length);
}

export function writePlace(view: DataView, at: number, pathAt: number, place: Endpoint | UnixEndpoint): void {
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
