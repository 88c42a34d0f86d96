/**
 * Binding a listening socket, whoever takes what it accepts.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import { BACKLOG_DEFAULT, Flags, LISTEN_REQUEST_SIZE, Operation } from "../base/layout.ts";
import type { Engine } from "../loop/engine.ts";
import { type BindOptions, checkInheritedUnix, placeOfListen } from "./listen_address.ts";
import { statusPlace } from "../stream/socket_address.ts";
import { writeListenRequest } from "./listen_request.ts";
import { applySocketOptions, readAddress } from "../stream/socket_options.ts";

/** A listening socket of a loop. */
export interface Bound {
  readonly id: number;
  readonly address: SocketAddress;
}

/** How the library is to treat a listener. */
export interface BindManner {
  /** Its connections begin without reading. */
  paused?: boolean;
  /** Accepted sockets are told as descriptors. */
  handOver?: boolean;
  /** So many are accepted until more are allowed; 0 for any number. */
  accepts?: number;
}

/** Binds a listener; throws where the system refuses. */
export function bindListener(
  engine: Engine,
  tag: number,
  options: BindOptions,
  how: BindManner,
): Bound {
  const id = bind(engine, tag, options, how);
  try {
    const bound = readAddress(engine, id, "local");
    // A relative path was bound from the root, and is told as it was given.
    const address = options.unix === undefined ? bound : { ...bound, path: options.unix };
    if (address.family === "Unix") checkInheritedUnix(options);
    else applySocketOptions(engine, id, "listen", options);
    return { id, address };
  } catch (error) {
    // What was taken over goes as it came.
    engine.submit(Operation.close, id, 0, options.unix === undefined ? Flags.handedOn : 0);
    throw error;
  }
}

function bind(
  engine: Engine,
  tag: number,
  options: BindOptions,
  { paused = false, handOver = false, accepts = 0 }: BindManner,
): number {
  const place = placeOfListen(options);
  const segment = writeListenRequest(engine.segments, {
    place,
    mode: options.mode ?? 0,
    replaceStale: options.replaceStale ?? true,
    removePath: options.removePath ?? place.kind === "unix",
    backlog: options.backlog ?? BACKLOG_DEFAULT,
    ipv6Only: options.ipv6Only ?? false,
    reusePort: options.reusePort ?? false,
    noDelay: options.noDelay ?? true,
    paused,
    handOver,
  });
  return engine.listenNow(segment, LISTEN_REQUEST_SIZE, tag, statusPlace("listen", place), accepts);
}
