/**
 * Requests of datagram sockets, written into a segment where the library reads them.
 *
 * @module
 */
import type { AddressBytes } from "../base/address.ts";
import {
  DATAGRAM_REQUEST_ADDRESS_BYTE,
  DATAGRAM_REQUEST_DATAGRAM_BYTES_BYTE,
  DATAGRAM_REQUEST_DESCRIPTOR_BYTE,
  DATAGRAM_REQUEST_FLAGS_BYTE,
  DATAGRAM_REQUEST_REMOTE_BYTE,
  DATAGRAM_REQUEST_SIZE,
  DatagramFlags,
  MEMBERSHIP_REQUEST_FLAGS_BYTE,
  MEMBERSHIP_REQUEST_GROUP_BYTE,
  MEMBERSHIP_REQUEST_INTERFACE_BYTE,
  MEMBERSHIP_REQUEST_SIZE,
  MEMBERSHIP_REQUEST_SOURCE_BYTE,
  MembershipFlags,
  Operation,
} from "../base/layout.ts";
import type { Engine } from "../loop/engine.ts";
import { type AddressAndPort, takeSegment, viewOf, writeEndpoint } from "../stream/requests.ts";

/** What a datagram socket asks for when it is opened. */
interface DatagramRequest {
  local: AddressAndPort;
  remote: AddressAndPort | undefined;
  datagramSize: number;
  ipv6Only: boolean;
  reuseAddress: boolean;
  reusePort: boolean;
  broadcast: boolean;
  /** A socket that is bound already, of which a copy is taken. */
  descriptor: number | undefined;
}

/** A group to join or to leave. */
interface MembershipRequest {
  leave: boolean;
  group: AddressBytes;
  source: AddressBytes | undefined;
  interface: AddressBytes | undefined;
}

/** Opens a datagram socket, with reading paused, and returns its id. Throws what the system says. */
export function openDatagramNow(
  engine: Engine,
  request: DatagramRequest,
  tag: number,
  place: string,
): number {
  const { segments } = engine;
  const segment = takeSegment(segments, "udpSocket");
  const view = viewOf(segments, segment * segments.size, DATAGRAM_REQUEST_SIZE);
  writeEndpoint(view, DATAGRAM_REQUEST_ADDRESS_BYTE, request.local);
  if (request.remote !== undefined) writeEndpoint(view, DATAGRAM_REQUEST_REMOTE_BYTE, request.remote);
  const flags = DatagramFlags.paused |
    (request.ipv6Only ? DatagramFlags.v6Only : 0) |
    (request.reuseAddress ? DatagramFlags.reuseAddress : 0) |
    (request.reusePort ? DatagramFlags.reusePort : 0) |
    (request.broadcast ? DatagramFlags.broadcast : 0) |
    (request.descriptor !== undefined ? DatagramFlags.inherited : 0) |
    (request.remote !== undefined ? DatagramFlags.connected : 0);
  view.setUint32(DATAGRAM_REQUEST_FLAGS_BYTE, flags, true);
  view.setUint32(DATAGRAM_REQUEST_DATAGRAM_BYTES_BYTE, request.datagramSize, true);
  view.setUint32(DATAGRAM_REQUEST_DESCRIPTOR_BYTE, request.descriptor ?? 0, true);
  const where = { operation: "udpSocket", address: place };
  return engine.askNow(Operation.datagramOpen, 0, segment, DATAGRAM_REQUEST_SIZE, tag, where);
}

/** Joins or leaves a group. Throws what the system says. */
export function changeMembershipNow(
  engine: Engine,
  id: number,
  request: MembershipRequest,
  tag: number,
  operation: string,
  place: string,
): void {
  const { segments } = engine;
  const segment = takeSegment(segments, operation);
  const view = viewOf(segments, segment * segments.size, MEMBERSHIP_REQUEST_SIZE);
  const write = (at: number, address: AddressBytes | undefined) => {
    if (address !== undefined) writeEndpoint(view, at, { address, port: 0 });
  };
  write(MEMBERSHIP_REQUEST_GROUP_BYTE, request.group);
  write(MEMBERSHIP_REQUEST_SOURCE_BYTE, request.source);
  write(MEMBERSHIP_REQUEST_INTERFACE_BYTE, request.interface);
  view.setUint32(MEMBERSHIP_REQUEST_FLAGS_BYTE, request.leave ? MembershipFlags.leave : 0, true);
  const where = { operation, address: place };
  engine.askNow(Operation.membership, id, segment, MEMBERSHIP_REQUEST_SIZE, tag, where);
}
