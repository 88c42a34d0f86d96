/**
 * How connections come to the workers: decided once, from the options and the system.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import type { ResolvedServerOptions } from "../server/options.ts";

/**
 * `"handOver"`: the server's own thread accepts and gives each connection to the worker that has the fewest.
 * `"reusePort"`: each worker listens on the same port, and the kernel chooses by the peer's address.
 */
export type Spreading = "handOver" | "reusePort";

/**
 * What the option `spreading` means here. "auto" is handing over: it spreads evenly on every system, holds
 * exact limits, and gives a stuck worker nothing more. Throws an OptionError where a group of listeners on
 * one port is not to be had.
 */
export function spreadingOf(options: ResolvedServerOptions, operatingSystem: string): Spreading {
  if (options.spreading !== "reusePort") return "handOver";
  if (operatingSystem !== "linux") {
    throw new OptionError("server", "spreading", 'option "spreading" can be "reusePort" on Linux only');
  }
  if (options.handOver !== undefined) {
    // A listener of the group that closes resets what waits in its own queue.
    const why = 'options "handOver" and "spreading: reusePort" exclude each other: connections would be lost';
    throw new OptionError("server", "handOver", why);
  }
  for (const { unix, inherited, name } of options.listeners) {
    if (unix === undefined && inherited === undefined) continue;
    throw new OptionError(
      "server",
      "spreading",
      `option "spreading" can be "reusePort" for ports only, and listener "${name}" has none`,
    );
  }
  return "reusePort";
}
