/**
 * Channels over Unix sockets. Each has a lane for descriptors, and the kernel confirms to both sides that the
 * other one is a process of the same user.
 *
 * @module
 */
import {
  ConnectionRefusedError,
  ConnectionResetError,
  NotFoundError,
  RingportError,
  TimeoutError,
} from "../../base/errors.ts";
import type { SocketAddress } from "../../base/address.ts";
import { Status } from "../../base/layout.ts";
import { listenHanded } from "../../listen/listener.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import type { Connection } from "../../stream/types.ts";
import { dialMeeting, discardDescriptor, type Lane, openLane, takeLane } from "../../loop/native.ts";
import {
  type ChannelHandlers,
  channelHandlers,
  channelOptions,
  type Connected,
  nobody,
  ProcessChannel,
} from "./channel.ts";

/** How a Unix socket is dialled. */
interface Dialling {
  /** The process that has to listen there, where it is known. */
  processId?: number;
  /** Until the other side has answered. */
  milliseconds: number;
  library: string | undefined;
}

/** Neither end of these connections has a name that matters. */
const unixAddress: SocketAddress = { hostname: "", port: 0, family: "Unix", path: "" };

/** Milliseconds between two looks for an answer: the first, and the last after doubling. */
const lookMilliseconds = 1;
const lookMillisecondsMax = 16;

/**
 * Makes a channel out of an accepted Unix socket, which is closed where its peer is of another user.
 *
 * @param greet makes the channel of the connection.
 */
export function acceptChannel(
  loop: EventLoop,
  descriptor: number,
  greet: (connected: Connected) => ProcessChannel,
  library: string | undefined,
): void {
  let lane: Lane;
  try {
    lane = openLane(descriptor, undefined, library);
  } catch {
    return void discardDescriptor(descriptor, library);
  }
  void adopt(loop, descriptor, lane, greet);
}

/**
 * A channel to the process that listens at a path, which receives from the first byte on; undefined where
 * there is none. Rejects with an AccessDeniedError where that is a process of another user, or not the
 * expected one, and with a TimeoutError where it does not answer.
 *
 * @param handlersOf gives the handlers of the channel.
 */
export async function dialUnixChannel(
  loop: EventLoop,
  path: string,
  handlersOf: (channel: ProcessChannel) => ChannelHandlers,
  dialling: Dialling,
): Promise<ProcessChannel | undefined> {
  const found = await dial(path, dialling).catch(isNobody);
  if (found === undefined) return undefined;
  return await adopt(loop, found.descriptor, found.lane, (connected) => {
    const channel = new ProcessChannel(connected, nobody);
    channel.handlers = handlersOf(channel);
    return channel;
  });
}

/** Rethrows an error, unless it only says that there is no listener. */
function isNobody(error: unknown): undefined {
  const errors = [NotFoundError, ConnectionRefusedError, ConnectionResetError];
  if (!errors.some((known) => error instanceof known)) throw error;
}

/** A connected socket, and the lane that came over it. */
async function dial(path: string, dialling: Dialling): Promise<{ descriptor: number; lane: Lane }> {
  const { processId, milliseconds, library } = dialling;
  const end = performance.now() + milliseconds;
  const descriptor = await patiently(path, end, () => tryToDial(path, processId, library));
  try {
    return { descriptor, lane: await patiently(path, end, () => takeLane(descriptor, undefined, library)) };
  } catch (error) {
    discardDescriptor(descriptor, library);
    throw error;
  }
}

/** Undefined where the listener's queue is full for now. */
function tryToDial(path: string, processId?: number, library?: string): number | undefined {
  try {
    return dialMeeting(path, processId, library);
  } catch (error) {
    if (error instanceof RingportError && error.status === Status.backlogFull) return undefined;
    throw error;
  }
}

/** Polls until there is an answer: no loop has the socket yet that the kernel could notify. */
async function patiently<T>(path: string, end: number, look: () => T | undefined): Promise<T> {
  for (let delay = lookMilliseconds;; delay = Math.min(2 * delay, lookMillisecondsMax)) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() >= end) {
      const details = { code: "ETIMEDOUT", operation: "dial", origin: "framework", address: path } as const;
      throw new TimeoutError(`no answer at "${path}"`, details);
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}

/** Puts a connected socket into the loop; undefined where the loop does not take it. */
async function adopt(
  loop: EventLoop,
  descriptor: number,
  lane: Lane,
  greet: (connected: Connected) => ProcessChannel,
): Promise<ProcessChannel | undefined> {
  let channel: ProcessChannel | undefined = undefined;
  const open = (connection: Connection<ProcessChannel>) => void (channel = greet({ connection, lane }));
  const socket = { ...channelHandlers, open };
  const { listener, source } = listenHanded<ProcessChannel>({ ...channelOptions, loop, socket }, unixAddress);
  source.adopt(descriptor);
  await listener.stop();
  if (channel === undefined) lane.close();
  return channel;
}
