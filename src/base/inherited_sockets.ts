/**
 * The listening sockets that a process was started with, by systemd's protocol.
 *
 * Source: sd_listen_fds(3). The descriptors begin at 3; `LISTEN_FDS` says how many there are, `LISTEN_PID`
 * for which process they are meant, `LISTEN_FDNAMES` their names, joined by colons.
 *
 * @module
 */
import { OptionError } from "./errors.ts";

/** One of the sockets. */
interface InheritedSocket {
  readonly descriptor: number;
  readonly name: string;
}

/** SD_LISTEN_FDS_START */
const descriptorFirst = 3;
/** Sockets taken seriously: more are a mistake in the variable. */
const socketsMax = 1024;
/** The name of a socket that was given none. */
const nameDefault = "unknown";

/** The sockets meant for this process, in their order; none where the variables speak of another one. */
export function readInherited(
  variable: (name: string) => string | undefined,
  processId: number,
): InheritedSocket[] {
  const meantFor = wholeNumber(variable("LISTEN_PID"));
  const count = wholeNumber(variable("LISTEN_FDS"));
  if (meantFor !== processId || count === undefined || count > socketsMax) return [];
  const names = variable("LISTEN_FDNAMES")?.split(":") ?? [];
  return Array.from({ length: count }, (_, index) => ({
    descriptor: descriptorFirst + index,
    name: names[index] === undefined || names[index] === "" ? nameDefault : names[index],
  }));
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,10}$/.test(text) ? Number(text) : undefined;
}

/** The socket of a name or of a position from 0 on; throws an OptionError that says which there are. */
export function findInherited(
  sockets: readonly InheritedSocket[],
  wanted: string | number,
  operation = "listen",
): InheritedSocket {
  const found = typeof wanted === "number"
    ? sockets.slice(wanted, wanted + 1)
    : sockets.filter(({ name }) => name === wanted);
  if (found.length === 1) return found[0];
  const asked = `option "inherited": ${JSON.stringify(wanted)}`;
  if (found.length > 1) {
    throw new OptionError(
      operation,
      "inherited",
      `${asked} names ${found.length} sockets; give the position of one`,
    );
  }
  const there = sockets.length === 0
    ? "this process was started with none, or may not read LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES"
    : `there are ${sockets.map(({ name }, index) => `${index} (${JSON.stringify(name)})`).join(", ")}`;
  throw new OptionError(operation, "inherited", `${asked} names no socket: ${there}`);
}
