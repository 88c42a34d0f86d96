/**
 * The address of a listener, from its options: an IP address, the path of a Unix socket, or a socket that
 * already listens. Options for another kind of socket are rejected, never ignored.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { findInherited, readInherited } from "../base/inherited_sockets.ts";
import { environment, processId } from "../loop/native.ts";
import {
  addressWithZone,
  type Endpoint,
  type Place,
  refuseOptions,
  unixEndpoint,
  withoutEffectOnUnix,
} from "../stream/socket_address.ts";
import type { ListenOptions } from "./types.ts";

/** Where and how to bind, and what accepted sockets inherit. */
export type BindOptions = Pick<
  ListenOptions,
  | "hostname"
  | "port"
  | "unix"
  | "mode"
  | "replaceStale"
  | "removePath"
  | "inherited"
  | "fd"
  | "duplicate"
  | "backlog"
  | "ipv6Only"
  | "reusePort"
  | "noDelay"
  | "keepAlive"
  | "receiveBuffer"
  | "sendBuffer"
  | "typeOfService"
>;

/** The address listened at when none is given: every IPv4 address, as Bun does. */
const hostnameDefault = "0.0.0.0";

type Options = Readonly<Record<string, unknown>>;

const unixOnly = ["mode", "replaceStale", "removePath"];
const withoutEffectOnInherited = [
  "hostname",
  "port",
  "ipv6Only",
  "reusePort",
  "backlog",
  "mode",
  "replaceStale",
];

/** The place `listen` is asked for; throws an OptionError. */
export function placeOfListen(options: BindOptions): Place {
  const { unix, fd, inherited } = options;
  const given = options as Options;
  const named = ["unix", "fd", "inherited"].filter((key) => given[key] !== undefined);
  if (named.length > 1) {
    throw new OptionError(
      "listen",
      named[1],
      `option "${named[1]}" and option "${named[0]}" cannot be combined`,
    );
  }
  if (fd === undefined) refuseOptions("listen", given, ["duplicate"], 'has no effect without "fd"');
  if (unix !== undefined) {
    refuseOptions("listen", given, withoutEffectOnUnix, "has no effect on a Unix socket");
    return unixEndpoint(unix);
  }
  if (fd !== undefined || inherited !== undefined) {
    refuseOptions(
      "listen",
      given,
      withoutEffectOnInherited,
      "has no effect on a socket that listens already",
    );
    if (fd !== undefined) {
      const duplicate = options.duplicate ?? false;
      return { kind: "inherited", descriptor: fd, duplicate, text: `descriptor ${fd}` };
    }
    const found = findInherited(readInherited(environment, processId()), inherited!);
    const text = `inherited socket ${JSON.stringify(inherited)} (descriptor ${found.descriptor})`;
    return { kind: "inherited", descriptor: found.descriptor, duplicate: true, text };
  }
  refuseOptions("listen", given, unixOnly, "has no effect without a Unix socket");
  return internetEndpoint(options.hostname ?? hostnameDefault, options.port ?? 0);
}

function internetEndpoint(hostname: string, port: number): Endpoint {
  const address = addressWithZone("listen", "hostname", hostname === "localhost" ? "127.0.0.1" : hostname);
  if (address !== undefined) return { kind: "internet", address, port };
  throw new OptionError(
    "listen",
    "hostname",
    `option "hostname" must be an IP address or "localhost", not ${JSON.stringify(hostname)}`,
  );
}

/** Refuses what has no effect on a listening socket that turned out to be a Unix socket. */
export function checkInheritedUnix(options: BindOptions): void {
  refuseOptions("listen", options as Options, withoutEffectOnUnix, "has no effect on a Unix socket");
}
