/**
 * How connections are spread over the workers: decided once, from the options and the system.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import type { ResolvedServerOptions } from "./options/resolved.ts";

/**
 * `"handOver"`: the server's own thread accepts and gives each connection to the worker that has the fewest.
 * `"reusePort"`: each worker listens on the same port, and the kernel chooses by the peer's address.
 * `"direct"`: the workers accept from the server's own socket, in turn where there are several.
 */
export type Spreading = "handOver" | "reusePort" | "direct";

/** Workers that may accept from one socket: all that have their turn wake for each connection. */
const turnsMax = 4;

/**
 * What the option `spreading` means here. "auto" is handing over, which spreads evenly on every system and
 * holds exact limits, except where the workers can accept without harm to either. Throws an OptionError
 * where a group of listeners on one port is not to be had.
 */
export function spreadingOf(options: ResolvedServerOptions, operatingSystem: string): Spreading {
  if (options.udp.length > 0 && options.restartPath !== undefined && operatingSystem !== "linux") {
    // Two servers cannot share a UDP port there, and a successor binds before the other one goes.
    throw new OptionError(
      "server",
      "udp",
      'options "restartPath" and "udp" cannot be combined on this system',
    );
  }
  if (options.spreading === "auto" && isDirect(options, operatingSystem)) return "direct";
  if (options.spreading !== "reusePort") return "handOver";
  if (operatingSystem !== "linux") {
    throw new OptionError("server", "spreading", 'option "spreading" can be "reusePort" on Linux only');
  }
  if (options.restartPath !== undefined) {
    // A listener of the group that closes resets what waits in its own queue.
    const why =
      'options "restartPath" and "spreading: reusePort" cannot be combined: connections would be lost';
    throw new OptionError("server", "restartPath", why);
  }
  for (const { unix, inherited, name } of options.listeners) {
    if (unix === undefined && inherited === undefined) continue;
    throw new OptionError(
      "server",
      "spreading",
      `option "spreading" cannot be "reusePort": listener "${name}" has no port`,
    );
  }
  return "reusePort";
}

/**
 * Windows binds a listening socket to one port of completions forever, so that a worker could not be
 * replaced. Several listeners share the limits of the whole server, and a successor must find nothing half
 * accepted. Several workers cannot hold a limit of the whole server together.
 */
function isDirect(options: ResolvedServerOptions, operatingSystem: string): boolean {
  const { maxWorkers, isolation, listeners, limits, restartPath } = options;
  if (operatingSystem !== "linux" || isolation !== "thread" || restartPath !== undefined) return false;
  if (listeners.length !== 1) return false;
  if (maxWorkers === 1) return true;
  const [{ limits: { connections, atLimit } }] = listeners;
  return maxWorkers <= turnsMax && limits.connections === "auto" && connections === 0 && atLimit === "pause";
}
