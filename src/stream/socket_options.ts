/**
 * Socket options of connections and listeners.
 *
 * @module
 */
import { OptionError, RingportError } from "../base/errors.ts";
import { SocketOption, Status, TIMER_DELAY_MAX_MS } from "../base/layout.ts";
import { flag, milliseconds, wholeNumber } from "../base/option_kinds.ts";
import type { OptionSchema } from "../base/options.ts";
import type { Engine } from "../loop/engine.ts";
import type { ConnectionOptions, KeepAliveOptions } from "./types.ts";

const millisecondsPerSecond = 1000;

/** The largest count the systems take for keep-alive probes. */
const keepAliveCountMax = 127;

const typeOfServices = wholeNumber(0, 0xff);

/** Keys of keep-alive options. */
export const keepAliveSchema: OptionSchema = {
  idle: milliseconds(1, TIMER_DELAY_MAX_MS),
  interval: milliseconds(1, TIMER_DELAY_MAX_MS),
  count: wholeNumber(1, keepAliveCountMax),
};

/** Turns TCP_NODELAY on or off. */
export function setNoDelay(engine: Engine, id: number, on: boolean): void {
  apply(engine, id, "setNoDelay", SocketOption.noDelay, on ? 1 : 0);
}

/** Turns keep-alive on or off. */
export function setKeepAlive(engine: Engine, id: number, on: boolean, options: KeepAliveOptions): void {
  const seconds = (milliseconds: number) => Math.max(1, Math.ceil(milliseconds / millisecondsPerSecond));
  const set = (option: number, value: number) => apply(engine, id, "setKeepAlive", option, value);
  set(SocketOption.keepAlive, on ? 1 : 0);
  if (!on) return;
  if (options.idle !== undefined) set(SocketOption.keepAliveIdleSeconds, seconds(options.idle));
  if (options.interval !== undefined) set(SocketOption.keepAliveIntervalSeconds, seconds(options.interval));
  if (options.count !== undefined) set(SocketOption.keepAliveCount, options.count);
}

/** Sets the type of service. */
export function setTypeOfService(engine: Engine, id: number, value: number): void {
  apply(engine, id, "setTypeOfService", SocketOption.typeOfService, value);
}

/** Checks the argument of a setter; throws an OptionError. */
export function checkOn(operation: string, on: unknown): void {
  if (!flag.accepts(on)) throw new OptionError(operation, "on", `"on" must be ${flag.wants}`);
}

/** Checks the argument of `setTypeOfService`; throws an OptionError. */
export function checkTypeOfService(value: unknown): void {
  if (typeOfServices.accepts(value)) return;
  throw new OptionError("setTypeOfService", "value", `the value must be ${typeOfServices.wants}`);
}

/**
 * Unix sockets silently ignore some of these options, so they are rejected here.
 */
export function checkInternet(connectionId: number, isUnix: boolean, operation: string): void {
  if (!isUnix) return;
  throw new RingportError(`${operation}: a Unix socket does not have this option`, {
    code: "ENOTSUP",
    operation,
    status: Status.notSupported,
    connectionId,
  });
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
    setKeepAlive(engine, id, true, keepAlive === true ? {} : keepAlive);
  }
  if (receiveBuffer !== undefined) {
    apply(engine, id, operation, SocketOption.receiveBufferBytes, receiveBuffer);
  }
  if (sendBuffer !== undefined) apply(engine, id, operation, SocketOption.sendBufferBytes, sendBuffer);
  if (typeOfService !== undefined) {
    apply(engine, id, operation, SocketOption.typeOfService, typeOfService);
  }
}

function apply(engine: Engine, id: number, operation: string, option: number, value: number): void {
  const { status, systemError } = engine.setOption(id, option, value);
  if (status !== Status.ok) throw engine.errorOf(status, systemError, operation, id >>> 0);
}
