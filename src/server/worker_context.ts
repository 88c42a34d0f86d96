/**
 * What an application learns of the worker it runs in.
 *
 * @module
 */
import type { Connection, ConnectOptions } from "../connection/types.ts";
import type { UdpSocket } from "../connection/datagram/socket.ts";
import type { EventLoop } from "../connection/event_loop.ts";
import type { LoopStatistics } from "../loop/statistics.ts";
import type { WorkerMessageHandler } from "./worker_messages.ts";

/** The worker an application runs in; given to `start` and `idle`. */
export interface WorkerContext {
  /** The worker's place, from 0. A replacement has the place of the worker it replaces. */
  readonly index: number;
  /** How many times the worker of this place was replaced before. */
  readonly generation: number;
  /** The loop: to be given to `listen`, `connect`, `udpSocket` and `createPool` as `loop`. */
  readonly loop: EventLoop;
  /** Text the server was given for its applications: the option `argument`. */
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
   * Hears messages of other workers and of the server. What comes before the first handler is lost, so call
   * it in `start`.
   *
   * @returns a function that takes the handler away.
   */
  onMessage(handler: WorkerMessageHandler): () => void;
  /** Writes to the server's log. */
  log(message: string, fields?: Record<string, unknown>): void;
  /** The loop's counters. */
  stats(): LoopStatistics;
  /** Asks the server to shut down, as SIGTERM does. */
  shutdown(): void;
}
