/**
 * The meaning of a status number of the library: its name, the code of the error, a sentence. Total over
 * `Status` of `zig/src/abi.zig`; a missing number does not compile.
 *
 * @module
 */
import { Status, STATUS_NAMES } from "./layout.gen.ts";
import { detectHost } from "./host.ts";
import { nameOfSystemError } from "./system_error.ts";

/** Code and sentence of each status. Codes are those of POSIX where it has the case, else begin with ERR_. */
const MEANINGS = {
  [Status.ok]: ["OK", "done"],
  [Status.endOfStream]: ["ERR_END_OF_STREAM", "the peer ended its writing side"],
  [Status.invalidId]: ["ERR_INVALID_ID", "the connection or listener no longer exists"],
  [Status.invalidState]: ["ERR_INVALID_STATE", "the socket cannot do this in its present state"],
  [Status.invalidArgument]: ["ERR_INVALID_ARGUMENT", "a value is out of range"],
  [Status.ringFull]: ["ERR_RING_FULL", "the ring has no free record"],
  [Status.slotsExhausted]: ["ERR_SLOTS_EXHAUSTED", "the loop has no free connection slot"],
  [Status.sendEntriesExhausted]: ["ERR_SEND_ENTRIES_EXHAUSTED", "the loop has no free send entry"],
  [Status.timersExhausted]: ["ERR_TIMERS_EXHAUSTED", "the loop has no free timer"],
  [Status.canceled]: ["ECANCELED", "the operation was canceled"],
  [Status.connectionReset]: ["ECONNRESET", "the peer reset the connection"],
  [Status.connectionAborted]: ["ECONNABORTED", "the connection was aborted"],
  [Status.connectionRefused]: ["ECONNREFUSED", "the connection was refused"],
  [Status.timedOut]: ["ETIMEDOUT", "the operation timed out"],
  [Status.hostUnreachable]: ["EHOSTUNREACH", "there is no route to the host"],
  [Status.networkUnreachable]: ["ENETUNREACH", "there is no route to the network"],
  [Status.networkDown]: ["ENETDOWN", "the network is down"],
  [Status.addressInUse]: ["EADDRINUSE", "the address is in use"],
  [Status.addressNotAvailable]: ["EADDRNOTAVAIL", "this machine does not have the address"],
  [Status.addressFamilyNotSupported]: ["EAFNOSUPPORT", "the system does not support the address family"],
  [Status.accessDenied]: ["EACCES", "the system denied access"],
  [Status.brokenPipe]: ["EPIPE", "the peer no longer receives"],
  [Status.notConnected]: ["ENOTCONN", "the socket is not connected"],
  [Status.alreadyConnected]: ["EISCONN", "the socket is already connected"],
  [Status.descriptorsExhausted]: ["EMFILE", "the process or the system has no file descriptor left"],
  [Status.noBufferSpace]: ["ENOBUFS", "the system has no buffer space left"],
  [Status.outOfMemory]: ["ENOMEM", "the system has no memory left"],
  [Status.notSupported]: ["ENOTSUP", "this system does not support it"],
  [Status.wouldBlock]: ["EAGAIN", "nothing is available yet"],
  [Status.interrupted]: ["EINTR", "the system call was interrupted"],
  [Status.unexpected]: ["ERR_UNEXPECTED", "the system reported an error that the library does not know"],
  [Status.memoryInvalid]: ["ERR_MEMORY_INVALID", "the memory of the loop is too small or misaligned"],
  [Status.loopsExhausted]: ["ERR_LOOPS_EXHAUSTED", "this process cannot have another loop"],
  [Status.invalidLoop]: ["ERR_INVALID_LOOP", "the loop no longer exists"],
  [Status.busy]: ["ERR_BUSY", "another thread uses the loop"],
  [Status.messageTooLarge]: ["EMSGSIZE", "the message is too large"],
  [Status.protocolError]: ["EPROTO", "the peer violated the protocol"],
  [Status.notFound]: ["ENOENT", "nothing has this path"],
  [Status.notASocket]: ["ENOTSOCK", "the path names a file that is not a socket"],
  [Status.notAListener]: ["ERR_NOT_A_LISTENER", "the descriptor is not a listening stream socket"],
  [Status.backlogFull]: ["ERR_BACKLOG_FULL", "the listener's queue is full"],
  [Status.seized]: ["ERR_LOOP_SEIZED", "the loop was taken from its thread, which did not respond"],
  [Status.notAFile]: ["ERR_NOT_A_FILE", "the path names a folder, a device or a pipe, not a file"],
  [Status.fileTooShort]: ["ERR_FILE_TOO_SHORT", "the file ended before the bytes that were to be sent"],
  [Status.datagramTruncated]: ["ERR_DATAGRAM_TRUNCATED", "the datagram was longer than the space for it"],
} as const satisfies Record<Status, readonly [code: string, message: string]>;

/** Code of an unknown status: only a library of another version could return one. */
const UNKNOWN = ["ERR_UNKNOWN_STATUS", "the library returned an unknown status"] as const;

/** The name of `zig/src/abi.zig`, such as "address_in_use"; "unknown" for an unknown number. */
export function statusName(status: number): string {
  return STATUS_NAMES[status] || "unknown";
}

/** The stable code, such as "EADDRINUSE" or "ERR_INVALID_ID". */
export function statusCode(status: number): string {
  return meaning(status)[0];
}

/** One sentence without a full stop. */
export function statusMessage(status: number): string {
  return meaning(status)[1];
}

/** This system's name of its own error number, such as "EADDRINUSE" or "WSAEADDRINUSE"; "" if it has none. */
export function systemErrorName(systemError: number): string {
  return systemError === 0 ? "" : nameOfSystemError(systemError, detectHost().operatingSystem);
}

function meaning(status: number): readonly [string, string] {
  return (MEANINGS as Record<number, readonly [string, string]>)[status] ?? UNKNOWN;
}

/** The library refused or failed an operation. */
export class NativeError extends Error {
  override readonly name = "NativeError";
  /** Stable across systems and versions. */
  readonly code: string;
  readonly status: number;
  readonly statusName: string;
  /** What was asked for, such as "listen". */
  readonly operation: string;
  /** The system's own error number; 0 where the system was not asked. */
  readonly systemError: number;
  readonly systemName: string;

  /** `detail`: what is wrong, where that is more than the status means. */
  constructor(operation: string, status: number, systemError = 0, readonly detail = "") {
    const systemName = systemErrorName(systemError);
    const system = systemError === 0 ? "" : ` (${`${systemName} ${systemError}`.trim()})`;
    super(`${operation}: ${detail === "" ? statusMessage(status) : detail}${system}`);
    this.code = statusCode(status);
    this.status = status;
    this.statusName = statusName(status);
    this.operation = operation;
    this.systemError = systemError;
    this.systemName = systemName;
  }
}
