/**
 * The errors of this library: thrown, passed to `error` handlers, or given as the error of a close reason.
 *
 * @module
 */

/** Where an error arose: in the system, the native library, this framework, or the application's own code. */
export type ErrorOrigin = "kernel" | "library" | "framework" | "application";

/** The fields of a {@linkcode RingportError}, as its constructor takes them. */
export interface ErrorDetails {
  /** Stable code, such as `"ECONNRESET"` or `"ERR_OPTION"`. `docs/errors.md` lists all codes. */
  code: string;
  /** The operation that failed: `"listen"`, `"connect"`, `"receive"`, `"send"` and so on. */
  operation: string;
  /** The native library's status number, the same on every system. 0 by default: it was not asked. */
  status?: number;
  /** The system's error number. 0 by default: the system reported none. */
  systemError?: number;
  /** The system's name of that number, such as `"ECONNREFUSED"` or `"WSAECONNREFUSED"`. Empty by default. */
  systemName?: string;
  /** The address concerned, such as `"127.0.0.1:3000"`. */
  address?: string;
  /** Where the error arose. `"framework"` by default. */
  origin?: ErrorOrigin;
  /** The `id` of the connection concerned. */
  connectionId?: number;
  /** The error that led to this one. */
  cause?: unknown;
}

/**
 * The base class of all errors of this library. Compare `code`, or use `instanceof` with a subclass.
 *
 * Only two kinds of errors that a program meets here are not of this class: what its own callbacks throw, and
 * the reason of its own `AbortSignal`.
 *
 * @example
 * ```ts
 * import { listen, RingportError } from "@ringport/ringport";
 *
 * try {
 *   listen({ hostname: "not an address" });
 * } catch (error) {
 *   if (error instanceof RingportError) console.log(error.code, error.operation); // ERR_OPTION listen
 * }
 * ```
 */
export class RingportError extends Error {
  /** Stable code, such as `"ECONNRESET"` or `"ERR_OPTION"`. `docs/errors.md` lists all codes. */
  readonly code: string;
  /** The operation that failed: `"listen"`, `"connect"`, `"receive"`, `"send"` and so on. */
  readonly operation: string;
  /** The native library's status number, the same on every system; 0 if the library was not asked. */
  readonly status: number;
  /** The system's error number; 0 if the system reported none. */
  readonly systemError: number;
  /** The system's name of that number, such as `"ECONNREFUSED"` or `"WSAECONNREFUSED"`; empty if none. */
  readonly systemName: string;
  /** The address concerned, such as `"127.0.0.1:3000"`; undefined if there is none. */
  readonly address?: string;
  /** Where the error arose. */
  readonly origin: ErrorOrigin;
  /** The `id` of the connection concerned; undefined if there is none. */
  readonly connectionId?: number;
  /** Only from `sendMany`: the number of datagrams taken before the one that failed. */
  declare sent?: number;

  // On the prototype, as the language's own errors have it: the stack then begins with this name.
  static {
    this.prototype.name = "RingportError";
  }

  /** The library makes its errors itself; the constructor is public for tests and tools. */
  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.operation = details.operation;
    this.status = details.status ?? 0;
    this.systemError = details.systemError ?? 0;
    this.systemName = details.systemName ?? "";
    this.address = details.address;
    this.origin = details.origin ?? "framework";
    this.connectionId = details.connectionId;
  }
}

/** The address is in use: code `EADDRINUSE`, or `ENOTSOCK` where a file that is not a socket has the path. */
export class AddressInUseError extends RingportError {
  static {
    this.prototype.name = "AddressInUseError";
  }
}

/** This machine does not have the address: code `EADDRNOTAVAIL`. */
export class AddressNotAvailableError extends RingportError {
  static {
    this.prototype.name = "AddressNotAvailableError";
  }
}

/** Nothing has this path: code `ENOENT`. */
export class NotFoundError extends RingportError {
  static {
    this.prototype.name = "NotFoundError";
  }
}

/** The system denied access: code `EACCES`. */
export class AccessDeniedError extends RingportError {
  static {
    this.prototype.name = "AccessDeniedError";
  }
}

/** Nothing listens at the address: code `ECONNREFUSED`. */
export class ConnectionRefusedError extends RingportError {
  static {
    this.prototype.name = "ConnectionRefusedError";
  }
}

/** The peer reset the connection: code `ECONNRESET`, or `EPIPE` if a send found it. */
export class ConnectionResetError extends RingportError {
  static {
    this.prototype.name = "ConnectionResetError";
  }
}

/** The system aborted the connection: code `ECONNABORTED`. */
export class ConnectionAbortedError extends RingportError {
  static {
    this.prototype.name = "ConnectionAbortedError";
  }
}

/** A time limit passed: code `ETIMEDOUT`, or `ERR_TIMEOUT_…` with the name of the limit. */
export class TimeoutError extends RingportError {
  static {
    this.prototype.name = "TimeoutError";
  }
}

/** There is no route to the address: code `EHOSTUNREACH`, `ENETUNREACH` or `ENETDOWN`. */
export class UnreachableError extends RingportError {
  static {
    this.prototype.name = "UnreachableError";
  }
}

/** The host name has no address: code `ENOTFOUND`. */
export class ResolveError extends RingportError {
  static {
    this.prototype.name = "ResolveError";
  }
}

/** A limit of the process, the system, the loop or a pool was reached; `code` says which. */
export class LimitError extends RingportError {
  static {
    this.prototype.name = "LimitError";
  }
}

/** An option or argument is unknown, or has the wrong type or value: code `ERR_OPTION`. */
export class OptionError extends RingportError {
  static {
    this.prototype.name = "OptionError";
  }
  /** The name of the option or argument, such as `"listeners[0].port"`. */
  readonly key: string;

  /** The message is preceded by the operation. */
  constructor(operation: string, key: string, message: string) {
    super(`${operation}: ${message}`, { code: "ERR_OPTION", operation, origin: "application" });
    this.key = key;
  }
}

/** The object cannot do this in its present state: code `ERR_STATE`, or the code of the state. */
export class StateError extends RingportError {
  static {
    this.prototype.name = "StateError";
  }
}

/** A window was used after its callback ended or after `release`: code `ERR_WINDOW_EXPIRED`. */
export class WindowError extends RingportError {
  static {
    this.prototype.name = "WindowError";
  }
}

/**
 * The received bytes are not a message: code `ERR_MESSAGE_MALFORMED` if they break the rules of the framing,
 * `ERR_MESSAGE_INCOMPLETE` if the peer ended within a message.
 */
export class MessageError extends RingportError {
  static {
    this.prototype.name = "MessageError";
  }
}

/** A message is longer than its framer allows: code `ERR_MESSAGE_TOO_LARGE`. */
export class MessageTooLargeError extends MessageError {
  static {
    this.prototype.name = "MessageTooLargeError";
  }
}
