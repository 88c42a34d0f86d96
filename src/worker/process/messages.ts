/**
 * The messages between the supervisor and a worker process beyond those of all workers: they replace the
 * memory that threads share. All of them are JSON.
 *
 * @module
 */
import type { SocketAddress } from "../../base/address.ts";
import type { HandedOver } from "../../server/hand_over.ts";
import type { WorkerServerSettings } from "../../server/worker_server.ts";
import type { Report } from "./channel_listener.ts";
import type { FromWorker, ToWorker } from "../worker_port.ts";
import type { GivenParts } from "./shared_parts.ts";

/** To a worker. */
export type ToProcess =
  | Exclude<ToWorker, { kind: "start" | "message" }>
  /** The body in base64. */
  | { kind: "message"; body: string; from: number | undefined }
  | { kind: "start"; shared: ProcessMemory } & WorkerServerSettings
  /** The loop is to beat. */
  | { kind: "wake" }
  /** An accepted socket is on its way to the worker under this ticket, in base64. */
  | { kind: "handOver"; ticket: string } & Omit<HandedOver, "descriptor">;

/** From a worker. */
export type FromProcess =
  | Exclude<FromWorker, { kind: "ready" | "message" }>
  /** The body in base64. */
  | { kind: "message"; body: string }
  | { kind: "ready"; addresses: SocketAddress[] }
  | { kind: "took" } & Taken;

/** The fate of the sockets that were given to a worker. */
export interface Taken {
  /** Since the start, those included that did not arrive. */
  taken: number;
  /** Since the start, by listener: those that did not arrive. */
  lost: readonly number[];
  /** Open connections, by listener. */
  open: readonly number[];
  /** Whether no more are wanted for now. */
  pressure: boolean;
}

/** The memory a process shares with others. */
export interface ProcessMemory {
  /** The numbers of its loop, and its gauges. */
  metrics: GivenParts;
  /** The tables of addresses of all workers, which of them each listener asks, this worker's number there. */
  tables: GivenParts;
  ofListener: readonly number[];
  tableIndex: number;
}

/** The variable in which a worker's process finds the way to its supervisor. */
export const channelVariable = "RINGPORT_CHANNEL";

/** What it finds there, as JSON. */
export type ProcessStart = Report;
