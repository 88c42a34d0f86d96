/**
 * Combines the options of a server from all their sources.
 *
 * @module
 */
import { OptionError } from "../../base/errors.ts";
import { type FlatOptions, nested } from "../../base/options.ts";
import { checkListenerObject, checkServerObject, checkUdpObject, optionOperation } from "./check.ts";
import { checkRelations } from "./relations.ts";
import type {
  ResolvedListenerOptions,
  ResolvedMetricsOptions,
  ResolvedServerOptions,
  ResolvedUdpOptions,
} from "./resolved.ts";
import {
  optionsOfFlags,
  type OptionSources,
  readFallbacks,
  readFlags,
  readVariables,
  type WrittenFlag,
} from "./sources.ts";
import {
  listenerOptionPaths,
  listenerOptionTable,
  serverOptionPaths,
  serverOptionTable,
  udpOptionPaths,
  udpOptionTable,
} from "./table.ts";
import type { ServerOptions } from "./types.ts";

/** Name of the listener of a server that has only one. */
export const singleListenerName = "main";
/** Name of the UDP address of a server that has only one. */
const singleUdpName = "udp";

/** Ways to say where a listener listens, of which there can be one. */
const addressKinds: readonly (readonly string[])[] = [["hostname", "port"], ["unix"], ["inherited"]];

/** Throws an OptionError where a source says in two ways where to listen. */
function checkAddress(source: FlatOptions, prefix: string): void {
  const given = addressKinds.flatMap((keys) => keys.filter((key) => source.has(key)).slice(0, 1));
  if (given.length < 2) return;
  const [first, second] = given;
  throw new OptionError(
    optionOperation,
    `${prefix}${second}`,
    `options "${prefix}${first}" and "${prefix}${second}" cannot be combined: a listener has one address`,
  );
}

/** Puts one source over those before. Where it says in another way where to listen, theirs is gone. */
function overlay(options: FlatOptions, source: FlatOptions): void {
  checkAddress(source, "");
  const kind = addressKinds.find((keys) => keys.some((key) => source.has(key)));
  for (const key of addressKinds.flat()) if (kind !== undefined && !kind.includes(key)) options.delete(key);
  for (const [path, value] of source) options.set(path, value);
}

function filled(
  flat: FlatOptions,
  paths: readonly string[],
  defaults: (path: string) => unknown,
): FlatOptions {
  return new Map(paths.map((path) => [path, flat.get(path) ?? defaults(path)]));
}

function resolveListener(flat: FlatOptions, shared: FlatOptions, name: string): ResolvedListenerOptions {
  const rows = listenerOptionTable as Readonly<Record<string, { fallback: unknown }>>;
  const own = filled(flat, listenerOptionPaths, (path) => {
    // The server's limit is that of all listeners together, not of each.
    const inherited = path === "limits.connections" ? undefined : shared.get(path);
    return inherited ?? rows[path].fallback;
  });
  own.set("name", flat.get("name") ?? name);
  // Who sets only the limit or the high mark has not asked for a mark above it.
  const isGiven = (path: string) => flat.has(path) || shared.has(path);
  if (!isGiven("highWaterMark")) lower(own, "highWaterMark", "bufferLimit");
  if (!isGiven("lowWaterMark")) lower(own, "lowWaterMark", "highWaterMark");
  return nested(own) as unknown as ResolvedListenerOptions;
}

/** Lowers the mark `path` to another option that it must not exceed. */
function lower(own: FlatOptions, path: string, bound: string): void {
  own.set(path, Math.min(own.get(path) as number, own.get(bound) as number));
}

function resolveListeners(options: FlatOptions): ResolvedListenerOptions[] {
  const entries = options.get("listeners") as unknown[] | undefined;
  if (entries === undefined) {
    const isDatagramServer = (options.get("udp") as unknown[] | undefined ?? []).length > 0;
    const saysWhere = ["port", "unix", "inherited"].some((key) => options.has(key));
    if (isDatagramServer && !saysWhere) return [];
    const { "limits.connections": _, ...own } = Object.fromEntries(options);
    return [resolveListener(new Map(Object.entries(own)), options, singleListenerName)];
  }
  for (const key of ["port", "unix", "inherited"]) {
    if (!options.has(key)) continue;
    throw new OptionError(
      optionOperation,
      key,
      `option "${key}" applies to a single listener; with "listeners", set it there`,
    );
  }
  return entries.map((entry, index) => {
    const prefix = `listeners[${index}].`;
    const flat = checkListenerObject(entry, prefix);
    checkAddress(flat, prefix);
    return resolveListener(flat, options, String(index));
  });
}

function resolveUdp(options: FlatOptions): ResolvedUdpOptions[] {
  const entries = options.get("udp") as unknown[] | undefined ?? [];
  return entries.map((entry, index) => {
    const prefix = `udp[${index}].`;
    const flat = checkUdpObject(entry, prefix);
    checkAddress(flat, prefix);
    const own = filled(flat, udpOptionPaths, (path) => {
      const shared = path === "hostname" || path === "application" ? options.get(path) : undefined;
      return shared ?? udpOptionTable[path as keyof typeof udpOptionTable].fallback;
    });
    own.set("name", flat.get("name") ?? (entries.length === 1 ? singleUdpName : String(index)));
    if (!flat.has("highWaterMark")) lower(own, "highWaterMark", "bufferLimit");
    if (!flat.has("lowWaterMark")) lower(own, "lowWaterMark", "highWaterMark");
    return nested(own) as unknown as ResolvedUdpOptions;
  });
}

/** The number of workers: what is asked for, or as many as there are cores, within what is allowed. */
function resolveWorkers(
  options: FlatOptions,
  cores: number,
): Pick<ResolvedServerOptions, "workers" | "minWorkers" | "maxWorkers"> {
  const asked = options.get("workers") as number | "auto" | undefined ?? serverOptionTable.workers.fallback;
  const min = options.get("minWorkers") as number | undefined;
  const max = options.get("maxWorkers") as number | undefined;
  const workers = typeof asked === "number" ? asked : Math.max(min ?? 1, Math.min(max ?? cores, cores));
  return {
    workers,
    minWorkers: min ?? Math.min(workers, max ?? workers),
    maxWorkers: max ?? Math.max(workers, min ?? 0),
  };
}

function resolveMetrics(options: FlatOptions): ResolvedMetricsOptions | undefined {
  const port = options.get("metrics.port") as number | undefined;
  const unix = options.get("metrics.unix") as string | undefined;
  if (port === undefined && unix === undefined) return undefined;
  const hostname =
    (options.get("metrics.hostname") ?? serverOptionTable["metrics.hostname"].fallback) as string;
  return { hostname, port, unix };
}

/** Only the listeners have these. */
const listenerOnly: ReadonlySet<string> = new Set(
  listenerOptionPaths.filter((path) => !path.startsWith("limits.")),
);

/** What is given beside code, checked each for itself. */
interface GivenSources {
  readonly fallbacks: FlatOptions;
  /** What the application's module exports. */
  readonly exported: FlatOptions;
  readonly variables: FlatOptions;
  readonly flags: FlatOptions;
  readonly cores: number;
}

/**
 * Reads variables and flags: an unknown one or a wrong value throws an {@linkcode OptionError}. Whether the
 * values fit together is checked when the options in code are known.
 */
export function readSources(sources: OptionSources): GivenSources {
  return {
    fallbacks: readFallbacks(sources),
    exported: checkServerObject(sources.exported ?? {}),
    variables: readVariables(sources),
    flags: readFlags(sources.flags),
    cores: sources.cores ?? 1,
  };
}

/** Checks what a module exports as its options; throws an {@linkcode OptionError} that names the module. */
export function readExported(exported: ServerOptions | undefined, moduleUrl: string): FlatOptions {
  try {
    return checkServerObject(exported ?? {});
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const said = error.message.replace(`${optionOperation}: `, "");
    throw new OptionError(optionOperation, error.key, `${moduleUrl} exports "options": ${said}`);
  }
}

/**
 * All options of a server, from all sources: flags over variables of the environment over code over what the
 * application exports over the platforms' `PORT` and `HOST` over the defaults. So the operator of a server
 * decides. Throws an {@linkcode OptionError} that names the wrong option and the values it accepts.
 */
export function resolveGiven(
  options: ServerOptions,
  { fallbacks, exported, variables, flags, cores }: GivenSources,
): ResolvedServerOptions {
  const given: FlatOptions = new Map();
  const inCode = [exported, checkServerObject(options)];
  // With several listeners, or with UDP, nobody knows which one the platform means.
  const isOpen = !inCode.some((source) => source.has("listeners") || source.has("udp"));
  if (isOpen) overlay(given, fallbacks);
  for (const source of [...inCode, variables, flags]) overlay(given, source);
  const listeners = resolveListeners(given);
  const rows = serverOptionTable as Readonly<Record<string, { fallback: unknown }>>;
  const paths = serverOptionPaths.filter((path) => !listenerOnly.has(path) && !path.startsWith("metrics."));
  const resolved = {
    ...nested(filled(given, paths, (path) => rows[path].fallback)),
    ...resolveWorkers(given, cores),
    listeners,
    udp: resolveUdp(given),
    connectTimeout: given.get("timeouts.connect") ?? serverOptionTable["timeouts.connect"].fallback,
    metrics: resolveMetrics(given),
  } as unknown as ResolvedServerOptions;
  checkRelations(resolved);
  return resolved;
}

/** All options of a server; see {@linkcode resolveGiven}. */
export function resolveServerOptions(
  options: ServerOptions = {},
  sources: OptionSources = {},
): ResolvedServerOptions {
  return resolveGiven(options, readSources(sources));
}

/** Checks options as they stand in code; throws an {@linkcode OptionError} that names the key. */
export function checkServerOptions(options: ServerOptions): void {
  resolveServerOptions(options);
}

/** The options that flags give, as an object such as code would write. Throws an {@linkcode OptionError}. */
export function serverOptionsOfFlags(flags: readonly WrittenFlag[]): ServerOptions {
  return nested(optionsOfFlags(flags)) as ServerOptions;
}
