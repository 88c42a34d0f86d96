/**
 * Metrics of a server that never ran.
 *
 * @module
 */
import { skewOf } from "../../src/worker/metrics/collect.ts";
import { totalOf } from "../../src/worker/metrics/table.ts";
import type { Health, ServerStatistics, WorkerStatistics } from "../../src/worker/metrics/table.ts";

/** A worker that has done something; the larger its number, the more. */
export function workerStatistics(worker: number, health: Health = "healthy"): WorkerStatistics {
  const open = 100 + 10 * worker;
  return {
    worker,
    phase: "running",
    health,
    heartbeatAge: health === "healthy" ? 3 : 12_345,
    utilisation: 0.25 * (worker + 1) % 1,
    connections: {
      open,
      byState: { "open": open - 2, "closing": 2 },
      accepted: 1000 + worker,
      connected: 7,
      refused: { limit: 3, banned: 1 },
      handled: 890,
      closed: 890,
      aborted: 4,
    },
    http: {
      connections: { idle: open - 2, head: 0, body: 0, processing: 2, answering: 0 },
      requests: 700 + worker,
      answers: { "1xx": 1, "2xx": 650, "3xx": 10, "4xx": 30, "5xx": 9 },
      refused: { 400: 4, 413: 1 },
      handlersFailed: 3,
      requestsTimedOut: 2,
      upgrades: 1,
    },
    bytesReceived: 123_456_789 * (worker + 1),
    bytesSent: 9_876_543_210,
    operations: { receive: { server: 5000, client: 12 }, send: { server: 4000, client: 11 } },
    errors: { ECONNRESET: 4 },
    writesRefused: { buffer: 2, ended: 0 },
    handlerErrors: 3,
    unhandledErrors: 1,
    datagramsDropped: 5,
    timeouts: { idle: 2, firstByte: 1 },
    turns: 12_000,
    busyTime: 3_456.5,
    turnLength: { bounds: [0.1, 1, 10], counts: [11_000, 900, 90, 10], sum: 3_456.5 },
    submissionRing: { used: 12, size: 4096 },
    completionRing: { used: 3, size: 2048 },
    segments: { used: 40, size: 4096 },
    queues: { tasks: 5, timers: 220, outbox: 65_536 },
  };
}

/** A server with that many workers. */
export function serverStatistics(workers: number, changes: Partial<ServerStatistics> = {}): ServerStatistics {
  const all = Array.from({ length: workers }, (_, index) => workerStatistics(index));
  return {
    time: 1_700_000_100_000,
    started: 1_700_000_000_000,
    pid: 4711,
    version: "0.1.0",
    runtime: "bun",
    operatingSystem: "linux",
    phase: "running",
    workers: all,
    deaths: 1,
    abandonedThreads: 0,
    messagesDropped: 0,
    listeners: [
      {
        name: "main",
        address: "127.0.0.1:3000",
        open: 210,
        accepted: 2001,
        refused: 4,
        refusals: { limit: 3, banned: 1 },
        paused: false,
        waiting: 0,
        acceptQueue: { length: 3, max: 4096 },
      },
    ],
    udp: [{ name: "udp", address: "127.0.0.1:53" }],
    total: totalOf(all),
    skew: skewOf(all.map(({ connections }) => connections.open)),
    acceptQueueOverflows: 2,
    acceptQueueDrops: undefined,
    process: {
      cpuTime: 1_500,
      residentBytes: 50_000_000,
      virtualBytes: 900_000_000,
      openDescriptors: 40,
      maxDescriptors: 1024,
      started: 1_699_999_999_000,
    },
    addresses: { bans: 1, offences: 6, uncounted: 2 },
    logFailures: 0,
    logDropped: 0,
    ...changes,
  };
}
