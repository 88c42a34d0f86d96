/**
 * Checks objects of options against the tables of a server.
 *
 * @module
 */
import { checkOptions, type FlatOptions } from "../../base/options.ts";
import { listenerOptionTable, serverOptionTable, udpOptionTable } from "./table.ts";

/** The operation that errors of options name. */
export const optionOperation = "server options";

/** Keys of `listen` and of other servers, and what to write instead. */
const hints: Readonly<Record<string, string>> = {
  reusePort: 'write "spreading"',
  socket: "the callbacks are the application's",
};

function hint(path: string): string | undefined {
  return Object.hasOwn(hints, path) ? hints[path] : undefined;
}

function listenerHint(path: string): string | undefined {
  return Object.hasOwn(serverOptionTable, path) ? "it is the server's and not a listener's" : hint(path);
}

/** Checks the options of a server; throws an OptionError. */
export function checkServerObject(options: unknown): FlatOptions {
  return checkOptions(optionOperation, options, serverOptionTable, { hint });
}

/** Checks an entry of `listeners`; `prefix` stands before its keys in messages. */
export function checkListenerObject(options: unknown, prefix: string): FlatOptions {
  return checkOptions(optionOperation, options, listenerOptionTable, { prefix, hint: listenerHint });
}

/** Checks an entry of `udp`; `prefix` stands before its keys in messages. */
export function checkUdpObject(options: unknown, prefix: string): FlatOptions {
  return checkOptions(optionOperation, options, udpOptionTable, { prefix, hint: listenerHint });
}
