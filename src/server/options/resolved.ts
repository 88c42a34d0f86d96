/**
 * The options of a server after all sources were combined.
 *
 * @module
 */
import type { HttpOptions } from "../../http/types.ts";
import type { ProxyProtocol } from "../../listen/types.ts";
import type { TimeoutOptions } from "../../stream/time_limits/types.ts";
import type { KeepAliveOptions } from "../../stream/types.ts";
import type {
  LimitOptions,
  ListenerLimitOptions,
  ListenerOptions,
  MetricsOptions,
  ScalingOptions,
  ServerOptions,
  ShutdownOptions,
  SupervisorOptions,
  UdpListenerOptions,
} from "./types.ts";

/** Options that have no value where nobody gives one. */
type Optional =
  | "application"
  | "unix"
  | "inherited"
  | "receiveBuffer"
  | "sendBuffer"
  | "typeOfService"
  | "library"
  | "argument"
  | "restartPath"
  | "ttl";

/** All options, except those without a default that were not set. */
type Filled<Options> = {
  readonly [Key in keyof Options]-?: Key extends Optional ? Options[Key] | undefined
    : NonNullable<Options[Key]>;
};

/** What a listener does, all of it. */
export interface ResolvedListenerOptions
  extends Filled<Omit<ListenerOptions, "timeouts" | "limits" | "proxyProtocol" | "keepAlive" | "http">> {
  readonly keepAlive: boolean | KeepAliveOptions;
  readonly timeouts: Readonly<Required<TimeoutOptions>>;
  readonly limits: Readonly<Required<ListenerLimitOptions>>;
  readonly proxyProtocol: Readonly<Required<ProxyProtocol>>;
  /** Undefined where the application's own holds. */
  readonly http: { readonly [Key in keyof HttpOptions]-?: HttpOptions[Key] | undefined };
}

/** What a UDP socket does, all of it. */
export type ResolvedUdpOptions = Filled<UdpListenerOptions>;

/** Where the metrics can be fetched: a path, or an address and a port. */
export type ResolvedMetricsOptions = Readonly<
  Required<Pick<MetricsOptions, "hostname">> & { port: number | undefined; unix: string | undefined }
>;

type OwnOptions = Omit<
  ServerOptions,
  keyof ListenerOptions | "listeners" | "udp" | "metrics" | "shutdown" | "supervisor" | "scaling" | "workers"
>;

/** All options of a server. They can be sent to a worker unless `log` is a function. */
export interface ResolvedServerOptions extends Filled<OwnOptions> {
  readonly listeners: readonly ResolvedListenerOptions[];
  readonly udp: readonly ResolvedUdpOptions[];
  /** Milliseconds that connections of the application may take to be made; 0 is off. */
  readonly connectTimeout: number;
  /** Workers at the start; never "auto". */
  readonly workers: number;
  /** `connections` may still be "auto": the system's limit of descriptors is asked where the sockets are. */
  readonly limits: Readonly<Required<LimitOptions>>;
  readonly shutdown: Readonly<Required<ShutdownOptions>>;
  readonly supervisor: Readonly<Required<SupervisorOptions>>;
  readonly scaling: Readonly<Required<ScalingOptions>>;
  /** Undefined where they are off. */
  readonly metrics: ResolvedMetricsOptions | undefined;
}
