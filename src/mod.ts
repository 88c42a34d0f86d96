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
export { listen, Listener, type ListenerState } from "./listen/listener.ts";
export { connect } from "./connect/connect.ts";
export { pump, type Pumped } from "./stream/pump.ts";
export type { ConnectRetryOptions } from "./connect/retry.ts";
export type {
  CloseReason,
  Connection,
  ConnectionOptions,
  ConnectionState,
  FileSend,
  KeepAliveOptions,
  SocketHandlers,
  Writable,
  WriteResult,
} from "./stream/types.ts";
export { SendableFile, type SendableFileOptions, type SendFileOptions } from "./stream/sendable_file.ts";
export type { ConnectOptions } from "./connect/types.ts";
export type { ListenLimitOptions, ListenOptions, ProxyProtocol } from "./listen/types.ts";
export type { Role } from "./base/role.ts";
export type {
  ConnectionTimeoutOptions,
  RateOptions,
  TimeoutKind,
  TimeoutOptions,
} from "./stream/time_limits/types.ts";
export type { SocketAddress } from "./base/address.ts";
export type { Window } from "./memory/window.ts";

// The loop.
export { createLoop } from "./loop/event_loop.ts";
export type { Loop } from "./loop/types.ts";
export type { LoopOptions } from "./loop/options.ts";

// The server.
export { Server, type ServerRunOptions, type ShutdownRequest } from "./worker/server.ts";
export type { Application, ListenerInfo } from "./server/application.ts";
export type { WorkerContext } from "./server/worker_context.ts";
export type { WorkerMessageHandler } from "./server/worker_messages.ts";
export {
  checkServerOptions,
  type LimitOptions,
  type ListenerLimitOptions,
  type ListenerOptions,
  type OptionSources,
  type ScalingOptions,
  type ServerOptions,
  type ShutdownOptions,
  type SupervisorOptions,
} from "./server/options/mod.ts";
export type { LogEntry, LogEvent, LogLevel, LogSink } from "./server/log/log.ts";
export type { PhaseReport, ShutdownReport } from "./worker/shutdown.ts";
export type { DrainCounts } from "./server/phases.ts";
export type { Phase } from "./server/phases.ts";
export type { SelfTestResult } from "./worker/supervision/self_test.ts";

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
  MessageError,
  MessageTooLargeError,
  NotFoundError,
  OptionError,
  ResolveError,
  RingportError,
  StateError,
  TimeoutError,
  UnreachableError,
  WindowError,
} from "./base/errors.ts";
