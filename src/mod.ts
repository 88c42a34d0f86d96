/**
 * Ringport: TCP servers and clients for Deno and Bun at the speed of a bare C loop.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 *
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: {
 *     data(connection, window) {
 *       connection.write(window);
 *     },
 *   },
 * });
 * console.log(listener.port);
 * ```
 *
 * @module
 */

// Servers and clients.
export { listen, Listener, type ListenerState } from "./connection/listener.ts";
export { connect } from "./connection/connect.ts";
export type {
  CloseReason,
  Connection,
  ConnectionOptions,
  ConnectionState,
  ConnectOptions,
  KeepAliveOptions,
  ListenOptions,
  SocketHandlers,
  Writable,
  WriteResult,
} from "./connection/types.ts";
export type { SocketAddress } from "./base/address.ts";
export { Window } from "./memory/window.ts";

// The loop.
export { createLoop, EventLoop, type LoopOptions } from "./connection/event_loop.ts";
export type { LoopStatistics } from "./loop/statistics.ts";

// Errors.
export {
  AccessDeniedError,
  AddressInUseError,
  AddressNotAvailableError,
  ConnectionAbortedError,
  ConnectionRefusedError,
  ConnectionResetError,
  type ErrorDetails,
  type ErrorOrigin,
  LimitError,
  OptionError,
  ResolveError,
  RingportError,
  StateError,
  TimeoutError,
  UnreachableError,
  WindowError,
} from "./base/errors.ts";
export { NativeError } from "../ffi/status.ts";
