/**
 * Metrics: the statistics of a server, its workers and loops, and their Prometheus page.
 *
 * @module
 */
export type {
  AcceptQueue,
  ActivityStatistics,
  AddressTotals,
  ConnectionCounts,
  CountsByName,
  Health,
  Histogram,
  HttpActivity,
  ListenerCounts,
  ListenerStatistics,
  ProcessStatistics,
  ServerStatistics,
  UdpListenerStatistics,
  Usage,
  WorkerStatistics,
} from "./worker/metrics/table.ts";
export { renderPrometheus } from "./worker/metrics/prometheus.ts";
export { type MetricsListenOptions, serveMetrics } from "./worker/metrics/listener.ts";
export type { MetricsOptions } from "./server/options/mod.ts";
export { type AcceptCounters, acceptCounters } from "./loop/accept_counters.ts";
export type { LoopStatistics } from "./loop/statistics.ts";
export type {
  NativeCounters,
  NativeGauges,
  NativeStatistics,
  TurnLengths,
} from "./loop/native_statistics.ts";
export type { TimeoutCounts } from "./loop/timeout_counts.ts";
