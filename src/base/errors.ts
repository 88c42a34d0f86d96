/**
 * The closed set of errors this library throws, hands to `error` handlers or puts into a close reason.
 *
 * @module
 */

/** Where the error arose: in the kernel, the native library, this framework, or the application. */
export type ErrorOrigin = "kernel" | "library" | "framework" | "application";

/** What is known of a fault beside its message. */
export interface ErrorDetails {
  /** Stable text to compare with, such as `"ECONNRESET"`. */
  code: string;
  /** What was being done: `"listen"`, `"connect"`, `"receive"`, `"send"` and so on. */
  operation?: string;
  /** The library's own status number, the same on every system; 0 where the library was not asked. */
  status?: number;
  /** The system's error number as it was, 0 where the system did not speak. */
  systemError?: number;
  /** The name of the fault in the system's own words, such as `"ECONNREFUSED"`; empty where there is none. */
  systemName?: string;
  /** The address concerned, as `"127.0.0.1:3000"`. */
  address?: string;
  /** Where the error arose. The framework by default. */
  origin?: ErrorOrigin;
  /** The connection concerned. */
  connectionId?: number;
  /** The error that led to this one. */
  cause?: unknown;
}

/**
 * Every error of this library is one of these. Compare `code`, or use `instanceof` with a subclass.
 *
 * @example
 * ```ts
 * import { listen, RingportError } from "@ringport/ringport";
 *
 * try {
 *   listen({ hostname: "not an address" });
 * } catch (error) {
 *   if (error instanceof RingportError) console.log(error.code);
 * }
 * ```
 */
export class RingportError extends Error {
  override name = "RingportError";
  /** Stable text to compare with, such as `"ECONNRESET"`. */
  readonly code: string;
  /** What was being done: `"listen"`, `"connect"`, `"receive"`, `"send"` and so on. */
  readonly operation: string;
  /** The library's own status number, 0 where the library was not asked. */
  readonly status: number;
  /** The system's error number, 0 where the system did not speak. */
  readonly systemError: number;
  /** The system's name of the fault, such as `"ECONNREFUSED"`; empty where there is none. */
  readonly systemName: string;
  /** The address concerned, where one was. */
  readonly address?: string;
  /** Where the error arose. */
  readonly origin: ErrorOrigin;
  /** The connection concerned, where one was. */
  readonly connectionId?: number;
  /** Of `sendMany`: how many datagrams were taken before the one that failed. */
  declare sent?: number;

  /** Errors are made by the library; the constructor is public so that tests and tools can make them too. */
  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.operation = details.operation ?? "";
    this.status = details.status ?? 0;
    this.systemError = details.systemError ?? 0;
    this.systemName = details.systemName ?? "";
    this.address = details.address;
    this.origin = details.origin ?? "framework";
    this.connectionId = details.connectionId;
  }
}

/** The address and port are taken: code `EADDRINUSE`. */
export class AddressInUseError extends RingportError {
  override name = "AddressInUseError";
}

/** This machine does not have the address: code `EADDRNOTAVAIL`. */
export class AddressNotAvailableError extends RingportError {
  override name = "AddressNotAvailableError";
}

/** The path of a Unix socket names nothing: code `ENOENT`. */
export class NotFoundError extends RingportError {
  override name = "NotFoundError";
}

/** The system does not allow it: code `EACCES`. */
export class AccessDeniedError extends RingportError {
  override name = "AccessDeniedError";
}

/** Nobody listens there: code `ECONNREFUSED`. */
export class ConnectionRefusedError extends RingportError {
  override name = "ConnectionRefusedError";
}

/** The peer cut the connection: code `ECONNRESET`, or `EPIPE` where a send found it. */
export class ConnectionResetError extends RingportError {
  override name = "ConnectionResetError";
}

/** The system cut the connection: code `ECONNABORTED`. */
export class ConnectionAbortedError extends RingportError {
  override name = "ConnectionAbortedError";
}

/** It took longer than allowed: code `ETIMEDOUT`. */
export class TimeoutError extends RingportError {
  override name = "TimeoutError";
}

/** No way leads there: code `EHOSTUNREACH`, `ENETUNREACH` or `ENETDOWN`. */
export class UnreachableError extends RingportError {
  override name = "UnreachableError";
}

/** The host name has no address: code `ENOTFOUND`. */
export class ResolveError extends RingportError {
  override name = "ResolveError";
}

/** A limit of the process, the system or the loop is reached; `code` names which. */
export class LimitError extends RingportError {
  override name = "LimitError";
}

/** An option or an argument is unknown or has the wrong type or value: code `ERR_OPTION`. */
export class OptionError extends RingportError {
  override name = "OptionError";
  /** The key or argument concerned. */
  readonly key: string;

  constructor(operation: string, key: string, message: string) {
    super(`${operation}: ${message}`, { code: "ERR_OPTION", operation, origin: "application" });
    this.key = key;
  }
}

/** The object cannot do this in its state: code `ERR_STATE`. */
export class StateError extends RingportError {
  override name = "StateError";
}

/** A window was used after its time: code `ERR_WINDOW_EXPIRED`. */
export class WindowError extends RingportError {
  override name = "WindowError";
}

/**
 * The received bytes are not a valid message: code `ERR_MESSAGE_MALFORMED` if they break the framing's rules,
 * `ERR_MESSAGE_INCOMPLETE` if the peer ended in the middle of a message.
 */
export class MessageError extends RingportError {
  override name = "MessageError";
}

/** A message is longer than its framer allows: code `ERR_MESSAGE_TOO_LARGE`. */
export class MessageTooLargeError extends MessageError {
  override name = "MessageTooLargeError";
}
