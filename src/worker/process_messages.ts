/**
 * What the supervisor and a worker in a process of its own say to each other beside what all workers say:
 * that which threads find in shared memory. All of it goes as JSON.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import type { HandedOver } from "../server/hand_over.ts";
import type { RunnerSettings } from "../server/runner.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import type { GivenParts } from "./shared_parts.ts";

/** To a worker. */
export type ToProcess =
  | Exclude<ToWorker, { kind: "start" | "message" }>
  /** The body in base64. */
  | { kind: "message"; body: string; from: number | undefined }
  | { kind: "start"; shared: ProcessMemory } & RunnerSettings
  /** The loop is to beat. */
  | { kind: "wake" }
  /** An accepted socket waits in the worker's inbox under this ticket, in base64. */
  | { kind: "handOver"; ticket: string } & Omit<HandedOver, "descriptor">;

/** From a worker. */
export type FromProcess =
  | Exclude<FromWorker, { kind: "loaded" | "ready" | "message" }>
  /** The body in base64. */
  | { kind: "message"; body: string }
  /** The script runs; `inbox` is the name under which it takes sockets. */
  | { kind: "loaded"; pid: number; inbox: string }
  | { kind: "ready"; addresses: SocketAddress[] }
  /** Sockets taken since the start, connections there are now by listener, and whether more are wanted. */
  | { kind: "took"; taken: number; open: number[]; pressure: boolean };

/** The memory a process shares with others. */
export interface ProcessMemory {
  /** The numbers of its loop, and its board. */
  figures: GivenParts;
  /** The tables of addresses of all workers, which of them each listener asks, this worker's place there. */
  tables: GivenParts;
  ofListener: readonly number[];
  place: number;
}

/** The variable in which a worker's process finds the way to its supervisor. */
export const channelVariable = "RINGPORT_CHANNEL";

/** What it finds there, as JSON. */
export interface ProcessStart {
  port: number;
  token: string;
  library?: string;
}
