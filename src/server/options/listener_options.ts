/**
 * A listener's resolved options as those of `listen`.
 *
 * @module
 */
import { host } from "../../host/mod.ts";
import type { ListenOptions } from "../../listen/types.ts";
import { behaviourRows } from "../../stream/options.ts";
import type { ConnectionOptions } from "../../stream/types.ts";
import type { ResolvedListenerOptions } from "./resolved.ts";

type Behaviour = keyof typeof behaviourRows;

/** What concerns each connection; options of the sockets themselves are inherited from the listening one. */
export function connectionOptionsOf(options: ResolvedListenerOptions): ConnectionOptions<unknown> {
  const { connect: _, ...timeouts } = options.timeouts;
  const { receiveRate, sendRate, rateGrace } = options.limits;
  const behaviour = (Object.keys(behaviourRows) as Behaviour[]).map((key) => [key, options[key]]);
  return {
    ...Object.fromEntries(behaviour) as Pick<ResolvedListenerOptions, Behaviour>,
    timeouts,
    limits: { receiveRate, sendRate, rateGrace },
  };
}

/**
 * What concerns the listening socket. Of the table's defaults only those of its kind of place: `listen`
 * refuses what has no effect there.
 *
 * @param descriptor a socket that listens there already.
 */
export function bindingOptionsOf(
  options: ResolvedListenerOptions,
  descriptor?: number,
): ListenOptions<unknown> {
  const { unix, inherited, hostname, port, backlog, ipv6Only, noDelay, keepAlive } = options;
  const { receiveBuffer, sendBuffer, typeOfService } = options;
  // It may be a Unix socket, which knows no delay; TCP has none by default.
  const given = { noDelay: noDelay ? undefined : false, keepAlive, receiveBuffer, sendBuffer, typeOfService };
  if (descriptor !== undefined) return { ...given, fd: descriptor, removePath: unix !== undefined };
  if (inherited !== undefined) return { ...given, inherited };
  if (unix !== undefined) {
    // Windows goes by the permissions of the folder.
    const mode = host.operatingSystem === "windows" ? undefined : options.mode;
    return { unix, mode, backlog, sendBuffer };
  }
  return { hostname, port, backlog, ipv6Only, noDelay, keepAlive, receiveBuffer, sendBuffer, typeOfService };
}
