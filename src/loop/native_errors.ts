/**
 * Statuses of the library as this framework's errors.
 *
 * @module
 */
import { statusCode, statusMessage, systemErrorName } from "../../ffi/status.ts";
import {
  AccessDeniedError,
  AddressInUseError,
  AddressNotAvailableError,
  ConnectionAbortedError,
  ConnectionRefusedError,
  ConnectionResetError,
  type ErrorDetails,
  LimitError,
  NotFoundError,
  RingportError,
  StateError,
  TimeoutError,
  UnreachableError,
} from "../base/errors.ts";
import { Status } from "../base/layout.ts";
import { messageOf } from "../base/thrown.ts";

export { statusCode } from "../../ffi/status.ts";

/** Where a status came up. */
export interface StatusPlace {
  operation: string;
  address?: string;
  connectionId?: number;
  /** What statuses mean there, where that is more than they mean everywhere. */
  meanings?: Readonly<Record<number, string>>;
}

type ErrorClass = new (message: string, details: ErrorDetails) => RingportError;

/** The statuses with a class of their own; every other one is a plain RingportError. */
const classes: ReadonlyMap<number, ErrorClass> = new Map<number, ErrorClass>([
  [Status.invalidId, StateError],
  [Status.invalidState, StateError],
  [Status.seized, StateError],
  [Status.invalidLoop, StateError],
  [Status.connectionReset, ConnectionResetError],
  [Status.brokenPipe, ConnectionResetError],
  [Status.connectionAborted, ConnectionAbortedError],
  [Status.connectionRefused, ConnectionRefusedError],
  [Status.timedOut, TimeoutError],
  [Status.hostUnreachable, UnreachableError],
  [Status.networkUnreachable, UnreachableError],
  [Status.networkDown, UnreachableError],
  [Status.addressInUse, AddressInUseError],
  [Status.notASocket, AddressInUseError],
  [Status.notFound, NotFoundError],
  [Status.addressNotAvailable, AddressNotAvailableError],
  [Status.accessDenied, AccessDeniedError],
  [Status.ringFull, LimitError],
  [Status.slotsExhausted, LimitError],
  [Status.sendEntriesExhausted, LimitError],
  [Status.timersExhausted, LimitError],
  [Status.descriptorsExhausted, LimitError],
  [Status.noBufferSpace, LimitError],
  [Status.outOfMemory, LimitError],
  [Status.loopsExhausted, LimitError],
]);

/** The error of a status that is not `ok`. */
export function errorOfStatus(status: number, systemError: number, place: StatusPlace): RingportError {
  const code = statusCode(status);
  const where = place.address === undefined ? "" : ` ${place.address}`;
  const meaning = place.meanings?.[status] ?? statusMessage(status);
  const systemName = systemErrorName(systemError);
  const system = systemError === 0 ? "" : ` (${systemName === code ? "" : `${systemName} `}${systemError})`;
  const message = `${place.operation}${where}: ${meaning}: ${code}${system}`;
  const details: ErrorDetails = {
    code,
    operation: place.operation,
    status,
    systemError,
    systemName: systemName === "" && systemError !== 0 ? code : systemName,
    address: place.address,
    origin: systemError === 0 ? "library" : "kernel",
    connectionId: place.connectionId,
  };
  return new (classes.get(status) ?? RingportError)(message, details);
}

/** A request the library did not answer in the polls that must have taken it. */
export function unanswered(operation: string): RingportError {
  return new RingportError(`${operation}: the library did not answer`, {
    code: "ERR_LISTEN_UNANSWERED",
    operation,
    origin: "library",
  });
}

/** The error of a loop that an exception has ended, and of everything that was on it. */
export function brokenLoop(cause: Error, connectionId?: number): StateError {
  return new StateError(`the event loop was ended by an exception: ${messageOf(cause)}`, {
    code: "ERR_LOOP_BROKEN",
    operation: "poll",
    connectionId,
    cause,
  });
}
