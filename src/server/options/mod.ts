/**
 * The options of a server: their types, their table, and how the sources combine.
 *
 * @module
 */
export type {
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
export type {
  ResolvedListenerOptions,
  ResolvedMetricsOptions,
  ResolvedServerOptions,
  ResolvedUdpOptions,
} from "./resolved.ts";
export type { OptionSources, WrittenFlag } from "./sources.ts";
export { variableNames } from "./sources.ts";
export {
  checkServerOptions,
  readExported,
  readSources,
  resolveGiven,
  resolveServerOptions,
  serverOptionsOfFlags,
  singleListenerName,
} from "./resolve.ts";
export { withPathsFromRoot } from "./paths.ts";
export { serverOptionsHelp } from "./help.ts";
export { pathOfFlag, serverFlagTakesValue } from "./sources.ts";
export { shutdownRows } from "./server_table.ts";
export { serverOptionPaths } from "./table.ts";
