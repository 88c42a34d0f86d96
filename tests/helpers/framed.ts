/**
 * A server of framed messages whose end is the end of the scope, and a stream of messages to send to it.
 *
 * @module
 */
import { createEventLoop, type EventLoop } from "../../src/loop/event_loop.ts";
import {
  type CloseReason,
  type Connection,
  listen,
  type Listener,
  type ListenOptions,
  type LoopOptions,
} from "../../src/mod.ts";
import { framed, type FramedOptions, type Framer, type MessageHandlers } from "../../src/framing.ts";
import { connectPeer, type Peer } from "./peer.ts";
import { until, within } from "./wait.ts";

/** What happened to one framed connection. */
export class FramedLog {
  readonly connection: Connection<FramedLog>;
  readonly errors: Error[] = [];
  /** Bytes of a message that did not come whole, once the peer has ended. */
  incompleteBytes: number | undefined;
  reason: CloseReason | undefined;

  constructor(connection: Connection<FramedLog>) {
    this.connection = connection;
  }

  async closed(): Promise<CloseReason> {
    await until(() => this.reason !== undefined, "the framed connection closed");
    return this.reason as CloseReason;
  }
}

/** Everything a test may set. */
export interface FramedSetting extends FramedOptions {
  listen?: Partial<ListenOptions<FramedLog>>;
  loop?: LoopOptions;
}

/** Sizes of a loop that a test makes for itself. */
const CONNECTIONS = 64;
const SEGMENTS = 256;

/** Listens on a loop of its own. */
export class FramedServer implements AsyncDisposable {
  readonly logs: FramedLog[] = [];
  readonly loop: EventLoop;
  readonly listener: Listener<FramedLog>;

  constructor(framer: Framer, own: MessageHandlers<FramedLog>, setting: FramedSetting = {}) {
    const { listen: listenOptions, loop, ...options } = setting;
    this.loop = createEventLoop({ connectionSlots: CONNECTIONS, segmentCount: SEGMENTS, ...loop });
    this.listener = listen<FramedLog>({
      hostname: "127.0.0.1",
      port: 0,
      ...listenOptions,
      loop: this.loop,
      socket: framed(framer, this.#logged(own), options),
    });
  }

  /** Connects a raw peer, and gives it with the log of the server's end. */
  async connect(): Promise<{ peer: Peer; log: FramedLog }> {
    const index = this.logs.length;
    const peer = await connectPeer({ port: this.listener.port });
    await until(() => this.logs.length > index, `connection ${index} was accepted`);
    return { peer, log: this.logs[index] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.stop(true);
    await within(this.listener.close(), "the listener to be gone");
    await within(this.loop.close(), "the loop to be closed");
    if (this.loop.engine.segments.heldForJoins !== 0) {
      throw new Error("a message's beginning is still counted");
    }
    if (this.loop.stats().segmentsHeld !== 0) throw new Error("segments were held at the end");
  }

  #logged(own: MessageHandlers<FramedLog>): MessageHandlers<FramedLog> {
    const handlers: MessageHandlers<FramedLog> = {
      ...own,
      open: (connection) => {
        connection.data = new FramedLog(connection);
        this.logs.push(connection.data);
        return own.open?.(connection);
      },
      error(connection, error) {
        connection.data.errors.push(error);
        return own.error?.(connection, error);
      },
      close(connection, reason) {
        connection.data.reason = reason;
        return own.close?.(connection, reason);
      },
    };
    if (own.end !== undefined) {
      handlers.end = (connection, incompleteBytes) => {
        connection.data.incompleteBytes = incompleteBytes;
        return own.end!(connection, incompleteBytes);
      };
    }
    return handlers;
  }
}

/** The frames of all messages, one behind the other. */
export function framesOf(framer: Framer, messages: readonly (Uint8Array | string)[]): Uint8Array {
  const frames = messages.map((message) => framer.encode(message));
  const stream = new Uint8Array(frames.reduce((length, frame) => length + frame.length, 0));
  let position = 0;
  for (const frame of frames) {
    stream.set(frame, position);
    position += frame.length;
  }
  return stream;
}

/** Sends each message back. */
export const echo: MessageHandlers<FramedLog> = {
  message: (_connection, window, reply) => void reply.send(window),
};

/** Writes in pieces, each of which comes in a receive of its own. */
export async function writeSlowly(
  { loop }: Pick<FramedServer, "loop">,
  peer: Peer,
  pieces: (string | Uint8Array)[],
): Promise<void> {
  for (const piece of pieces) {
    const bytes = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
    const all = loop.stats().bytesReceived + bytes.length;
    await peer.write(bytes);
    await until(() => loop.stats().bytesReceived >= all, "the piece was received");
  }
}
