/** What is gathered for the next poll leaves with it, in one send for each connection. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { Engine, Flusher } from "../src/loop/engine.ts";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { type Connection, listen, type Window } from "../src/mod.ts";
import { TestServer } from "./helpers/log.ts";
import { type Peer, readText } from "./helpers/peer.ts";
import { delay, until } from "./helpers/wait.ts";

/** Gathers the answers of one connection until the next poll. */
class Cork implements Flusher {
  readonly #engine: Engine;
  readonly #connection: Connection<unknown>;
  #text = "";

  constructor(engine: Engine, connection: Connection<unknown>) {
    this.#engine = engine;
    this.#connection = connection;
  }

  write(text: string): void {
    if (this.#text === "") this.#engine.flushBeforePoll(this);
    this.#text += text;
  }

  flush(): void {
    this.#connection.write(this.#text);
    this.#text = "";
  }
}

describe("flushBeforePoll", () => {
  it("sends the async answers of a turn in one send for each connection", async () => {
    await using loop = createEventLoop();
    const { engine } = loop;
    const corks = new Map<unknown, Cork>();
    const work = Promise.withResolvers<void>();
    let waiting = 0;
    await using server = new TestServer({
      open: (connection) => void corks.set(connection, new Cork(engine, connection)),
      async data(connection, window: Window) {
        const text = window.text();
        waiting += 1;
        await work.promise;
        // The second half settles a little later in the same turn, behind the other connection's first.
        corks.get(connection)!.write(`${text}.`);
        await Promise.resolve();
        corks.get(connection)!.write(`${text}!`);
      },
    }, { loop });
    const peers: Peer[] = [];
    for (const text of ["one", "two"]) {
      const { peer } = await server.connectPeer();
      await peer.write(text);
      peers.push(peer);
    }
    await until(() => waiting === 2, "both handlers wait");
    const sends: number[] = [];
    loop.trace(({ stage, operation, bytes }) => {
      if (stage === "submitted" && operation === "server.send") sends.push(bytes);
    });
    const before = loop.stats();
    work.resolve();
    expect(await readText(peers[0], "one.one!")).toBe("one.one!");
    expect(await readText(peers[1], "two.two!")).toBe("two.two!");
    loop.trace();
    expect(sends).toEqual([8, 8]);
    expect(loop.stats().sends - before.sends).toBe(2);
    for (const peer of peers) peer.close();
  });

  it("calls what is registered within a turn once, before the next poll", async () => {
    await using loop = createEventLoop();
    const { engine } = loop;
    const turns: number[] = [];
    await using server = new TestServer({
      data(connection) {
        const { turn } = engine;
        engine.flushBeforePoll({
          flush() {
            turns.push(engine.turn - turn);
            connection.write("flushed");
          },
        });
      },
    }, { loop });
    const { peer } = await server.connectPeer();
    await peer.write("go");
    expect(await readText(peer, "flushed")).toBe("flushed");
    await peer.write("go");
    expect(await readText(peer, "flushed")).toBe("flushed");
    expect(turns).toEqual([0, 0]);
    peer.close();
  });

  it("wakes a loop that sleeps", async () => {
    await using loop = createEventLoop();
    await using _ = listen({ hostname: "127.0.0.1", loop });
    await delay(50);
    const flushed = Promise.withResolvers<void>();
    loop.engine.flushBeforePoll({ flush: flushed.resolve });
    await flushed.promise;
  });

  it("calls one that registers itself again before the poll after", async () => {
    await using loop = createEventLoop();
    await using _ = listen({ hostname: "127.0.0.1", loop });
    const { engine } = loop;
    const turns: number[] = [];
    const flusher: Flusher = {
      flush() {
        turns.push(engine.turn);
        if (turns.length < 3) engine.flushBeforePoll(flusher);
      },
    };
    engine.flushBeforePoll(flusher);
    await until(() => turns.length === 3, "it was called three times");
    expect(turns.map((turn) => turn - turns[0])).toEqual([0, 1, 2]);
  });

  it("affects only a flusher that throws", async () => {
    await using loop = createEventLoop();
    await using _ = listen({ hostname: "127.0.0.1", loop });
    const { engine } = loop;
    const thrown: unknown[] = [];
    engine.exceptions.sink = (error) => void thrown.push(error);
    const error = new Error("a flusher that fails");
    const broken: Error[] = [];
    const flush = () => {
      throw error;
    };
    const next = Promise.withResolvers<void>();
    engine.flushBeforePoll({ flush });
    engine.flushBeforePoll({ flush, broken: (failure) => void broken.push(failure) });
    engine.flushBeforePoll({
      flush,
      broken() {
        throw new Error("and how it takes that");
      },
    });
    engine.flushBeforePoll({ flush: next.resolve });
    await next.promise;
    expect(broken).toEqual([error]);
    expect(thrown[0]).toBe(error);
    expect(engine.exceptions.count).toBe(4);
    expect(loop.engine.lost).toBe(false);
  });
});
