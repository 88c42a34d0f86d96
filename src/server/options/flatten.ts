/**
 * An object of options as a flat map of paths, each checked against the table.
 *
 * @module
 */
import { OptionError } from "../../base/errors.ts";
import { NetworkList } from "../../base/networks.ts";
import { nearestOf } from "../../base/nearest.ts";
import { describe } from "../../base/options.ts";
import { keepAliveSchema } from "../../stream/socket_options.ts";
import type { OptionRow } from "./row.ts";
import { optionGroups, serverOptionTable } from "./table.ts";

/** The operation that errors of options name. */
export const optionOperation = "server options";

/** Values by the path of their option. */
export type FlatOptions = Map<string, unknown>;

type Table = Readonly<Record<string, OptionRow>>;

/** Keys users bring along from elsewhere, and what to write instead. */
const hints: Readonly<Record<string, string>> = {
  host: 'write "hostname"',
  idleTimeout: 'write "timeouts.idle", in milliseconds',
  tcpBacklog: 'write "backlog"',
  maxConnections: 'write "limits.connections"',
  reusePort: 'write "spreading"',
  path: 'write "unix"',
  socket: "the callbacks are the application's",
  tls: "TLS is not served",
};

/** What may have been meant by a path that no option has. */
function hintFor(path: string, dotted: boolean, table: Table): string {
  const [group, key] = path.split(".");
  if (dotted && Object.hasOwn(table, path)) return `: write ${group}: { ${key}: ... }`;
  if (Object.hasOwn(serverOptionTable, path)) return ": it is the server's and not a listener's";
  if (Object.hasOwn(hints, path)) return `: ${hints[path]}`;
  const nearest = nearestOf(path, Object.keys(table));
  return nearest === undefined ? "" : ` (did you mean "${nearest}"?)`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Throws an OptionError unless the value is what the option wants; `name` is what the user wrote it as. */
export function checkValue(path: string, name: string, value: unknown, { kind }: OptionRow): void {
  if (!kind.accepts(value)) {
    const message = `${name} must be ${kind.wants}, not ${describe(value)}`;
    throw new OptionError(optionOperation, path, message);
  }
  // Names the entry that is wrong.
  if (/(^|\.)trusted$/.test(path)) new NetworkList(optionOperation, path, value as string[]);
  if (/(^|\.)keepAlive$/.test(path) && isObject(value)) checkKeepAlive(path, name, value);
}

function checkKeepAlive(path: string, name: string, value: Record<string, unknown>): void {
  for (const [key, entry] of Object.entries(value)) {
    const check = Object.hasOwn(keepAliveSchema, key) ? keepAliveSchema[key] : undefined;
    if (check !== undefined && (entry === undefined || check.accepts(entry))) continue;
    const message = check === undefined
      ? `${name} has no "${key}" (known: ${Object.keys(keepAliveSchema).join(", ")})`
      : `"${key}" of ${name} must be ${check.wants}, not ${describe(entry)}`;
    throw new OptionError(optionOperation, `${path}.${key}`, message);
  }
}

/**
 * Flattens and checks an object of options. Keys that are undefined count as absent.
 *
 * @param prefix what stands before the paths in messages, such as `"listeners[1]."`.
 */
export function flatten(options: unknown, table: Table, prefix = ""): FlatOptions {
  const flat: FlatOptions = new Map();
  const enter = (value: unknown, inside: string): void => {
    const where = `${prefix}${inside}`.replace(/\.$/, "");
    if (!isObject(value)) {
      const name = where === "" ? "the options" : `option "${where}"`;
      throw new OptionError(
        optionOperation,
        where === "" ? "options" : where,
        `${name} must be an object, not ${describe(value)}`,
      );
    }
    for (const [key, entry] of Object.entries(value)) {
      if (entry === undefined) continue;
      const path = `${inside}${key}`;
      if (inside === "" && optionGroups.some((group) => group === key && hasGroup(table, key))) {
        enter(entry, `${key}.`);
        continue;
      }
      const dotted = key.includes(".");
      if (dotted || !Object.hasOwn(table, path)) {
        const message = `unknown option "${prefix}${path}"${hintFor(path, dotted, table)}`;
        throw new OptionError(optionOperation, `${prefix}${path}`, message);
      }
      checkValue(`${prefix}${path}`, `option "${prefix}${path}"`, entry, table[path]);
      flat.set(path, entry);
    }
  };
  enter(options, "");
  return flat;
}

function hasGroup(table: Table, group: string): boolean {
  return Object.keys(table).some((path) => path.startsWith(`${group}.`));
}
