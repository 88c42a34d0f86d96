/**
 * A small mail server and client: lines, then a mail, then lines, then another protocol behind the same
 * socket.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, type Connection, listen, type SocketHandlers } from "../src/mod.ts";
import {
  crlfLines,
  dotTerminated,
  framed,
  lengthPrefixed,
  readMessage,
  sendMessage,
} from "../src/framing.ts";
import { connectPeer, readAllText } from "./helpers/peer.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, within } from "./helpers/wait.ts";

const decoder = new TextDecoder();

/** What the server keeps of one client. */
interface Session {
  mails: string[];
  frames: string[];
}

/** Commands, one at a time, so that nothing behind DATA or STARTFRAMES is taken for a command. */
function commands(sessions: Session[]): SocketHandlers<Session> {
  const one = { maxPipeline: 1, replyFramer: crlfLines() };
  const mail = framed<Session>(dotTerminated({ maxMessage: 2_000_000 }), {
    async message(connection, window, reply) {
      connection.data.mails.push(window.text());
      await delay(1);
      reply.send(`250 took ${connection.data.mails.length}`);
      connection.reload({ socket: table });
    },
  }, one);
  const frames = framed<Session>(lengthPrefixed("u16be"), {
    message(connection, window, reply) {
      connection.data.frames.push(window.text());
      reply.send(window);
    },
  });
  const table = framed<Session>(crlfLines(), {
    open(connection) {
      connection.data = { mails: [], frames: [] };
      sessions.push(connection.data);
      sendMessage(connection, crlfLines(), "220 ready");
    },
    async message(connection, window, reply) {
      const command = window.text();
      await delay(1);
      if (command === "QUIT") return void reply.end("221 bye");
      if (command === "DATA") {
        reply.send("354 go on");
        return connection.reload({ socket: mail });
      }
      if (command === "STARTFRAMES") {
        reply.send("220 frames from here on");
        return connection.reload({ socket: frames });
      }
      reply.send(`500 no ${command}`);
    },
  }, one);
  return table;
}

const mails = [
  "From: a\r\n\r\n.a line with a dot\r\n..\r\nQUIT\r\n",
  `${"x".repeat(1_000)}\r\n`.repeat(scaled(1_000, 100)),
];

async function answer(client: Connection, wanted: string): Promise<void> {
  expect(decoder.decode((await readMessage(client, crlfLines()))!)).toBe(wanted);
}

describe("a mail server", () => {
  it("goes from lines to a mail and back, and on to another framing", async () => {
    const sessions: Session[] = [];
    await using listener = listen<Session>({ hostname: "127.0.0.1", socket: commands(sessions) });
    const client = await connect({ hostname: "127.0.0.1", port: listener.port });
    await within(
      (async () => {
        await answer(client, "220 ready");
        for (const [index, mail] of mails.entries()) {
          sendMessage(client, crlfLines(), "DATA");
          await answer(client, "354 go on");
          sendMessage(client, dotTerminated(), mail);
          await answer(client, `250 took ${index + 1}`);
          sendMessage(client, crlfLines(), "NOOP");
          await answer(client, "500 no NOOP");
        }
        sendMessage(client, crlfLines(), "STARTFRAMES");
        await answer(client, "220 frames from here on");
        for (const frame of ["one\r\n", ".\r\n", ""]) {
          sendMessage(client, lengthPrefixed("u16be"), frame);
          expect(decoder.decode((await readMessage(client, lengthPrefixed("u16be")))!)).toBe(frame);
        }
        client.end();
        await client.closed;
      })(),
      "the dialogue",
      scaled(10_000, 60_000),
    );
    expect(sessions).toEqual([{ mails, frames: ["one\r\n", ".\r\n", ""] }]);
  });

  it("takes a client that sends all of it at once, or byte by byte", async () => {
    const sessions: Session[] = [];
    await using listener = listen<Session>({ hostname: "127.0.0.1", socket: commands(sessions) });
    const frame = decoder.decode(dotTerminated().encode(mails[0]));
    const dialogue = `NOOP\r\nDATA\r\n${frame}DATA\r\n.\r\nQUIT\r\nDATA\r\n`;
    const wanted =
      "220 ready\r\n500 no NOOP\r\n354 go on\r\n250 took 1\r\n354 go on\r\n250 took 2\r\n221 bye\r\n";
    for (const pieces of [[dialogue], [...dialogue]]) {
      const peer = await connectPeer({ port: listener.port });
      for (const piece of pieces) await peer.write(piece).catch(() => {});
      expect(await within(readAllText(peer), "the answers")).toBe(wanted);
      peer.close();
    }
    expect(sessions).toEqual(Array(2).fill({ mails: [mails[0], ""], frames: [] }));
  });
});
