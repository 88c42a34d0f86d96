/**
 * The services of the runtime that the command line needs, so that tests can replace them.
 *
 * @module
 */
import { visible } from "../base/visible.ts";
import type { Host } from "../host/mod.ts";

/** The parts of the host that commands use. */
export type Terminal = Pick<
  Host,
  | "cores"
  | "isTerminal"
  | "moduleUrl"
  | "onKeys"
  | "onSignal"
  | "operatingSystem"
  | "readText"
  | "runtime"
  | "terminalSize"
  | "variable"
  | "variableNames"
  | "write"
>;

const encoder = new TextEncoder();

/** Prints text as it is. */
export function print(terminal: Terminal, text: string): void {
  void terminal.write("stdout", encoder.encode(text));
}

/** Prints lines to the standard error, in which another program may have had a word. */
export function complain(terminal: Terminal, lines: string): void {
  const text = lines.split("\n").map(visible).join("\n");
  void terminal.write("stderr", encoder.encode(`${text}\n`));
}
