/**
 * The application of a module whose default export has a `fetch` function.
 *
 * @module
 */
import type { SocketHandlers } from "../../stream/types.ts";
import { nearestOf } from "../../base/nearest.ts";
import { optionsElsewhere } from "./elsewhere.ts";
import { fetchHandlers } from "./handlers.ts";
import type { FetchHandler, FetchOptions } from "./types.ts";

/** A default export, as far as it is read here. */
export interface FetchExport extends FetchOptions {
  readonly fetch: FetchHandler;
}

const optionNames = [
  "onError",
  "error",
  "maxRequestBodySize",
  "http",
  "trustedProxies",
  "proxyFields",
] as const;
/** Callbacks of an application that stay beside `fetch`. */
const lifeNames = ["start", "idle", "stopping", "stop"] as const;

/** Keys of servers that export their options; here the server has them. */
const elsewhere: Readonly<Record<string, string>> = {
  port: "give it to the server, as --port",
  hostname: "give it to the server, as --hostname",
  unix: "give it to the server, as --unix",
  idleTimeout: "give it to the server, as --timeouts.idle in milliseconds",
  development: "give it to the server, as --development",
  data: "a module has either fetch or data",
};

/** Whether a default export serves requests in the fetch style. */
export function isFetchExport(made: object): made is FetchExport {
  return typeof (made as { fetch?: unknown }).fetch === "function";
}

/** A key beside `fetch` that belongs elsewhere, and where; undefined where all are right. */
export function misplacedKey(made: object): { key: string; hint: string } | undefined {
  // Fields of a class are its own: only names with a meaning here are refused.
  const isPlain = Object.getPrototypeOf(made) === Object.prototype;
  for (const [key, value] of Object.entries(made)) {
    if (value === undefined || known.has(key)) continue;
    if (Object.hasOwn(elsewhere, key)) return { key, hint: elsewhere[key] };
    if (!isPlain) continue;
    if (Object.hasOwn(optionsElsewhere, key)) return { key, hint: optionsElsewhere[key] };
    const meant = nearestOf(key, [...known].filter((name) => !Object.hasOwn(made, name)));
    if (meant !== undefined) return { key, hint: `did you mean "${meant}"?` };
  }
  return undefined;
}

const known: ReadonlySet<string> = new Set(["fetch", ...optionNames, ...lifeNames]);

/**
 * The callbacks of an application.
 *
 * @param isOwn whether the object is the module's own: of one that a framework has made nothing but `fetch`
 * is used, since its other functions have meanings of their own.
 * @throws {OptionError} for a wrong option.
 */
export function fetchApplication(made: FetchExport, isOwn: boolean): SocketHandlers<unknown> {
  const handler: FetchHandler = (request, info) => made.fetch(request, info);
  if (!isOwn) return fetchHandlers("application", handler, {});
  const table = made as unknown as Record<string, unknown>;
  const options: Record<string, unknown> = {};
  for (const name of optionNames) if (table[name] !== undefined) options[name] = table[name];
  const application = fetchHandlers("application", handler, options) as Record<string, unknown>;
  for (const name of lifeNames) {
    const callback = table[name];
    if (typeof callback === "function") application[name] = callback.bind(made);
  }
  return application;
}
