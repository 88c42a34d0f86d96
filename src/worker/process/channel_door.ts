/**
 * Where the processes of a server report, and how they get there: a Unix socket that no other user can reach,
 * and on Windows a port of this machine. Either way a process shows the token it was started with.
 *
 * @module
 */
import { RingportError } from "../../base/errors.ts";
import { connect } from "../../connect/connect.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import { host } from "../../host/mod.ts";
import { takeLane } from "../../loop/native.ts";
import { Channel, channelOptions, type ChannelOwner } from "./channel.ts";
import { ChannelListener } from "./channel_listener.ts";
import { ChannelSocket } from "./channel_socket.ts";
import { dialUnixChannel } from "./channel_lane.ts";
import type { ChannelDoor, ChannelPlace, Greeting } from "./channel_tokens.ts";

/** Who reports where, and to which process. */
export interface Report extends ChannelPlace, Greeting {
  /** The server's process. */
  server: number;
  library?: string;
}

/** Milliseconds a server may take to answer a process that reports. */
const answerMilliseconds = 30_000;

export function openChannelDoor(loop: EventLoop, library: string | undefined): ChannelDoor {
  return host.operatingSystem === "windows" ? new ChannelListener(loop) : new ChannelSocket(loop, library);
}

/** Reports to the server, which is heard by `owner` from now on. Rejects where it is gone. */
export async function report(loop: EventLoop, to: Report, owner: ChannelOwner): Promise<Channel> {
  const { path, port, token, server, library } = to;
  let channel: Channel | undefined;
  if (path !== undefined) {
    const how = { processId: server, milliseconds: answerMilliseconds, library };
    channel = await dialUnixChannel(loop, path, () => owner, how);
    if (channel === undefined) {
      const details = { code: "ERR_WORKER", operation: "report" };
      throw new RingportError("report: the server that started this process is gone", details);
    }
  } else {
    const data = undefined as unknown as Channel;
    const connection = await connect<Channel>({ ...channelOptions, loop, hostname: "127.0.0.1", port, data });
    channel = new Channel({ connection, lane: takeLane(undefined, server, library) }, owner);
  }
  channel.post({ token } satisfies Greeting);
  return channel;
}
