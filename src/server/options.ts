/**
 * The options of a server: their types, their one table, and how they come together.
 *
 * @module
 */
export type {
  LimitOptions,
  ListenerLimitOptions,
  ListenerOptions,
  MetricsOptions,
  ProxyProtocolOptions,
  ScalingOptions,
  ServerOptions,
  ShutdownOptions,
  SupervisorOptions,
  TimeoutOptions,
  UdpListenerOptions,
} from "./options/types.ts";
export type {
  ResolvedListenerOptions,
  ResolvedMetricsOptions,
  ResolvedServerOptions,
  ResolvedUdpOptions,
} from "./options/resolved.ts";
export type { OptionSources } from "./options/sources.ts";
export { variableNames } from "./options/sources.ts";
export {
  checkExportedOptions,
  checkOptionSources,
  checkServerOptions,
  resolveServerOptions,
  serverOptionsOfFlags,
  singleListenerName,
} from "./options/resolve.ts";
export { withPathsFromRoot } from "./options/paths.ts";
export { serverOptionsHelp } from "./options/help.ts";
export { pathOfFlag, serverFlagTakesValue } from "./options/sources.ts";
export { serverOptionPaths } from "./options/table.ts";
