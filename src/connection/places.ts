/**
 * Where a listener listens and where a connect goes: an IP address, the path of a Unix socket, or a socket
 * that listens already. What of the options concerns another kind of place is refused, never passed over.
 *
 * @module
 */
import {
  type AddressBytes,
  formatAddress,
  formatHostAndPort,
  isUnixPath,
  parseAddress,
  unixPathBytes,
} from "../base/address.ts";
import { OptionError } from "../base/errors.ts";
import { Status } from "../base/layout.ts";
import type { StatusPlace } from "../loop/native_errors.ts";
import { currentFolder, environment, interfaceIndex, processId } from "../loop/open.ts";
import { findInherited, readInherited } from "./inherited.ts";
import type { ConnectOptions, ListenOptions } from "./types.ts";

/** An address with its port. */
export interface Endpoint {
  readonly kind: "internet";
  readonly address: AddressBytes;
  readonly port: number;
}

/** The path of a Unix socket. */
export interface UnixEndpoint {
  readonly kind: "unix";
  readonly path: Uint8Array;
  readonly text: string;
}

/** A socket that listens already. */
export interface Inherited {
  readonly kind: "inherited";
  readonly descriptor: number;
  /** The descriptor stays with whoever has it. */
  readonly duplicate: boolean;
  readonly text: string;
}

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

export type Place = Endpoint | UnixEndpoint | Inherited;

/** The address listened at when none is given: every IPv4 address, as Bun does. */
const hostnameDefault = "0.0.0.0";

type Options = Readonly<Record<string, unknown>>;

const internetOnly = ["hostname", "port", "ipv6Only", "reusePort", "noDelay", "keepAlive", "typeOfService"];
const ofConnect = ["localAddress", "localPort"];
const unixOnly = ["mode", "replaceStale", "removePath"];
/** unix(7): what a Unix socket has under way counts with its sender, and there is no receive buffer. */
const withoutEffectOnUnix = [...internetOnly, ...ofConnect, "receiveBuffer"];
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
      `option "${named[1]}" and option "${named[0]}" exclude each other`,
    );
  }
  if (fd === undefined) refuse("listen", given, ["duplicate"], 'has no effect without "fd"');
  if (unix !== undefined) {
    refuse("listen", given, withoutEffectOnUnix, "has no effect on a Unix socket");
    return unixEndpoint(unix);
  }
  if (fd !== undefined || inherited !== undefined) {
    refuse("listen", given, withoutEffectOnInherited, "has no effect on a socket that listens already");
    if (fd !== undefined) {
      const duplicate = options.duplicate ?? false;
      return { kind: "inherited", descriptor: fd, duplicate, text: `descriptor ${fd}` };
    }
    const found = findInherited(readInherited(environment, processId()), inherited!);
    const text = `inherited socket ${JSON.stringify(inherited)} (descriptor ${found.descriptor})`;
    return { kind: "inherited", descriptor: found.descriptor, duplicate: true, text };
  }
  refuse("listen", given, unixOnly, "has no effect without a Unix socket");
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

/**
 * Reads an address whose zone may be the name of an interface (`fe80::1%eth0`); undefined where the text is
 * no address. Throws an OptionError where no interface has the name.
 */
export function addressWithZone(operation: string, key: string, text: string): AddressBytes | undefined {
  return parseAddress(text, (zone) => {
    const index = interfaceIndex(zone);
    if (index !== undefined) return index;
    const name = JSON.stringify(zone);
    throw new OptionError(operation, key, `option "${key}": no network interface is called ${name}`);
  });
}

export function unixEndpoint(path: string): UnixEndpoint {
  return { kind: "unix", path: unixPathBytes(absoluteUnixPath(path)), text: path };
}

/**
 * The path of a Unix socket from the root, so that it means the same file when the process changes its
 * current folder. One that has no room from the root stays as it is.
 */
export function absoluteUnixPath(path: string): string {
  // Abstract names are no paths; those of Windows begin with a slash of either kind or with a drive.
  if (/^([\0/\\]|[a-z]:)/i.test(path)) return path;
  const folder = currentFolder();
  if (folder === undefined) return path;
  const separator = folder.includes("\\") ? "\\" : "/";
  const absolute = folder.replace(/[/\\]$/, "") + separator + path.replace(/^(\.[/\\]+)+/, "");
  return isUnixPath(absolute) ? absolute : path;
}

/** Refuses what has no effect on a connect to a Unix socket. */
export function checkUnixConnect<D>(options: ConnectOptions<D>): void {
  refuse("connect", options as Options, withoutEffectOnUnix, "has no effect on a Unix socket");
}

/** Refuses what has no effect on a listening socket that turned out to be a Unix socket. */
export function checkInheritedUnix(options: BindOptions): void {
  refuse("listen", options as Options, withoutEffectOnUnix, "has no effect on a Unix socket");
}

/** What is false asks for nothing. */
function refuse(operation: string, options: Options, keys: readonly string[], why: string): void {
  const key = keys.find((key) => options[key] !== undefined && options[key] !== false);
  if (key !== undefined) throw new OptionError(operation, key, `option "${key}" ${why}`);
}

/** The place as messages name it. */
export function textOf(place: Place): string {
  return place.kind === "internet" ? formatHostAndPort(formatAddress(place.address), place.port) : place.text;
}

/** The place of an error that a listen or connect there met, with what the statuses mean in this case. */
export function statusPlace(operation: string, place: Place): StatusPlace {
  return { operation, address: textOf(place), meanings: meanings[place.kind] };
}

const meanings: Readonly<Record<Place["kind"], Readonly<Record<number, string>>>> = {
  internet: {},
  unix: {
    [Status.addressFamilyNotSupported]: "this system has no Unix sockets",
    [Status.notSupported]: 'this system gives the path of a socket no permissions (option "mode")',
    [Status.notFound]: "there is no such file or folder",
  },
  inherited: {
    [Status.notSupported]: "this system cannot take over a listening socket",
    [Status.addressFamilyNotSupported]: "the socket is neither TCP nor a Unix socket",
  },
};
