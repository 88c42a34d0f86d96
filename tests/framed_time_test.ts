/** Framed connections with limits of time, and in a pool: what the connections know of messages. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createPool } from "../src/pool.ts";
import { framed, lines, type Reply, sendMessage } from "../src/framing.ts";
import { echo, FramedServer } from "./helpers/framed.ts";
import { readText } from "./helpers/peer.ts";
import { delay, until } from "./helpers/wait.ts";

/** Milliseconds of a limit that is to be reached: long beside what a busy machine does to one turn. */
const SHORT_MILLISECONDS = 400;
/** Milliseconds in which it would have been reached. */
const LONGER_MILLISECONDS = 500;

describe("the limit on the time of a message", () => {
  it("holds for one that has begun, and for no other", async () => {
    const kinds: string[] = [];
    await using server = new FramedServer(lines(), {
      ...echo,
      timeout: (_connection, kind) => void kinds.push(kind),
    }, { listen: { timeouts: { message: SHORT_MILLISECONDS } } });
    const slow = await server.connect();
    const other = await server.connect();
    await other.peer.write("whole\n");
    await slow.peer.write("whole\nhal");
    expect(await readText(other.peer, "whole\n")).toBe("whole\n");
    expect(await readText(slow.peer, "whole\n")).toBe("whole\n");
    expect((await slow.log.closed()).by).toBe("timeout");
    expect(kinds).toEqual(["message"]);
    await delay(LONGER_MILLISECONDS);
    expect(other.log.reason).toBe(undefined);
    await other.peer.write("in two");
    await delay(10);
    await other.peer.write(" pieces\n");
    expect(await readText(other.peer, "in two pieces\n")).toBe("in two pieces\n");
    await delay(LONGER_MILLISECONDS);
    expect(other.log.reason).toBe(undefined);
    for (const { peer } of [slow, other]) peer.close();
  });

  it("on being idle does not count a message in work", async () => {
    const owed: Reply[] = [];
    await using server = new FramedServer(lines(), {
      message: (_connection, _window, reply) => void owed.push(reply.later()),
    }, { listen: { timeouts: { idle: SHORT_MILLISECONDS } } });
    const { peer, log } = await server.connect();
    await peer.write("question\n");
    await until(() => owed.length === 1, "the question came");
    await delay(LONGER_MILLISECONDS);
    expect(log.reason).toBe(undefined);
    owed[0].send("answer");
    expect(await readText(peer, "answer\n")).toBe("answer\n");
    expect((await log.closed()).by).toBe("timeout");
    peer.close();
  });
});

describe("framed leases of a pool", () => {
  it("go on to the next one only with nothing begun", async () => {
    await using server = new FramedServer(lines(), {
      message(connection, window) {
        connection.write(window.text() === "half" ? "whole\nhal" : `${window.text()}\n`);
      },
    });
    await using pool = createPool({ loop: server.loop });
    const target = { hostname: "127.0.0.1", port: server.listener.port };
    for (const [text, kept] of [["one", true], ["two", true], ["half", false], ["three", true]] as const) {
      const got: string[] = [];
      const lease = await pool.acquire({
        ...target,
        socket: framed(lines(), { message: (_connection, window) => void got.push(window.text()) }),
      });
      sendMessage(lease.connection, lines(), text);
      await until(() => got.length === 1, "the answer");
      await delay(10);
      expect(got).toEqual([text === "half" ? "whole" : text]);
      expect(lease.release(), text).toBe(kept);
    }
    expect(server.logs).toHaveLength(2);
  });

  it("take other handlers without what the first had begun", async () => {
    await using server = new FramedServer(lines(), {
      message: (connection, window) => void connection.write(`${window.text()}\nrest of`),
    });
    await using pool = createPool({ loop: server.loop });
    const got: string[] = [];
    const handlers = () =>
      framed(lines(), { message: (_connection, window) => void got.push(window.text()) });
    const lease = await pool.acquire({
      hostname: "127.0.0.1",
      port: server.listener.port,
      socket: handlers(),
    });
    for (const text of ["one", "two"]) {
      sendMessage(lease.connection, lines(), text);
      await until(() => got.includes(text), "the answer");
      await delay(10);
      lease.handlers = handlers();
    }
    expect(got).toEqual(["one", "two"]);
    lease.release();
  });
});
