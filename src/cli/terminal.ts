/**
 * What the command line needs of the runtime, so that tests can stand in for it.
 *
 * @module
 */
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

/** Prints a line to the standard error. */
export function complain(terminal: Terminal, line: string): void {
  void terminal.write("stderr", encoder.encode(`${line}\n`));
}
