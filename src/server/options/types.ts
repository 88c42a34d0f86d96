/**
 * The options of a server, as an application writes them.
 *
 * @module
 */
import type { HttpOptions } from "../../http/types.ts";
import type { ListenLimitOptions, ListenOptions, ProxyProtocol } from "../../listen/types.ts";
import type { LoopOptions } from "../../loop/options.ts";
import type { TimeoutOptions } from "../../stream/time_limits/types.ts";
import type { UdpSocketOptions } from "../../udp/socket.ts";
import type { LogLevel, LogSink } from "../log/log.ts";

/** Limits that a listener may have of its own. */
export interface ListenerLimitOptions extends ListenLimitOptions {
  /** Connections at once from one address. 0, off, by default. */
  connectionsPerAddress?: number;
  /** New connections each second from one address. 0, off, by default. */
  ratePerAddress?: number;
  /** New connections at once from one address before its rate counts. 0, the default, is twice the rate. */
  burstPerAddress?: number;
}

/** Limits of the server. */
export interface LimitOptions
  extends Omit<ListenerLimitOptions, "connections">, Pick<LoopOptions, "tasks" | "memory"> {
  /**
   * Connections of all workers at once. "auto", by default, is as many as the system's limit of
   * descriptors allows.
   */
  connections?: number | "auto";
  /** Connections at once of one worker. 0, no limit but its slots, by default. */
  connectionsPerWorker?: number;
  /** Milliseconds an address stays banned. 60,000 by default. */
  banTime?: number;
  /** Offences within `banTime` after which an address is banned. 0, never, by default. */
  banAfter?: number;
}

/** What one listener is and how its connections behave. */
export interface ListenerOptions extends
  Omit<
    ListenOptions,
    | "socket"
    | "data"
    | "loop"
    | "signal"
    | "admission"
    | "refused"
    | "fd"
    | "duplicate"
    | "replaceStale"
    | "removePath"
    | "reusePort"
    | "timeouts"
    | "limits"
    | "proxyProtocol"
  > {
  /** The name in statistics and in the log. The listener's place in the list by default. */
  name?: string;
  /** URL of the application's module. The server's own module by default. */
  application?: string;
  /** Time limits of its connections, and of those the application makes with `worker.connect`. */
  timeouts?: TimeoutOptions;
  /** Limits of its connections. */
  limits?: ListenerLimitOptions;
  /** Proxies whose PROXY headers are trusted. None by default: the peer is the client. */
  proxyProtocol?: Partial<ProxyProtocol>;
  /**
   * Limits of HTTP, over those that the application has given to `http`. Without effect on an application
   * that serves something else.
   */
  http?: HttpOptions;
}

/**
 * One UDP address of a server. On Linux every worker has a socket of its own at it, and the kernel sends the
 * datagrams of one sender always to the same worker while the number of workers stays the same
 * (SO_REUSEPORT, socket(7)). Windows has no such option: there only the first worker has the socket.
 */
export interface UdpListenerOptions extends
  Omit<
    UdpSocketOptions,
    | "socket"
    | "data"
    | "loop"
    | "signal"
    | "hostname"
    | "port"
    | "inherited"
    | "fd"
    | "connect"
    | "ipv6Only"
    | "reuseAddress"
    | "reusePort"
    | "multicastTTL"
    | "multicastLoopback"
    | "multicastInterface"
  > {
  /** The name in statistics and in the log. `"udp"`, or its place in the list where there are several. */
  name?: string;
  /** URL of the application's module. The server's own module by default. */
  application?: string;
  /** An IP address of this machine. `"0.0.0.0"` by default. */
  hostname?: string;
  /** The port; 0, the default, takes any that is free, the same one for all workers. */
  port?: number;
  /**
   * Name or number of a socket that the service manager passes, in place of an address. Each worker takes a
   * copy, and a datagram goes to any of them. On Linux; with workers that are threads.
   */
  inherited?: string | number;
  /** With an IPv6 address: no IPv4. False by default. */
  ipv6Only?: boolean;
}

/** Milliseconds that each phase of a shutdown may take. */
export interface ShutdownOptions {
  /** Until all listeners are closed or passed to the successor. 1,000 by default. */
  refusing?: number;
  /** From a worker's last completion until the connections that still run are closed. 10,000 by default. */
  draining?: number;
  /** The draining phase altogether. 60,000 by default. */
  maxDraining?: number;
  /** Until connections that are being closed are cut. 5,000 by default. */
  closing?: number;
  /** Until workers that do not end are given up. 1,000 by default. */
  aborting?: number;
}

/** Thresholds for the supervisor's worker health checks. */
export interface SupervisorOptions {
  /** Milliseconds between two checks. 500 by default. */
  interval?: number;
  /** Milliseconds without a turn after which a worker is slow. 2,000 by default. */
  slowAfter?: number;
  /** Milliseconds without a turn after which a worker is stuck and replaced. 10,000 by default. */
  stuckAfter?: number;
  /** Milliseconds before a worker that died is replaced; doubles with each death. 100 by default. */
  backOff?: number;
  /** The longest such delay in milliseconds. 10,000 by default. */
  maxBackOff?: number;
  /**
   * Deaths within `deathsWindow` above which the server stops; a stuck worker that is replaced is one. 5 by
   * default.
   */
  maxDeaths?: number;
  /** Milliseconds in which deaths are counted. 60,000 by default. */
  deathsWindow?: number;
  /**
   * Threads that were given up as stuck and still run, above which the server stops (`ERR_THREADS_STUCK`). 4
   * by default.
   */
  maxAbandoned?: number;
  /**
   * Milliseconds between two self-tests, in which the server connects to its own listeners; failures are
   * logged. 0, off, by default.
   */
  selfTest?: number;
}

/** When workers are added and retired, between `minWorkers` and `maxWorkers`. */
export interface ScalingOptions {
  /** Mean share of busy time above which a worker is added. 0.8 by default. */
  high?: number;
  /** Mean share of busy time below which a worker is retired. 0.3 by default. */
  low?: number;
  /** Milliseconds of one measurement. 1,000 by default. */
  interval?: number;
  /** Measurements above `high`, one after the other, before a worker is added. 3 by default. */
  holdUp?: number;
  /** Measurements below `low`, one after the other, before one is retired. 30 by default. */
  holdDown?: number;
}

/**
 * Where the server answers `/metrics`, `/stats.json` and `/healthz`. Off unless a port or a path is given.
 */
export interface MetricsOptions {
  /** The address. `"127.0.0.1"` by default: metrics are not public. */
  hostname?: string;
  /** The port; 0 takes any that is free. */
  port?: number;
  /** Path of a Unix socket, in place of address and port. */
  unix?: string;
}

/**
 * The options of a server. The options of a listener at the top level are those of the only listener, or,
 * where there are `listeners`, the defaults of each of them.
 *
 * @example
 * ```ts
 * import { checkServerOptions, type ServerOptions } from "@ringport/ringport";
 *
 * const options: ServerOptions = {
 *   port: 3000,
 *   workers: "auto",
 *   timeouts: { idle: 20_000 },
 *   limits: { connections: 50_000, connectionsPerAddress: 200 },
 *   metrics: { port: 9100 },
 * };
 * checkServerOptions(options);
 * ```
 */
export interface ServerOptions
  extends Omit<ListenerOptions, "name" | "limits">, Omit<LoopOptions, "tasks" | "memory" | "seed"> {
  /** The listeners, where there are several. An empty list: the server accepts no connections. */
  listeners?: ListenerOptions[];
  /**
   * Addresses at which the application's `datagram` is called. None by default. A server that has some and
   * names neither `listeners` nor an address of its own accepts no connections.
   */
  udp?: UdpListenerOptions[];
  /** Limits over all listeners, and those of each listener that sets none of its own. */
  limits?: LimitOptions;
  /** Workers; "auto", the default, is one for each logical core. */
  workers?: number | "auto";
  /** Fewest workers, where their number follows the load. As many as `workers` by default. */
  minWorkers?: number;
  /** Most workers, where their number follows the load. As many as `workers` by default. */
  maxWorkers?: number;
  /** Whether each worker is a thread or a process. "thread" by default. */
  isolation?: "thread" | "process";
  /**
   * How connections are spread over the workers. "auto", the default: evenly; the workers accept in turn from
   * one socket where that is possible (Linux, at most four threads, one listener, no limit of all workers
   * together, no `restartPath`), otherwise as "handOver". "handOver": the server's own thread accepts and
   * gives each connection to the worker with the fewest. "reusePort": each worker listens on the port for
   * itself, and the kernel chooses by the peer's address; Linux only.
   */
  spreading?: "auto" | "reusePort" | "handOver";
  /** How long a shutdown takes. */
  shutdown?: ShutdownOptions;
  /**
   * What SIGHUP does to `Server.run` on Linux. "auto", the default, shuts the server down where its standard
   * error is a terminal, and ignores the signal otherwise.
   */
  hangup?: "auto" | "ignore" | "shutdown";
  /** Thresholds for the health checks of workers. */
  supervisor?: SupervisorOptions;
  /** When workers are added and retired. */
  scaling?: ScalingOptions;
  /** Where the metrics can be fetched. */
  metrics?: MetricsOptions;
  /**
   * A text for the applications: their `start` reads it as `worker.argument`. It lets an operator pass a
   * setting of the application's own on the command line (`--argument=...`). None by default.
   */
  argument?: string;
  /** Path where a successor takes over the listeners: a Unix socket, on Windows a file. None by default. */
  restartPath?: string;
  /** Where the log goes: readable lines, JSON lines, nowhere, or a function. "auto" by default. */
  log?: "auto" | "human" | "json" | "off" | LogSink;
  /** The lowest level that is logged. "info" by default. */
  logLevel?: LogLevel;
}

/** Options that hold options. */
type OptionGroup =
  | "timeouts"
  | "limits"
  | "proxyProtocol"
  | "http"
  | "shutdown"
  | "supervisor"
  | "scaling"
  | "metrics";

type PathsIn<Options> = {
  [Key in keyof Options & string]: Key extends OptionGroup
    ? `${Key}.${keyof NonNullable<Options[Key]> & string}`
    : Key;
}[keyof Options & string];

/** The path of each option of a server: `"port"`, `"timeouts.idle"`. */
export type ServerOptionPath = PathsIn<Required<ServerOptions>>;

/** The path of each option of an entry of `listeners`. */
export type ListenerOptionPath = PathsIn<Required<ListenerOptions>>;
