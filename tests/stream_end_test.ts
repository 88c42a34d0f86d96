/** A stream that was read to its end ends this side too, as callbacks do. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  type CloseReason,
  connect,
  type Connection,
  createLoop,
  listen,
  type ListenOptions,
} from "../src/mod.ts";
import { connectPeer, type Peer, readAllText } from "./helpers/peer.ts";
import { runScript } from "./helpers/process.ts";
import { delay, until, within } from "./helpers/wait.ts";

/** A raw peer, and the accepted connection, which nobody reads yet. */
async function pair(options: Partial<ListenOptions> = {}) {
  const loop = createLoop({ connectionSlots: 16 });
  let connection: Connection | undefined;
  let reason: CloseReason | undefined;
  const listener = listen({
    hostname: "127.0.0.1",
    loop,
    ...options,
    socket: {
      open(opened) {
        connection = opened;
        // Begun here: otherwise handlers without `data` would throw away what comes.
        void opened.readable;
      },
      close: (_, why) => void (reason = why),
      ...options.socket,
    },
  });
  const peer = await connectPeer({ port: listener.port });
  await until(() => connection !== undefined, "it was accepted");
  return {
    connection: connection!,
    peer,
    closed: async () => {
      await until(() => reason !== undefined, `the connection closed (${connection!.state})`);
      return reason!;
    },
    [Symbol.asyncDispose]: () => loop.close(),
  };
}

async function ask(peer: Peer, text: string): Promise<void> {
  await peer.write(text);
  await peer.endWriting();
}

async function textOf({ readable }: Connection): Promise<string> {
  let text = "";
  for await (const bytes of readable) text += new TextDecoder().decode(bytes);
  return text;
}

describe("a stream read to its end", () => {
  it("ends this side", async () => {
    await using it = await pair();
    await ask(it.peer, "all of it");
    expect(await textOf(it.connection)).toBe("all of it");
    expect(await it.closed()).toMatchObject({ by: "peer", flushed: true });
    expect(await readAllText(it.peer)).toBe("");
    it.peer.close();
  });

  it("lets who reads it answer first", async () => {
    await using it = await pair();
    await ask(it.peer, "question");
    const answer = `answer to ${await textOf(it.connection)}`;
    expect(it.connection.write(answer)).toBe("sent");
    expect(await readAllText(it.peer)).toBe("answer to question");
    expect(await it.closed()).toMatchObject({ flushed: true });
    it.peer.close();
  });

  it("is not at its end before the last read", async () => {
    await using it = await pair();
    await ask(it.peer, "slowly");
    const reader = it.connection.readable.getReader();
    expect((await within(reader.read(), "the bytes")).value!.length).toBe(6);
    // The peer has ended, but who reads has not asked what follows.
    await until(() => it.connection.state === "read-ended", "the peer's end came");
    expect(it.connection.write("still here")).toBe("sent");
    expect((await within(reader.read(), "the end")).done).toBe(true);
    await it.closed();
    expect(await readAllText(it.peer)).toBe("still here");
    it.peer.close();
  });

  it("with a reader's own buffers ends this side", async () => {
    await using it = await pair();
    await ask(it.peer, "0123456789");
    const reader = it.connection.readable.getReader({ mode: "byob" });
    let text = "";
    for (;;) {
      const { value, done } = await within(reader.read(new Uint8Array(4)), "a piece");
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    expect(text).toBe("0123456789");
    await it.closed();
    it.peer.close();
  });

  it("in two branches ends this side", async () => {
    await using it = await pair();
    await ask(it.peer, "both");
    const [one, other] = it.connection.readable.tee();
    expect([await new Response(one).text(), await new Response(other).text()]).toEqual(["both", "both"]);
    await it.closed();
    it.peer.close();
  });

  it("ends this side when its reader has left it before", async () => {
    await using it = await pair();
    await it.peer.write("some");
    for await (const _ of it.connection.readable) break;
    await ask(it.peer, "more");
    await it.closed();
    it.peer.close();

    await using late = await pair();
    await ask(late.peer, "some");
    await until(() => late.connection.state === "read-ended", "the peer's end");
    await late.connection.readable.cancel();
    await late.closed();
    late.peer.close();
  });

  it("leaves the end of this side to who has taken writable", async () => {
    await using it = await pair();
    await ask(it.peer, "through");
    const { readable, writable } = it.connection;
    // The last piece leaves long after the end was read.
    const late = new TransformStream<Uint8Array, Uint8Array>({
      async flush(controller) {
        await delay(50);
        controller.enqueue(new TextEncoder().encode(" and out"));
      },
    });
    await readable.pipeThrough(late).pipeTo(writable);
    expect(await readAllText(it.peer)).toBe("through and out");
    await it.closed();
    it.peer.close();
  });

  it("leaves the end of this side to an end handler, and to allowHalfOpen", async () => {
    let ends = 0;
    for (const options of [{ socket: { end: () => void (ends += 1) } }, { allowHalfOpen: true }]) {
      await using it = await pair(options);
      await ask(it.peer, "half");
      expect(await textOf(it.connection)).toBe("half");
      await until(() => it.connection.state === "read-ended", "the peer's end came");
      it.connection.end("late");
      expect(await readAllText(it.peer)).toBe("late");
      await it.closed();
      it.peer.close();
    }
    expect(ends).toBe(1);
  });

  it("lets a program end by itself", async () => {
    await using child = runScript("./children/read_to_the_end.ts", import.meta.url);
    const { code, output } = await child.end();
    expect(output).toMatch(/^bye\r?\nclosed closed by peer/);
    expect(code).toBe(0);
  });

  it("of a connection that has both ends here ends both", async () => {
    await using loop = createLoop();
    const listener = listen({ hostname: "127.0.0.1", loop });
    const serving = (async () => {
      for await (const connection of listener) {
        const text = await textOf(connection);
        connection.end(`${text}!`);
        await connection.closed;
        break;
      }
    })();
    const client = await connect({ hostname: "127.0.0.1", port: listener.port, loop });
    client.write("echo");
    client.shutdownWrite();
    expect(await textOf(client)).toBe("echo!");
    await serving;
    await within(client.closed, "the client's end");
  });
});
