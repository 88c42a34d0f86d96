/**
 * The addresses of stream sockets: an IP address with its port, the path of a Unix socket, or a socket that
 * listens already; and how errors name them.
 *
 * @module
 */
import {
  type AddressBytes,
  formatAddress,
  formatHostAndPort,
  isUnixPath,
  parseAddress,
  type SocketAddress,
  unixAddress,
  unixPathBytes,
} from "../base/address.ts";
import { OptionError } from "../base/errors.ts";
import { AddressFamily, Status } from "../base/layout.ts";
import type { Engine } from "../loop/engine.ts";
import type { StatusPlace } from "../loop/native_errors.ts";
import { currentFolder, interfaceIndex } from "../loop/native.ts";

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
interface Inherited {
  readonly kind: "inherited";
  readonly descriptor: number;
  /** The descriptor stays the caller's. */
  readonly duplicate: boolean;
  readonly text: string;
}

export type Place = Endpoint | UnixEndpoint | Inherited;

type Options = Readonly<Record<string, unknown>>;

const internetOnly = ["hostname", "port", "ipv6Only", "reusePort", "noDelay", "keepAlive", "typeOfService"];
const ofConnect = ["localAddress", "localPort"];

/** unix(7): what a Unix socket has under way counts with its sender, and there is no receive buffer. */
export const withoutEffectOnUnix = [...internetOnly, ...ofConnect, "receiveBuffer"];

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
  // Abstract names are not paths; those of Windows begin with a slash of either kind or with a drive.
  if (/^([\0/\\]|[a-z]:)/i.test(path)) return path;
  const folder = currentFolder();
  if (folder === undefined) return path;
  const separator = folder.includes("\\") ? "\\" : "/";
  const absolute = folder.replace(/[/\\]$/, "") + separator + path.replace(/^(\.[/\\]+)+/, "");
  return isUnixPath(absolute) ? absolute : path;
}

/** What is false asks for nothing. */
export function refuseOptions(
  operation: string,
  options: Options,
  keys: readonly string[],
  why: string,
): void {
  const key = keys.find((key) => options[key] !== undefined && options[key] !== false);
  if (key !== undefined) throw new OptionError(operation, key, `option "${key}" ${why}`);
}

/** One end's address, as text. */
export function socketAddress(engine: Engine, id: number, end: "local" | "remote"): SocketAddress {
  const { family, bytes, scope, port, path } = engine.address(id, end);
  if (family === AddressFamily.unix) return unixAddress(path);
  return {
    hostname: formatAddress({ family, bytes, scope }),
    port,
    family: family === AddressFamily.ipv4 ? "IPv4" : "IPv6",
  };
}

/** The place as messages name it. */
export function placeText(place: Place): string {
  return place.kind === "internet" ? formatHostAndPort(formatAddress(place.address), place.port) : place.text;
}

/** The place of an error that a listen or connect there met, with what the statuses mean in this case. */
export function statusPlace(operation: string, place: Place): StatusPlace {
  return { operation, address: placeText(place), meanings: meanings[place.kind] };
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
