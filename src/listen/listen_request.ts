/**
 * The request of a listener, written into a segment where the library reads it.
 *
 * @module
 */
import {
  LISTEN_REQUEST_ADDRESS_BYTE,
  LISTEN_REQUEST_BACKLOG_BYTE,
  LISTEN_REQUEST_DESCRIPTOR_BYTE,
  LISTEN_REQUEST_FLAGS_BYTE,
  LISTEN_REQUEST_MODE_BYTE,
  LISTEN_REQUEST_PATH_BYTE,
  LISTEN_REQUEST_SIZE,
  ListenFlags,
} from "../base/layout.ts";
import type { Segments } from "../memory/segments.ts";
import { takeSegment, viewOf, writePlace } from "../stream/requests.ts";
import type { Place } from "../stream/socket_address.ts";

/** What a listener asks for. */
interface ListenRequest {
  place: Place;
  mode: number;
  replaceStale: boolean;
  removePath: boolean;
  backlog: number;
  ipv6Only: boolean;
  reusePort: boolean;
  paused: boolean;
  noDelay: boolean;
  /** Accepted sockets are reported as raw descriptors. */
  handOver: boolean;
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
