/**
 * What a server and the one that takes its place say to each other, at the path of the option `restartPath`,
 * and which listener of the one is which of the other.
 *
 * @module
 */
import type { SocketAddress } from "../../base/address.ts";
import { RingportError } from "../../base/errors.ts";
import { absoluteUnixPath } from "../../stream/socket_address.ts";
import type { ResolvedListenerOptions } from "../../server/options/mod.ts";

/** Raised when the messages change in a way that older servers do not understand. */
export const successionProtocol = 2;

/** Milliseconds the predecessor may take to give its sockets, and to accept no more. */
export const answerMilliseconds = 10_000;
/** Bytes of a successor's messages at most. */
export const visitorBytesMax = 4096;

/** A listener as its server tells of it: how it was asked for, and where it is. */
export interface OfferedListener {
  name: string;
  hostname: string;
  port: number;
  inherited?: string | number;
  address: SocketAddress;
}

/** From the successor. */
export type ToPredecessor =
  /** `pid`: the process to which sockets go, where the kernel does not tell which one is at the other end. */
  | { kind: "hello"; protocol: number; pid: number }
  /** It accepts from the listeners of these places; the predecessor may go. */
  | { kind: "ready"; places: number[] };

/** From the predecessor. A ticket is base64. */
export type ToSuccessor =
  | { kind: "listener"; listener: OfferedListener; ticket: string }
  /** The socket at which it waits for successors itself, where that is one that can be given. */
  | { kind: "point"; ticket: string }
  /** There are no more. */
  | { kind: "all" }
  | { kind: "refused"; reason: string }
  /** It accepts no more. */
  | { kind: "done" };

/** What went wrong between the two. */
export function restartError(message: string): RingportError {
  return new RingportError(
    `restartPath: the sockets of the running server were not handed over: ${message}`,
    {
      code: "ERR_RESTART",
      operation: "start",
      origin: "framework",
    },
  );
}

/** For each listener that is wanted its place among the offered ones; undefined where none is the same. */
export function matchListeners(
  wanted: readonly ResolvedListenerOptions[],
  offered: readonly OfferedListener[],
): (number | undefined)[] {
  const free = new Set(offered.keys());
  return wanted.map((listener) => {
    for (const place of free) {
      if (!isSame(listener, offered[place])) continue;
      free.delete(place);
      return place;
    }
    return undefined;
  });
}

function isSame(wanted: ResolvedListenerOptions, offered: OfferedListener): boolean {
  const { address } = offered;
  if (wanted.inherited !== undefined) return offered.inherited === wanted.inherited;
  if (wanted.unix !== undefined) {
    return address.family === "Unix" && isSamePath(address.path ?? "", wanted.unix);
  }
  if (address.family === "Unix") return false;
  const sameHost = wanted.hostname === offered.hostname || wanted.hostname === address.hostname;
  if (!sameHost) return false;
  // Any free port: the one that the listener of the same name was given.
  if (wanted.port === 0) return offered.port === 0 && offered.name === wanted.name;
  return wanted.port === address.port;
}

/** A relative path is told as it was given where it was bound, and from the root where it was inherited. */
function isSamePath(one: string, other: string): boolean {
  return absoluteUnixPath(one) === absoluteUnixPath(other);
}
