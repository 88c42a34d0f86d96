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
  KeepAliveOptions,
  SocketHandlers,
  Writable,
  WriteResult,
} from "./stream/types.ts";
export type { ConnectOptions } from "./connect/types.ts";
export type { ListenOptions, ProxyProtocol } from "./listen/types.ts";
export type { ConnectionRole } from "./stream/state.ts";
export type {
  ConnectionTimeoutOptions,
  ConnectTimeoutOptions,
  RateOptions,
  TimeoutKind,
} from "./stream/time_limits/types.ts";
export type { Admission, AdmissionVerdict, Refusal, RefusalReason, Refusals } from "./listen/admission.ts";
export type { ProxyEndpoint, ProxyExtension, ProxyHeader } from "./stream/proxy_header.ts";
export { AddressWords } from "./base/address_words.ts";
export { udpSocket } from "./udp/open.ts";
export { UdpSocket } from "./udp/socket.ts";
export { Datagram, DatagramSender } from "./udp/datagram.ts";
export type { ReceivedDatagram, UdpHandlers, UdpSocketOptions, UdpSocketState } from "./udp/types.ts";
export type { SocketAddress } from "./base/address.ts";
export { Window } from "./memory/window.ts";

// Outgoing connections that are kept.
export { ConnectionPool, createPool } from "./connect/pool/pool.ts";
export { Lease } from "./connect/pool/lease.ts";
export type {
  PoolConnectOptions,
  PoolEvictions,
  PoolOptions,
  PoolStatistics,
  PoolTarget,
  PoolTimeouts,
} from "./connect/pool/types.ts";

// Messages in the byte stream.
export { closeAfterReplies, framed } from "./framing/framed.ts";
export type { Framer, FramerOptions } from "./framing/framer.ts";
export { type LengthFormat, type LengthOptions, lengthPrefixed } from "./framing/length.ts";
export { crlfLines, lines } from "./framing/lines.ts";
export { delimited } from "./framing/delimiter.ts";
export { dotTerminated } from "./framing/dots.ts";
export { fixedSize } from "./framing/fixed.ts";
export { defineFramer, type FramerRules, type FramerState } from "./framing/custom.ts";
export { readLines, readMessage, readMessages } from "./framing/read_message.ts";
export { sendMessage } from "./framing/send.ts";
export type { FramedOptions, MessageHandlers, Reply } from "./framing/types.ts";

// The loop.
export { createLoop, EventLoop, type LoopOptions } from "./loop/event_loop.ts";
export { type AcceptCounters, acceptCounters } from "./loop/accept_counters.ts";
export type { LoopStatistics } from "./loop/statistics.ts";
export type { TraceEvent, TraceRole, TraceSink } from "./loop/trace.ts";
export type { TimeoutCounts } from "./loop/timeout_counts.ts";

// Limits by address.
export {
  type AddressStatistics,
  AddressTable,
  type AddressTableOptions,
} from "./server/address_limits/table.ts";
export type { Ban, BanList } from "./server/address_limits/bans.ts";
export { TableAdmission } from "./server/admission.ts";

// The server.
export {
  checkServerOptions,
  type LimitOptions,
  type ListenerLimitOptions,
  type ListenerOptions,
  type MetricsOptions,
  type OptionSources,
  type ProxyProtocolOptions,
  type ScalingOptions,
  type ServerOptions,
  type ShutdownOptions,
  type SupervisorOptions,
  type TimeoutOptions,
  type UdpListenerOptions,
} from "./server/options/mod.ts";
export type { LogEntry, LogEvent, LogLevel, LogSink } from "./server/log/log.ts";
export type {
  AcceptQueue,
  ActivityStatistics,
  AddressTotals,
  ConnectionCounts,
  CountsByName,
  Health,
  Histogram,
  ListenerStatistics,
  Occupancy,
  OperationRole,
  Phase,
  ProcessStatistics,
  ServerStatistics,
  UdpListenerStatistics,
  WorkerStatistics,
} from "./worker/metrics/statistics_types.ts";
export { renderPrometheus } from "./worker/metrics/prometheus.ts";
export { type MetricsListenOptions, serveMetrics } from "./worker/metrics/listener.ts";
export { Server, type ShutdownRequest } from "./worker/server.ts";
export type { PhaseReport, ShutdownReport } from "./worker/shutdown.ts";
export type { Application, ListenerInfo, UdpInfo } from "./server/application.ts";
export type { WorkerContext } from "./server/worker_context.ts";
export type { WorkerMessageHandler } from "./server/worker_messages.ts";
export type { SelfTestResult } from "./worker/supervision/self_test.ts";
export type { ServerBans } from "./server/address_limits/tables.ts";
export type { DrainCounts } from "./server/phases.ts";

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
export { NativeError } from "../ffi/status.ts";
