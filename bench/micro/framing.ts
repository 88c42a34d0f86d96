/**
 * What a framed message costs beside a plain one: received bytes are handed to a connection, whose handler
 * sends them back. A share of a turn's one send is in every figure, and is the same in all of them.
 *
 * @module
 */
import { createEventLoop } from "../../src/loop/event_loop.ts";
import { connect, type Connection, listen, type SocketHandlers } from "../../src/mod.ts";
import { framed, type Framer, lengthPrefixed, lines } from "../../src/framing.ts";
import type { StreamConnection } from "../../src/stream/connection.ts";
import type { Micro } from "./bench.ts";
import { turn } from "./gather.ts";

const MESSAGE_BYTES = 64;
/** Messages of one turn. */
const MESSAGES = 64;

/** Handlers that are told of by name, how a receive looks to them, and how many messages are in it. */
interface Case {
  name: string;
  socket: SocketHandlers;
  received: Uint8Array;
  messages: number;
}

function framedCase(name: string, framer: Framer, messages: number): Case {
  const frame = framer.encode(new Uint8Array(MESSAGE_BYTES).fill(0x61));
  const received = new Uint8Array(frame.length * messages);
  for (let index = 0; index < messages; index++) received.set(frame, index * frame.length);
  const socket = framed(framer, { message: (_connection, window, reply) => void reply.send(window) });
  return { name, socket, received, messages };
}

function cases(): Case[] {
  const plain: SocketHandlers = { data: (connection, window) => void connection.write(window) };
  const message = new Uint8Array(MESSAGE_BYTES).fill(0x61);
  return [
    { name: "plain echo of 64 bytes", socket: plain, received: message, messages: 1 },
    framedCase("u16be, one in a receive", lengthPrefixed("u16be"), 1),
    framedCase("u16be, eight in a receive", lengthPrefixed("u16be"), 8),
    framedCase("lines, one in a receive", lines(), 1),
    framedCase("lines, eight in a receive", lines(), 8),
  ];
}

/** Measures one case on a loop and a connection of its own. */
async function measure(micro: Micro, { name, socket, received, messages }: Case): Promise<void> {
  const loop = createEventLoop();
  let accepted: Connection | undefined;
  const open = (connection: Connection) => void (accepted = connection);
  const listener = listen({ hostname: "127.0.0.1", port: 0, loop, socket: { ...socket, open } });
  await connect({ hostname: "127.0.0.1", port: listener.port, loop, socket: { data() {} } });
  while (accepted === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  const core = accepted as unknown as StreamConnection;
  const { engine } = loop;
  const { segments } = engine;
  const segment = segments.takeRun(1);
  segments.bytes.set(received, segment * segments.size);
  let handed = 0;
  let returned = 0;
  const turns = () => {
    for (let count = 0; count < MESSAGES; count += messages) {
      segments.hold(segment, 0, received.length);
      core.received(segment, 0, received.length);
      handed += received.length;
    }
    returned += turn(loop);
  };
  // The loop's own turn would allow as many.
  const prepare = () => void (engine.segmentBudget = MESSAGES);
  await micro.addPrepared("framing", name, MESSAGES, prepare, turns);
  for (let attempt = 0; returned < handed && attempt < 100; attempt++) returned += turn(loop);
  if (returned !== handed) {
    throw new Error(`${name}: ${handed} bytes were handed over, ${returned} came back`);
  }
  segments.release(segment, 0, 1);
  await loop.close();
}

/** Framed messages beside plain ones. */
export async function framing(micro: Micro): Promise<void> {
  for (const one of cases()) await measure(micro, one);
}
