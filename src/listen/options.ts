/**
 * Options of `listen`, which the listeners of a server share.
 *
 * @module
 */
import { BACKLOG_DEFAULT, TIMER_DELAY_MAX_MS } from "../base/layout.ts";
import { bufferLimitMaxBytes, proxyTimeoutDefaultMilliseconds } from "../base/limits.ts";
import {
  address,
  choice,
  flag,
  inGroup,
  milliseconds,
  nameOrNumber,
  networks,
  type OptionRow,
  permissionBits,
  portFrom,
  row,
  unixPath,
  unset,
  wholeNumber,
} from "../base/option_kinds.ts";
import { abortSignal, callback, checkOptions, objectOf, type OptionSchema } from "../base/options.ts";
import { checkConnectionOptions, connectionSchema } from "../stream/options.ts";
import type { ListenLimitOptions, ListenOptions, ProxyProtocol } from "./types.ts";

const countMax = bufferLimitMaxBytes;

/** Where a listener listens. */
export const listenRows = {
  hostname: row(address, "0.0.0.0", "IP address to listen on", "a server is meant to be reached"),
  port: row(portFrom(0), 0, "port to listen on; 0 takes any free one", "no port is right for everybody"),
  unix: unset(
    unixPath,
    "off",
    "path of a Unix socket, in place of address and port",
    "most servers are reached over the network",
  ),
  mode: row(
    permissionBits,
    0o600,
    "permission bits of the Unix socket's file",
    "only the owner may connect",
  ),
  inherited: unset(
    nameOrNumber,
    "off",
    "name or number of a socket passed by the service manager",
    "known only where the server is started",
  ),
  backlog: row(
    wholeNumber(1, countMax),
    BACKLOG_DEFAULT,
    "connections that the kernel queues before they are accepted",
    "bursts wait instead of failing; the system lowers it to its own limit",
  ),
  ipv6Only: row(flag, false, "with an IPv6 address: no IPv4", "one socket serves both"),
} satisfies Partial<Record<keyof ListenOptions, OptionRow>>;

/** The rows of `limits`, beside the rates. */
export const listenLimitRows = inGroup(
  "limits",
  {
    connections: row(
      wholeNumber(0, countMax),
      0,
      "connections at once; 0 sets no limit but the server's",
      "the server's limit bounds them already",
    ),
    atLimit: row(
      choice("pause", "refuse"),
      "pause",
      "at the limit leave connections in the kernel's queue, or refuse them",
      "queued connections are served later instead of never",
    ),
  } satisfies Partial<Record<keyof ListenLimitOptions, OptionRow>>,
);

/** The rows of `proxyProtocol`. */
export const proxyRows = inGroup(
  "proxyProtocol",
  {
    trusted: row(
      networks,
      [],
      "addresses and networks whose PROXY headers are trusted",
      "a trusted peer can claim any address",
    ),
    timeout: row(
      milliseconds(1, TIMER_DELAY_MAX_MS),
      proxyTimeoutDefaultMilliseconds,
      "time until the PROXY header is complete",
      "a proxy sends it with the first packet",
    ),
  } satisfies Record<keyof ProxyProtocol, OptionRow>,
);

const listenSchema: OptionSchema = {
  ...connectionSchema,
  ...listenRows,
  ...listenLimitRows,
  ...proxyRows,
  replaceStale: flag,
  removePath: flag,
  fd: wholeNumber(0, countMax),
  duplicate: flag,
  reusePort: flag,
  signal: abortSignal,
  admission: objectOf("an object with admit and leave"),
  refused: callback,
};

/** Checks the options of `listen`; throws an OptionError. */
export function checkListenOptions<D>(options: ListenOptions<D>): void {
  checkOptions("listen", options, listenSchema, { required: ["proxyProtocol.trusted"] });
  checkConnectionOptions("listen", options);
}
