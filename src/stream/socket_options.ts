/**
 * Socket options and addresses of connections and listeners.
 *
 * @module
 */
import { formatAddress, type SocketAddress, unixAddress } from "../base/address.ts";
import { OptionError, RingportError, StateError } from "../base/errors.ts";
import { AddressFamily, SocketOption, Status, TIMER_DELAY_MAX_MS } from "../base/layout.ts";
import { flag, milliseconds, wholeNumber } from "../base/option_kinds.ts";
import { checkOptions, type OptionSchema } from "../base/options.ts";
import type { Engine } from "../loop/engine.ts";
import type { StreamConnection } from "./connection.ts";
import { Flag, State } from "./state.ts";
import { connectedAddress, peerOf } from "./peer_address.ts";
import type { ConnectionOptions, KeepAliveOptions } from "./types.ts";
import { checkSetTimeouts, isLimited, limitsOf } from "./time_limits/table.ts";
import type { ConnectionTimeoutOptions, RateOptions } from "./time_limits/types.ts";
import { limitsFor } from "./time_limits/time_limits.ts";

const millisecondsPerSecond = 1000;

/** The largest count the systems take for keep-alive probes. */
const keepAliveCountMax = 127;

/** Keys of keep-alive options. */
export const keepAliveSchema: OptionSchema = {
  idle: milliseconds(1, TIMER_DELAY_MAX_MS),
  interval: milliseconds(1, TIMER_DELAY_MAX_MS),
  count: wholeNumber(1, keepAliveCountMax),
};

/** One end's address, as text. */
export function readAddress(engine: Engine, id: number, end: "local" | "remote"): SocketAddress {
  const { family, bytes, scope, port, path } = engine.address(id, end);
  if (family === AddressFamily.unix) return unixAddress(path);
  return {
    hostname: formatAddress({ family, bytes, scope }),
    port,
    family: family === AddressFamily.ipv4 ? "IPv4" : "IPv6",
  };
}

/** The peer's end of a connection, also when it is gone. */
export function remoteOf<D>(connection: StreamConnection<D>): SocketAddress {
  return peerOf(connection) ?? askAddress(connection, "remote");
}

/** This end: where its listener listens, or what the system tells while the connection is there. */
export function localOf<D>(connection: StreamConnection<D>): SocketAddress {
  const { localAddress } = connection.config;
  return localAddress === undefined ? askAddress(connection, "local") : { ...localAddress };
}

/** The client: the one a trusted proxy has named, or the peer itself. */
export function clientOf<D>(connection: StreamConnection<D>): SocketAddress {
  const client = connection.origin?.client;
  return client === undefined ? remoteOf(connection) : { ...client };
}

function askAddress<D>(connection: StreamConnection<D>, end: "local" | "remote"): SocketAddress {
  checkAlive(connection, "address");
  try {
    return connectedAddress(connection, end);
  } catch (cause) {
    throw new StateError("address: the system no longer knows the address", {
      code: "ERR_STATE",
      operation: "address",
      origin: "kernel",
      connectionId: connection.id,
      cause,
    });
  }
}

export function setNoDelay<D>(connection: StreamConnection<D>, on: boolean): void {
  checkFlag("setNoDelay", on);
  checkAlive(connection, "setNoDelay");
  checkInternet(connection, "setNoDelay");
  apply(connection.config.engine, connection.number, "setNoDelay", SocketOption.noDelay, on ? 1 : 0);
}

export function setKeepAlive<D>(
  connection: StreamConnection<D>,
  on: boolean,
  options: KeepAliveOptions = {},
): void {
  checkFlag("setKeepAlive", on);
  checkOptions("setKeepAlive", options, keepAliveSchema);
  checkAlive(connection, "setKeepAlive");
  checkInternet(connection, "setKeepAlive");
  applyKeepAlive(connection.config.engine, connection.number, on, options);
}

export function setTypeOfService<D>(connection: StreamConnection<D>, value: number): void {
  const check = wholeNumber(0, 0xff);
  if (!check.accepts(value)) {
    throw new OptionError("setTypeOfService", "value", `the value must be ${check.wants}`);
  }
  checkAlive(connection, "setTypeOfService");
  checkInternet(connection, "setTypeOfService");
  apply(connection.config.engine, connection.number, "setTypeOfService", SocketOption.typeOfService, value);
}

/** Other time limits and rates for one connection. */
export function setTimeouts<D>(
  connection: StreamConnection<D>,
  timeouts: ConnectionTimeoutOptions,
  rates: RateOptions,
): void {
  checkSetTimeouts(timeouts, rates);
  checkAlive(connection, "setTimeouts");
  const { timeLimits } = connection.config;
  const given = { ...timeouts, ...rates };
  const limits = limitsOf(given, limitsFor(connection));
  connection.needExtras().limits = limits;
  if ((connection.flags & Flag.watched) !== 0) timeLimits.limitsChanged(connection, given);
  else if (isLimited(limits)) timeLimits.begin(connection);
}

/** Takes a connection's own limits back, and with them a message in progress. */
export function resetTimeouts<D>(connection: StreamConnection<D>): void {
  connection.messageEnded();
  const { extras, config } = connection;
  if (extras?.limits === undefined || connection.stateNumber === State.closed) return;
  extras.limits = undefined;
  if ((connection.flags & Flag.watched) !== 0) config.timeLimits.limitsChanged(connection, {});
}

/** What an accepted Unix socket does not take over from its listener. */
export function applyUnixOptions<D>(engine: Engine, id: number, options: ConnectionOptions<D>): void {
  const { sendBuffer } = options;
  if (sendBuffer !== undefined) engine.setOption(id, SocketOption.sendBufferBytes, sendBuffer);
}

/** Sets what the options ask for, on a connection or, for all it accepts, on a listener. */
export function applySocketOptions<D>(
  engine: Engine,
  id: number,
  operation: string,
  options: ConnectionOptions<D>,
): void {
  const { keepAlive, receiveBuffer, sendBuffer, typeOfService } = options;
  if (keepAlive !== undefined && keepAlive !== false) {
    applyKeepAlive(engine, id, true, keepAlive === true ? {} : keepAlive);
  }
  if (receiveBuffer !== undefined) {
    apply(engine, id, operation, SocketOption.receiveBufferBytes, receiveBuffer);
  }
  if (sendBuffer !== undefined) apply(engine, id, operation, SocketOption.sendBufferBytes, sendBuffer);
  if (typeOfService !== undefined) {
    apply(engine, id, operation, SocketOption.typeOfService, typeOfService);
  }
}

function applyKeepAlive(engine: Engine, id: number, on: boolean, options: KeepAliveOptions): void {
  const seconds = (milliseconds: number) => Math.max(1, Math.ceil(milliseconds / millisecondsPerSecond));
  const set = (option: number, value: number) => apply(engine, id, "setKeepAlive", option, value);
  set(SocketOption.keepAlive, on ? 1 : 0);
  if (!on) return;
  if (options.idle !== undefined) set(SocketOption.keepAliveIdleSeconds, seconds(options.idle));
  if (options.interval !== undefined) set(SocketOption.keepAliveIntervalSeconds, seconds(options.interval));
  if (options.count !== undefined) set(SocketOption.keepAliveCount, options.count);
}

function apply(engine: Engine, id: number, operation: string, option: number, value: number): void {
  const { status, systemError } = engine.setOption(id, option, value);
  if (status !== Status.ok) throw engine.errorOf(status, systemError, operation, id >>> 0);
}

function checkFlag(operation: string, on: unknown): void {
  if (!flag.accepts(on)) throw new OptionError(operation, "on", `"on" must be ${flag.wants}`);
}

/** The kernel takes some of these options on a Unix socket and does nothing, which would be passed over. */
function checkInternet<D>(connection: StreamConnection<D>, operation: string): void {
  if (!connection.config.isUnix) return;
  throw new RingportError(`${operation}: a Unix socket does not have this option`, {
    code: "ENOTSUP",
    operation,
    status: Status.notSupported,
    connectionId: connection.id,
  });
}

function checkAlive<D>(connection: StreamConnection<D>, operation: string): void {
  const state = connection.stateNumber;
  if (state !== State.closed && state !== State.connecting) return;
  throw new StateError(`${operation}: the connection is ${connection.state}`, {
    code: "ERR_STATE",
    operation,
    origin: "application",
    connectionId: connection.id,
  });
}
