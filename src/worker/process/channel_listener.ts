/**
 * Where the processes of a server report, and how they get there: a Unix socket that no other user can reach,
 * and on Windows a port of this machine. Either way a process shows the token it was started with.
 *
 * @module
 */
import { RingportError } from "../../base/errors.ts";
import { connect } from "../../connect/connect.ts";
import { host } from "../../host/mod.ts";
import { listen, type Listener } from "../../listen/listener.ts";
import { type BoundSource, listenRaw } from "../../listen/bound_source.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import { makeMeetingFolder, removeMeetingFolder, takeLane } from "../../loop/native.ts";
import type { Connection } from "../../stream/types.ts";
import { type ChannelHandlers, channelHandlers, channelOptions, ProcessChannel } from "./channel.ts";
import { acceptChannel, dialUnixChannel } from "./unix_channel.ts";
import { type Arrival, ChannelTokens, type TokenMessage } from "./channel_tokens.ts";

/** Where processes report; `address` is good while one is expected. */
export interface ChannelListener {
  readonly address: ChannelAddress;
  /** A token that admits one process, once. Throws if none can be admitted. */
  expect(arrived: Arrival): string;
  /** The token lets nobody in any more. */
  forget(token: string): void;
  /** Lets nobody in any more; those that have come stay. */
  close(): Promise<void>;
}

/** A Unix socket, or a port of the loopback address. */
interface ChannelAddress {
  readonly path?: string;
  readonly port?: number;
}

/** Where processes report, and which one each token admits. */
export interface Report extends ChannelAddress, TokenMessage {
  /** The server's process. */
  server: number;
  library?: string;
}

/** Milliseconds a server may take to answer a process that reports. */
const answerMilliseconds = 30_000;

/** Listens where processes can report. */
export function listenForChannels(loop: EventLoop, library: string | undefined): ChannelListener {
  return host.operatingSystem === "windows"
    ? new LoopbackChannelListener(loop)
    : new UnixChannelListener(loop, library);
}

/** Reports to the server, whose messages go to `handlers` from now on. Rejects where it is gone. */
export async function reportToServer(
  loop: EventLoop,
  to: Report,
  handlers: ChannelHandlers,
): Promise<ProcessChannel> {
  const { path, port, token, server, library } = to;
  let channel: ProcessChannel | undefined;
  if (path !== undefined) {
    const how = { processId: server, milliseconds: answerMilliseconds, library };
    channel = await dialUnixChannel(loop, path, () => handlers, how);
    if (channel === undefined) {
      const details = { code: "ERR_WORKER", operation: "report" };
      throw new RingportError("report: the server that started this process is gone", details);
    }
  } else {
    const data = undefined as unknown as ProcessChannel;
    const connection = await connect<ProcessChannel>({
      ...channelOptions,
      loop,
      hostname: "127.0.0.1",
      port,
      data,
    });
    channel = new ProcessChannel({ connection, lane: takeLane(undefined, server, library) }, handlers);
  }
  channel.post({ token } satisfies TokenMessage);
  return channel;
}

const loopback = "127.0.0.1";

/** A port of this machine alone, where each process has to show the token it was given. */
export class LoopbackChannelListener implements ChannelListener {
  readonly #listener: Listener<ProcessChannel>;
  readonly #tokens = new ChannelTokens();

  constructor(loop: EventLoop) {
    const open = (connection: Connection<ProcessChannel>) => void this.#tokens.greet({ connection });
    const socket = { ...channelHandlers, open };
    this.#listener = listen<ProcessChannel>({ ...channelOptions, loop, hostname: loopback, port: 0, socket });
  }

  get port(): number {
    return this.#listener.port;
  }

  get address(): ChannelAddress {
    return { port: this.port };
  }

  expect(arrived: Arrival): string {
    return this.#tokens.expect(arrived);
  }

  /** A token that lets in every process that shows it. */
  admit(arrived: Arrival): string {
    return this.#tokens.admit(arrived);
  }

  forget(token: string): void {
    this.#tokens.forget(token);
  }

  async close(): Promise<void> {
    this.#tokens.clear();
    await this.#listener.stop();
  }
}

/** Nobody but this user may connect. */
const ownerOnly = 0o600;

/** A socket in its folder. */
interface Meeting {
  folder: string;
  path: string;
  listener: BoundSource;
}

/**
 * A Unix socket in a folder that no other user can enter. It is there while a process is expected and no
 * longer, so that a server that is killed as a rule leaves nothing behind.
 */
class UnixChannelListener implements ChannelListener {
  readonly #loop: EventLoop;
  readonly #library: string | undefined;
  readonly #tokens = new ChannelTokens();
  #meeting: Meeting | undefined = undefined;
  /** Resolves when every socket that is no longer wanted is gone. */
  #gone: Promise<unknown> = Promise.resolve();

  constructor(loop: EventLoop, library: string | undefined) {
    this.#loop = loop;
    this.#library = library;
  }

  get address(): ChannelAddress {
    return { path: this.#meeting?.path };
  }

  expect(arrived: Arrival): string {
    this.#meeting ??= this.#open();
    const token = this.#tokens.expect((channel) => {
      const handlers = arrived(channel);
      this.#endUnlessExpected();
      return handlers;
    });
    return token;
  }

  forget(token: string): void {
    this.#tokens.forget(token);
    this.#endUnlessExpected();
  }

  async close(): Promise<void> {
    this.#tokens.clear();
    this.#endUnlessExpected();
    await this.#gone;
  }

  #open(): Meeting {
    const folder = makeFolder(this.#library);
    const path = `${folder}/s`;
    try {
      const listener = listenRaw(this.#loop, { unix: path, mode: ownerOnly }, (descriptor) => {
        acceptChannel(this.#loop, descriptor, (connected) => this.#tokens.greet(connected), this.#library);
      });
      listener.unref();
      return { folder, path, listener };
    } catch (error) {
      removeMeetingFolder(folder, this.#library);
      throw error;
    }
  }

  #endUnlessExpected(): void {
    const meeting = this.#meeting;
    if (meeting === undefined || !this.#tokens.empty) return;
    this.#meeting = undefined;
    const ended = meeting.listener.close().then(() => removeMeetingFolder(meeting.folder, this.#library));
    this.#gone = Promise.all([this.#gone, ended]);
  }
}

/** In the first usable folder. Which folders exist depends on the system's configuration. */
function makeFolder(library: string | undefined): string {
  const parents = [host.variable("XDG_RUNTIME_DIR"), host.variable("TMPDIR"), "/tmp", "/dev/shm"];
  const refused: string[] = [];
  for (const parent of new Set(parents)) {
    if (!parent?.startsWith("/")) continue;
    try {
      return makeMeetingFolder(parent, library);
    } catch (error) {
      refused.push(`"${parent}": ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const message = `no folder for a socket where processes report (option "isolation"): ${refused.join("; ")}`;
  throw new RingportError(message, { code: "ERR_MEETING_PLACE", operation: "start", origin: "kernel" });
}
