/**
 * Where a running server waits for the one that takes its place: at the path of the option `restartPath`,
 * which is a Unix socket on Linux and a file on Windows.
 *
 * @module
 */
import type { EventLoop } from "../../loop/event_loop.ts";
import { host } from "../../host/mod.ts";
import type { Channel, ChannelOwner } from "../process/channel.ts";
import type { Arrival } from "../process/channel_tokens.ts";
import { FileRendezvous } from "./rendezvous_file.ts";
import { SocketRendezvous } from "./rendezvous_socket.ts";

/** The place of one server, which may be another's before and after. */
export interface Rendezvous {
  /** Calls the server that waits there, to be heard by `owner`; undefined where there is none. */
  dial(loop: EventLoop, owner: ChannelOwner): Promise<Channel | undefined>;
  /**
   * Waits there from now on. Throws where another server does.
   *
   * @param arrived told of each channel that comes.
   * @param descriptor the predecessor's socket, where it gave one.
   */
  wait(loop: EventLoop, arrived: Arrival, descriptor?: number): Promise<WaitingPoint>;
}

/** A server that waits. */
export interface WaitingPoint {
  /** The socket with which a successor goes on; undefined where it makes one of its own. */
  readonly descriptor: number | undefined;
  /** Waits no more; what stands at the path goes. */
  close(): Promise<void>;
  /** Waits no more; what stands at the path is the successor's. */
  handOn(): Promise<void>;
}

export function rendezvousAt(path: string, library?: string): Rendezvous {
  return host.operatingSystem === "windows" ? new FileRendezvous(path) : new SocketRendezvous(path, library);
}
