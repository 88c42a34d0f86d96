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
export { pump, type Pumped } from "./connection/pump.ts";
export type { ConnectRetryOptions } from "./connection/connect/retry.ts";
export type {
  CloseReason,
  Connection,
  ConnectionOptions,
  ConnectionState,
  ConnectOptions,
  KeepAliveOptions,
  ListenOptions,
  ProxyProtocol,
  SocketHandlers,
  Writable,
  WriteResult,
} from "./connection/types.ts";
export type { ConnectionRole } from "./connection/state.ts";
export type {
  ConnectionTimeoutOptions,
  ConnectTimeoutOptions,
  RateOptions,
  TimeoutKind,
} from "./connection/watch/types.ts";
export type {
  Admission,
  AdmissionVerdict,
  Refusal,
  RefusalReason,
  Refusals,
} from "./connection/admission.ts";
export type { ProxyEndpoint, ProxyExtension, ProxyHeader } from "./connection/proxy_header.ts";
export { AddressWords } from "./base/address_words.ts";
export { udpSocket } from "./connection/datagram/open.ts";
export { UdpSocket } from "./connection/datagram/socket.ts";
export { Datagram, DatagramSender } from "./connection/datagram/datagram.ts";
export type {
  ReceivedDatagram,
  UdpHandlers,
  UdpSocketOptions,
  UdpSocketState,
} from "./connection/datagram/types.ts";
export type { SocketAddress } from "./base/address.ts";
export { Window } from "./memory/window.ts";

// Outgoing connections that are kept.
export { ConnectionPool, createPool } from "./connection/pool/pool.ts";
export { Lease } from "./connection/pool/lease.ts";
export type {
  PoolConnectOptions,
  PoolEvictions,
  PoolOptions,
  PoolStatistics,
  PoolTarget,
  PoolTimeouts,
} from "./connection/pool/types.ts";

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
export { createLoop, EventLoop, type LoopOptions } from "./connection/event_loop.ts";
export { type AcceptCounters, acceptCounters } from "./loop/accept_counters.ts";
export type { LoopStatistics } from "./loop/statistics.ts";
export type { TraceEvent, TraceRole, TraceSink } from "./loop/trace.ts";
export type { TimeoutCounts } from "./loop/timeout_counts.ts";

// Limits by address.
export { type AddressStatistics, AddressTable, type AddressTableOptions } from "./server/address_table.ts";
export type { Ban, BanList } from "./server/ban_list.ts";
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
} from "./server/options.ts";
export type { LogEntry, LogEvent, LogLevel, LogSink } from "./server/log.ts";
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
} from "./worker/statistics_types.ts";
export { renderPrometheus } from "./worker/prometheus.ts";
export { type MetricsListenOptions, serveMetrics } from "./worker/metrics_listener.ts";
export { Server, type ShutdownRequest } from "./worker/server.ts";
export type { PhaseReport, ShutdownReport } from "./worker/shutdown.ts";
export type { Application, ListenerInfo, UdpInfo } from "./server/application.ts";
export type { WorkerContext } from "./server/worker_context.ts";
export type { WorkerMessageHandler } from "./server/worker_messages.ts";
export type { SelfTestResult } from "./worker/self_test.ts";
export type { ServerBans } from "./server/judges.ts";
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
