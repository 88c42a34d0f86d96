/** A protocol hands its connection over to other handlers, with the bytes it has not handled. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import type { RingWindow } from "../src/memory/window.ts";
import { type Connection, OptionError, type SocketHandlers, StateError, type Window } from "../src/mod.ts";
import { StreamConnection } from "../src/stream/connection.ts";
import { Flag } from "../src/stream/state.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { readAllText, readText } from "./helpers/peer.ts";
import { errorOf, until } from "./helpers/wait.ts";

const core = (connection: Connection<Log>) => connection as unknown as StreamConnection<Log>;
const MARK = "upgrade\n";

/** What the handlers after the upgrade receive, and whether where the kernel put it. */
interface Next {
  text: string;
  starts: number[];
  ended: boolean;
  handlers: SocketHandlers<Log>;
}

function next(): Next {
  const made: Next = {
    text: "",
    starts: [],
    ended: false,
    handlers: {
      data(connection, window) {
        made.text += window.text();
        made.starts.push(window.bytes.byteOffset);
        connection.write(window);
      },
      end(connection) {
        made.ended = true;
        connection.end();
      },
    },
  };
  return made;
}

/** Where in its memory a window goes on behind the mark; -1 without one. */
function behindMark(window: Window): number {
  const ring = window as RingWindow;
  const at = window.text().indexOf(MARK);
  return at < 0 ? -1 : ring.segment * ring.segments.size + ring.offset + at + MARK.length;
}

/** A server that answers the mark, and goes on with other handlers right there. */
function upgrading(after: Next) {
  return new TestServer({
    data(connection, window) {
      const position = behindMark(window);
      if (position < 0) return;
      connection.write("101 ");
      core(connection).handOver(after.handlers, window as RingWindow, position);
    },
  });
}

describe("handing over within the data callback", () => {
  it("gives the rest of the window to the new handlers in place, after what was written", async () => {
    const after = next();
    let position = 0;
    await using loop = createEventLoop();
    await using server = new TestServer({
      data(connection, window) {
        position = window.bytes.byteOffset + MARK.length;
        connection.write("101 ");
        core(connection).handOver(after.handlers, window as RingWindow, behindMark(window));
      },
    }, { loop });
    const { peer, log } = await server.connectPeer();
    await peer.write(`${MARK}first bytes`);
    expect(await readText(peer, "101 first bytes")).toBe("101 first bytes");
    expect(after.starts).toEqual([position]);
    await peer.write(", and more");
    expect(await readText(peer, ", and more")).toBe(", and more");
    expect(log.text).toBe(`${MARK}first bytes`);
    await peer.endWriting();
    expect((await log.closed()).by).toBe("peer");
    peer.close();
    expect(after.ended).toBe(true);
    await until(() => loop.stats().segmentsHeld === 0, "every hold was given back");
  });

  it("works without a rest, with the peer's end behind, and after the end of this side", async () => {
    for (const rest of ["", "rest"]) {
      for (const ends of [false, true]) {
        const after = next();
        await using server = upgrading(after);
        const { peer, log } = await server.connectPeer();
        await peer.write(MARK + rest);
        if (ends) await peer.endWriting();
        const all = ends ? await readAllText(peer) : await readText(peer, `101 ${rest}`);
        expect(all).toBe(`101 ${rest}`);
        if (!ends) await peer.endWriting();
        await log.closed();
        peer.close();
        expect([after.text, after.ended]).toEqual([rest, true]);
      }
    }
    const after = next();
    await using server = new TestServer({
      data(connection, window) {
        connection.shutdownWrite();
        core(connection).handOver(after.handlers, window as RingWindow, behindMark(window));
      },
    });
    const { peer, log } = await server.connectPeer();
    await peer.write(`${MARK}rest`);
    await until(() => after.text === "rest", "the rest came");
    await peer.endWriting();
    await log.closed();
    peer.close();
  });

  it("keeps the order of bytes that were stashed while the protocol was paused", async () => {
    const after = next();
    await using server = upgrading(after);
    const { peer, log } = await server.connectPeer();
    const connection = core(log.connection);
    connection.pauseFor(Flag.heldBack);
    await peer.write(`${MARK}one `);
    await until(() => (connection.flags & Flag.paused) !== 0, "it is paused");
    await peer.write("two ");
    connection.resumeFrom(Flag.heldBack);
    await peer.write("three");
    expect(await readText(peer, "101 one two three")).toBe("101 one two three");
    expect(after.text).toBe("one two three");
    peer.close();
  });

  it("leaves the rest to readers where the new handlers take no data", async () => {
    let text = "";
    await using server = new TestServer({
      async data(connection, window) {
        core(connection).handOver({}, window as RingWindow, behindMark(window));
        const bytes = await connection.readExactly(9);
        text = new TextDecoder().decode(bytes);
        connection.end("read");
      },
    });
    const { peer } = await server.connectPeer();
    await peer.write(`${MARK}some `);
    await peer.write("more");
    expect(await readAllText(peer)).toBe("read");
    expect(text).toBe("some more");
    peer.close();
  });
});

describe("handing over later", () => {
  it("gives what was put back meanwhile, and the peer's end behind it", async () => {
    const after = next();
    await using server = new TestServer({
      data(connection, window) {
        const one = core(connection);
        one.pauseFor(Flag.heldBack);
        one.putBack(window as RingWindow, behindMark(window));
        setTimeout(() => {
          connection.write("101 ");
          one.handOver(after.handlers);
        }, 30);
      },
    });
    const { peer, log } = await server.connectPeer();
    await peer.write(`${MARK}early `);
    await peer.write("late");
    await peer.endWriting();
    expect(await readAllText(peer)).toBe("101 early late");
    await log.closed();
    peer.close();
    expect(after.ended).toBe(true);
  });

  it("puts what the protocol's memory returns in front of the rest of the window", async () => {
    const after = next();
    await using server = new TestServer({
      data(connection, window) {
        const one = core(connection);
        one.memory = {
          forget() {},
          leave() {
            one.memory = undefined;
            return new TextEncoder().encode("remembered ");
          },
        };
        one.handOver(after.handlers, window as RingWindow, behindMark(window));
      },
    });
    const { peer } = await server.connectPeer();
    await peer.write(`${MARK}rest`);
    expect(await readText(peer, "remembered rest")).toBe("remembered rest");
    peer.close();
  });

  it("is refused for a closed connection, and for no table", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const connection = core(log.connection);
    expect(() => connection.handOver({ dat() {} } as never)).toThrow(OptionError);
    peer.close();
    await log.closed();
    expect(await errorOf(() => connection.handOver({}))).toBeInstanceOf(StateError);
  });
});
