/**
 * Options and groups of datagram sockets. Sources: RFC 1112 (multicast), RFC 3678 (source-specific groups),
 * RFC 3493 (IPv6 options).
 *
 * @module
 */
import type { AddressBytes } from "../base/address.ts";
import { OptionError } from "../base/errors.ts";
import { SocketOption, Status } from "../base/layout.ts";
import { flag, wholeNumber } from "../base/option_kinds.ts";
import type { Engine } from "../loop/engine.ts";
import { addressWithZone } from "../stream/socket_address.ts";
import { changeMembershipNow } from "./requests.ts";

const byteMax = 0xff;

/** What is set: whose, on which loop, and how an error names the operation. */
export interface SettingPlace {
  engine: Engine;
  id: number;
  family: 4 | 6;
  operation: string;
}

/** Options of `udpSocket` that are set on the open socket. */
export interface UdpSettings {
  receiveBuffer?: number;
  sendBuffer?: number;
  typeOfService?: number;
  ttl?: number;
  multicastTTL?: number;
  multicastLoopback?: boolean;
  multicastInterface?: string;
}

/** Sets what the options ask for. */
export function applyUdpOptions(place: SettingPlace, options: UdpSettings): void {
  const { receiveBuffer, sendBuffer, typeOfService } = options;
  if (receiveBuffer !== undefined) apply(place, SocketOption.receiveBufferBytes, receiveBuffer);
  if (sendBuffer !== undefined) apply(place, SocketOption.sendBufferBytes, sendBuffer);
  if (typeOfService !== undefined) apply(place, SocketOption.typeOfService, typeOfService);
  if (options.ttl !== undefined) setTTL(place, options.ttl);
  if (options.multicastTTL !== undefined) setMulticastTTL(place, options.multicastTTL);
  if (options.multicastLoopback !== undefined) setMulticastLoopback(place, options.multicastLoopback);
  if (options.multicastInterface !== undefined) setMulticastInterface(place, options.multicastInterface);
}

export function setBroadcast(place: SettingPlace, on: unknown): void {
  applyFlag(place, SocketOption.broadcast, on);
}

export function setTTL(place: SettingPlace, value: unknown): void {
  applyNumber(place, SocketOption.timeToLive, value, 1);
}

export function setMulticastTTL(place: SettingPlace, value: unknown): void {
  applyNumber(place, SocketOption.multicastTimeToLive, value, 0);
}

export function setMulticastLoopback(place: SettingPlace, on: unknown): void {
  applyFlag(place, SocketOption.multicastLoopback, on);
}

export function setMulticastInterface(place: SettingPlace, text: unknown): void {
  const address = interfaceOf(place, text);
  const number = address.family === 6
    ? address.scope
    : address.bytes.reduce((all, byte) => all << 8 | byte, 0) >>> 0;
  apply(place, SocketOption.multicastInterface, number);
}

/** A group with its interface and, where it is source-specific, its source. */
export interface Membership {
  leave: boolean;
  group: unknown;
  source?: unknown;
  interface: unknown;
}

/** Joins or leaves a group. */
export function changeMembership(place: SettingPlace, tag: number, membership: Membership): void {
  const { operation, family } = place;
  const group = addressOf(place, "group", membership.group);
  if (!isMulticast(group)) {
    throw new OptionError(
      operation,
      "group",
      `${JSON.stringify(membership.group)} is not a multicast address`,
    );
  }
  const source = membership.source === undefined ? undefined : addressOf(place, "source", membership.source);
  const through = membership.interface === undefined ? undefined : interfaceOf(place, membership.interface);
  // A group of IPv6 may name its interface itself, as "ff02::1%2".
  const scoped = through ?? (family === 6 && group.scope !== 0 ? { ...group } : undefined);
  const request = { leave: membership.leave, group, source, interface: scoped };
  changeMembershipNow(place.engine, place.id, request, tag, operation, String(membership.group));
}

/** 224.0.0.0/4 (RFC 5771), ff00::/8 (RFC 4291 section 2.7). */
function isMulticast({ family, bytes }: AddressBytes): boolean {
  return family === 4 ? bytes[0] >> 4 === 0xe : bytes[0] === 0xff;
}

function interfaceOf(place: SettingPlace, text: unknown): AddressBytes {
  return addressOf(place, "multicastInterface", text);
}

function addressOf({ operation, family }: SettingPlace, key: string, text: unknown): AddressBytes {
  const address = typeof text === "string" ? addressWithZone(operation, key, text) : undefined;
  if (address !== undefined && address.family === family) return address;
  throw new OptionError(operation, key, `"${key}" must be an IPv${family} address, as the socket's is`);
}

function applyFlag(place: SettingPlace, option: number, on: unknown): void {
  if (!flag.accepts(on)) throw new OptionError(place.operation, "on", `"on" must be ${flag.wants}`);
  apply(place, option, on ? 1 : 0);
}

function applyNumber(place: SettingPlace, option: number, value: unknown, min: number): void {
  const check = wholeNumber(min, byteMax);
  if (!check.accepts(value)) {
    throw new OptionError(place.operation, "value", `the value must be ${check.wants}`);
  }
  apply(place, option, value as number);
}

function apply({ engine, id, operation }: SettingPlace, option: number, value: number): void {
  const { status, systemError } = engine.setOption(id, option, value);
  if (status !== Status.ok) throw engine.errorOf(status, systemError, operation, id >>> 0);
}
