/**
 * The worker, as its application sees it.
 *
 * @module
 */
import type { Connection } from "../stream/types.ts";
import type { ConnectOptions } from "../connect/types.ts";
import type { UdpSocket } from "../udp/socket.ts";
import type { Loop } from "../loop/types.ts";
import type { LoopStatistics } from "../loop/statistics.ts";
import type { ServerBans } from "./address_limits/tables.ts";
import type { WorkerMessageHandler } from "./worker_messages.ts";

/** The worker an application runs in; given to `start` and `idle`. */
export interface WorkerContext {
  /** The worker's number, from 0. A replacement has the number of the worker it replaces. */
  readonly index: number;
  /** How many times the worker of this number was replaced before. */
  readonly generation: number;
  /** The loop: to be given to `listen`, `connect`, `udpSocket` and `createPool` as `loop`. */
  readonly loop: Loop;
  /** The server's option `argument`: a text that its operator passes to the applications. */
  readonly argument: string | undefined;
  /** Aborted when the server begins to drain: for what the application does beside its connections. */
  readonly signal: AbortSignal;
  /** `connect` on the worker's loop. */
  connect<D = undefined>(options: ConnectOptions<D>): Promise<Connection<D>>;
  /**
   * The worker's socket at an address of the option `udp`, to send what answers no datagram.
   *
   * @param name the name of the address; the first one by default.
   * @returns undefined before the worker serves and where another worker has the only socket.
   * @throws {OptionError} for a name that no address of the server has.
   */
  udpSocket(name?: string): UdpSocket | undefined;
  /**
   * Sends a message to all other workers of the server, threads or processes, and to `server.onMessage`.
   * They get a copy of plain data, as `structuredClone` makes it; a view is sent with the bytes it shows.
   * Messages of one worker come in their order, and to those workers that are there when it is sent.
   *
   * @throws {OptionError} for what cannot be sent: functions, symbols, instances of classes.
   * @throws {LimitError} `ERR_MESSAGE_TOO_LONG` above 262,144 bytes, and `ERR_MESSAGES_WAITING` while 4,096
   * messages or 4 MiB of this worker wait for the server.
   */
  broadcast(message: unknown): void;
  /**
   * Receives messages from other workers and the server. Messages before the first handler are lost, so call
   * it in `start`.
   *
   * @returns a function that takes the handler away.
   */
  onMessage(handler: WorkerMessageHandler): () => void;
  /**
   * Counts offences of the peer of an accepted connection, beside those that the server counts itself: peers
   * that keep it waiting, are slower than allowed, or break a rule of HTTP (see the guide of limits). With
   * `limits.banAfter` of them within `limits.banTime`, by all workers together, the address is banned for
   * `banTime`. The connection stays; end it where that is wanted.
   *
   * @param weight how many offences it is worth, 1 to 255. 1 by default.
   * @returns true when the address is banned by it; false before that, for a Unix socket, and where
   * `limits.banAfter` is 0.
   * @throws {OptionError} for another weight, and a connection that no listener of this worker accepted.
   *
   * @example
   * ```ts
   * import type { Application, Connection, Window, WorkerContext } from "@ringport/ringport";
   *
   * export default class Guarded implements Application {
   *   #worker!: WorkerContext;
   *
   *   start(worker: WorkerContext) {
   *     this.#worker = worker;
   *   }
   *
   *   data(connection: Connection, window: Window) {
   *     if (window.text().startsWith("GET /wp-admin")) {
   *       this.#worker.offend(connection, 5);
   *       connection.abort();
   *     }
   *   }
   * }
   * ```
   */
  offend(connection: Connection<unknown>, weight?: number): boolean;
  /**
   * Bans an IP address or a network at all listeners of the server and in all of its workers. It concerns new
   * connections; the same as `bans.add`.
   *
   * @throws {OptionError} for an invalid address or network, or a time that is not a whole number.
   */
  ban(address: string, milliseconds: number, reason?: string): void;
  /** The bans of the server, as `server.bans`. */
  readonly bans: ServerBans;
  /** Writes to the server's log. */
  log(message: string, fields?: Record<string, unknown>): void;
  /** The loop's counters. */
  stats(): LoopStatistics;
  /** Asks the server to shut down, as SIGTERM does. */
  shutdown(): void;
}
