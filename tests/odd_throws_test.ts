/**
 * Whatever a callback throws, rejects with or returns, and wherever it does: it costs at most the connection
 * it is about, and the loop goes on.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import {
  type CloseReason,
  connect,
  listen,
  type ListenOptions,
  RingportError,
  type SocketHandlers,
} from "../src/mod.ts";
import { udpSocket } from "../src/udp.ts";
import { framed, lines } from "../src/framing.ts";
import type { Admission } from "../src/admission.ts";
import { errorOf as errorFrom, isError, messageOf, textOf } from "../src/base/thrown.ts";
import { blankSource } from "./house/blank.ts";
import { readSources } from "./house/files.ts";
import { ODD_RESULTS, ODD_VALUES, QuietConsole } from "./helpers/odd_values.ts";
import { errorOf, until, within } from "./helpers/wait.ts";

/** One listener with a loop of its own, on which the first connection is the odd one and later ones echo. */
class OddServer implements AsyncDisposable {
  readonly loop = createEventLoop();
  readonly quiet = new QuietConsole();
  readonly listener;
  readonly reasons: CloseReason[] = [];
  readonly errors: Error[] = [];
  #opened = 0;

  constructor(odd: SocketHandlers<{ odd: boolean }>, options: Partial<ListenOptions<{ odd: boolean }>> = {}) {
    this.listener = listen<{ odd: boolean }>({
      hostname: "127.0.0.1",
      loop: this.loop,
      highWaterMark: 1024,
      ...options,
      socket: {
        open: (connection) => {
          connection.data = { odd: this.#opened++ === 0 };
          return connection.data.odd ? odd.open?.(connection) : undefined;
        },
        data(connection, window) {
          if (connection.data.odd && odd.data !== undefined) return odd.data(connection, window);
          connection.end(window);
        },
        drain: (connection) => connection.data.odd ? odd.drain?.(connection) : undefined,
        end: (connection) => connection.data.odd && odd.end ? odd.end(connection) : void connection.end(),
        close: (connection, reason) => {
          this.reasons.push(reason);
          return connection.data.odd ? odd.close?.(connection, reason) : undefined;
        },
        timeout: (connection, kind) => connection.data.odd ? odd.timeout?.(connection, kind) : undefined,
        error: (connection, error) => {
          this.errors.push(error);
          if (connection.data.odd) return odd.error?.(connection, error);
        },
      },
    });
  }

  /** The odd connection: says something, ends, and waits until the server is rid of it. */
  async meetOdd(): Promise<void> {
    const before = this.reasons.length;
    const connection = await connect({
      hostname: "127.0.0.1",
      port: this.listener.port,
      loop: this.loop,
      socket: {},
    });
    connection.write("odd");
    connection.shutdownWrite();
    await until(() => this.reasons.length > before, "the odd connection is gone");
    connection.abort();
    await within(connection.closed, "the end of the odd connection");
  }

  /** Another connection is served as if nothing had happened. */
  async expectServes(): Promise<void> {
    const connection = await within(
      connect({ hostname: "127.0.0.1", port: this.listener.port, loop: this.loop }),
      "a connection after the odd one",
    );
    connection.write("still serving");
    const read = async () => {
      let text = "";
      for await (const bytes of connection.readable) text += new TextDecoder().decode(bytes);
      return text;
    };
    expect(await within(read(), "an answer after the odd one")).toBe("still serving");
    connection.end();
    await within(connection.closed, "the end of the other connection");
    await until(() => this.loop.stats().connections === 0, "all connections are gone");
    expect(this.loop.stats().segmentsHeld).toBe(0);
    expect(this.loop.stats().handlersWaiting).toBe(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.quiet[Symbol.dispose]();
    await within(this.loop.close(), "the end of the loop");
  }
}

/** Where a handler may throw: what makes it, and what a client has to see to it being called. */
const places: Readonly<Record<string, (fail: () => never) => SocketHandlers<{ odd: boolean }>>> = {
  open: (open) => ({ open }),
  data: (data) => ({ data }),
  end: (end) => ({ end, data() {} }),
  close: (close) => ({ close }),
  "data and then error": (fail) => ({ data: fail, error: fail }),
  drain: (drain) => ({ drain, data: (connection) => void connection.write(new Uint8Array(4096)) }),
};

for (const [name, make] of Object.entries(ODD_VALUES)) {
  describe(`a handler that throws ${name}`, () => {
    for (const [place, handlersOf] of Object.entries(places)) {
      it(`in ${place} costs its own connection alone`, async () => {
        const fail = (): never => {
          throw make();
        };
        await using server = new OddServer(handlersOf(fail));
        await server.meetOdd();
        for (const error of server.errors) expect(error).toBeInstanceOf(Error);
        await server.expectServes();
      });

      it(`as the rejection of ${place} costs its own connection alone`, async () => {
        const fail = (): never => Promise.reject(make()) as never;
        await using server = new OddServer(handlersOf(fail));
        await server.meetOdd();
        await server.expectServes();
      });
    }

    it("and no error handler costs its own connection alone", async () => {
      using quiet = new QuietConsole();
      await using loop = createEventLoop();
      const listener = listen({
        hostname: "127.0.0.1",
        loop,
        socket: {
          data(connection, window) {
            if (window.text() === "odd") throw make();
            connection.end(window);
          },
        },
      });
      for (const said of ["odd", "odd", "fine"]) {
        const connection = await connect({ hostname: "127.0.0.1", port: listener.port, loop, socket: {} });
        connection.write(said);
        await within(connection.closed, `the end after "${said}"`);
      }
      expect(loop.stats().unhandledErrors).toBe(2);
      expect(quiet.lines.length).toBe(1);
    });

    it("in a framed message costs its own connection alone", async () => {
      await using server = new OddServer(framed<{ odd: boolean }>(lines(), {
        message() {
          throw make();
        },
      }));
      const connection = await connect({
        hostname: "127.0.0.1",
        port: server.listener.port,
        loop: server.loop,
        socket: {},
      });
      connection.write("odd\n");
      await within(connection.closed, "the end of the odd connection");
      await server.expectServes();
    });

    it("in the data handler of a datagram socket costs nothing else", async () => {
      using _ = new QuietConsole();
      await using loop = createEventLoop();
      const errors: unknown[] = [];
      let came = 0;
      await using socket = await udpSocket({
        hostname: "127.0.0.1",
        loop,
        socket: {
          data() {
            came += 1;
            if (came === 1) throw make();
            return came === 2 ? Promise.reject(make()) : undefined;
          },
          error(_, error) {
            errors.push(error);
            throw make();
          },
        },
      });
      await using sender = await udpSocket({ hostname: "127.0.0.1", loop });
      for (let sent = 1; sent <= 3; sent++) {
        sender.send("x", socket.port, "127.0.0.1");
        await until(() => came === sent, `datagram ${sent} came`);
      }
      await until(() => errors.length === 2, "both errors are told");
      for (const error of errors) expect(error).toBeInstanceOf(Error);
      expect(loop.stats().segmentsHeld).toBe(0);
    });
  });
}

describe("a handler that returns", () => {
  for (const [name, make] of Object.entries(ODD_RESULTS)) {
    for (const place of ["open", "data", "end", "close", "drain"]) {
      it(`${name} from ${place} costs at most its own connection`, async () => {
        await using server = new OddServer(places[place](make as () => never));
        await server.meetOdd();
        await server.expectServes();
      });
    }

    it(`${name} from a framed message costs at most its own connection`, async () => {
      await using server = new OddServer(
        framed<{ odd: boolean }>(lines(), { message: make as () => void, error() {} }),
      );
      const connection = await connect({
        hostname: "127.0.0.1",
        port: server.listener.port,
        loop: server.loop,
        socket: {},
      });
      connection.write("odd\n");
      connection.end();
      await within(connection.closed, "the end of the odd connection");
      await server.expectServes();
    });
  }
});

describe("a table of handlers whose getters throw", () => {
  for (const broken of ["open", "data", "drain", "end", "close", "error", "timeout"]) {
    it(`at ${broken} costs its own connection alone`, async () => {
      using _ = new QuietConsole();
      await using loop = createEventLoop();
      // Good while it is checked, so that it is met by a completion.
      let works = true;
      const table: SocketHandlers = {
        data(connection, window) {
          if (window.text() === "odd") throw new Error("odd");
          connection.end(window);
        },
        end: (connection) => void connection.end(),
      };
      const { get, enumerable } = { get: () => works ? handler : boom(), enumerable: true };
      const handler = table[broken as keyof SocketHandlers];
      const listener = listen({
        hostname: "127.0.0.1",
        loop,
        timeouts: { idle: 20 },
        socket: Object.defineProperty(table, broken, { get, enumerable }),
      });
      for (const said of ["odd", "", "fine"]) {
        works = said === "fine";
        const connection = await connect({ hostname: "127.0.0.1", port: listener.port, loop, socket: {} });
        if (said !== "") connection.write(said);
        await within(connection.closed, `the end after "${said}"`);
      }
      await until(() => loop.stats().connections === 0, "all connections are gone");
      expect(listener.connectionCount).toBe(0);
      expect(loop.stats().segmentsHeld).toBe(0);
    });
  }
});

const boom = () => {
  throw new Error("boom");
};

describe("the callbacks of a listener", () => {
  const admission = (broken: string): Admission => {
    const good: Admission = { admit: () => "ok", leave() {} };
    if (broken === "verdict") return Object.assign(good, { admit: () => "perhaps" });
    return Object.assign(good, { [broken]: boom });
  };

  for (const broken of ["admit", "verdict"]) {
    it(`refuse a connection whose judge fails at ${broken}`, async () => {
      using _ = new QuietConsole();
      const told: string[] = [];
      await using server = new OddServer({}, {
        admission: admission(broken),
        limits: { connections: 1 },
        refused: ({ reason }) => void told.push(reason),
      });
      // More often than the limit: none of them may keep its place.
      for (let round = 1; round <= 3; round++) {
        const connection = await connect({
          hostname: "127.0.0.1",
          port: server.listener.port,
          loop: server.loop,
          socket: {},
        });
        await within(connection.closed, "the end of a refused connection");
        await until(() => told.length === round, "the refusal is told");
      }
      expect(told).toEqual(["failed", "failed", "failed"]);
      expect(server.listener.refusals.failed).toBe(3);
      expect(server.listener.connectionCount).toBe(0);
      expect(server.loop.stats().handlerErrors).toBe(3);
    });
  }

  it("may throw at leave, and the place is free again", async () => {
    await using server = new OddServer({}, { admission: admission("leave"), limits: { connections: 1 } });
    for (let round = 0; round < 3; round++) await server.expectServes();
    expect(server.listener.connectionCount).toBe(0);
    expect(server.loop.stats().handlerErrors).toBe(3);
  });

  for (const refused of [boom, () => Promise.reject(Object.create(null))]) {
    it(`may ${refused === boom ? "throw" : "reject"} at refused`, async () => {
      await using server = new OddServer({}, {
        admission: { admit: () => "banned", leave() {} },
        refused: refused as () => void,
      });
      for (let round = 0; round < 3; round++) {
        const connection = await connect({
          hostname: "127.0.0.1",
          port: server.listener.port,
          loop: server.loop,
          socket: {},
        });
        await within(connection.closed, "the end of a refused connection");
      }
      await until(() => server.listener.refusals.banned === 3, "three were refused");
      await until(() => server.loop.stats().handlerErrors === 3, "three failures are counted");
    });
  }
});

describe("an exception in the loop itself", () => {
  it("in a timer, a waiter or a wake costs nothing else, is counted and told once", async () => {
    await using server = new OddServer({});
    const { engine } = server.loop;
    engine.timers.arm(1, { timerDue: boom });
    engine.waitForPoll({ tryAgain: boom });
    let asked = 0;
    engine.waitForPoll({ tryAgain: () => void (asked += 1) });
    engine.whenWoken = boom;
    server.loop.wake();
    await until(() => server.loop.stats().exceptions === 3, "three exceptions are counted");
    expect(asked).toBe(1);
    // The second and third come within the second in which nothing more is written.
    expect(server.quiet.lines.length).toBe(1);
    expect(String(server.quiet.lines[0])).toContain("boom");
    engine.whenWoken = undefined;
    await server.expectServes();
  });

  it("in a timer of a connection ends that connection", async () => {
    using _ = new QuietConsole();
    await using server = new OddServer({});
    const connection = await connect({
      hostname: "127.0.0.1",
      port: server.listener.port,
      loop: server.loop,
    });
    const core = connection as unknown as { timerDue(): void; tryAgain(): void };
    server.loop.engine.timers.arm(1, Object.assign(core as never, { timerDue: boom }));
    const reason = await within(connection.closed, "the end of the connection");
    expect(reason.by).toBe("error");
    expect(reason.error?.message).toBe("boom");
    await server.expectServes();
  });

  it("where its state is unknown ends it loudly: all that is on it hears of it", async () => {
    using quiet = new QuietConsole();
    await using loop = createEventLoop({ tasks: 100 });
    const errors: string[] = [];
    const listener = listen({
      hostname: "127.0.0.1",
      loop,
      socket: { data() {}, error: (_, error) => void errors.push(error.message) },
    });
    const client = await connect({ hostname: "127.0.0.1", port: listener.port, loop, socket: { data() {} } });
    const socket = await udpSocket({ hostname: "127.0.0.1", loop });
    await until(() => listener.connectionCount === 1, "the connection is accepted");
    const [accepted] = listener.connections();
    const told: unknown[] = [];
    loop.engine.whenBroken = (error) => told.push(error);
    loop.engine.pressure!.check = boom;
    loop.wake();
    for (const connection of [client, accepted]) {
      const reason = await within(connection.closed, "the end of a connection of a broken loop");
      expect(reason.by).toBe("error");
      expect(reason.error).toMatchObject({ code: "ERR_LOOP_BROKEN", cause: { message: "boom" } });
    }
    await within(socket.closed, "the end of a datagram socket of a broken loop");
    await within(listener.close(), "the end of a listener of a broken loop");
    expect(errors.length).toBe(1);
    expect(told).toMatchObject([{ code: "ERR_LOOP_BROKEN", cause: { message: "boom" } }]);
    expect(String(quiet.lines[0])).toContain("boom");
    const late = await errorOf(() => connect({ hostname: "127.0.0.1", port: listener.port, loop }));
    expect(late).toBeInstanceOf(RingportError);
    // The address is free again, so its sockets are.
    await using next = listen({ hostname: "127.0.0.1", port: listener.port });
    expect(next.port).toBe(listener.port);
  });
});

describe("what was thrown", () => {
  it("becomes a text or an error in one place alone", async () => {
    const sources = await readSources(["src"], /\.ts$/);
    const found = [...sources].flatMap(([path, text]) => {
      if (path === "src/base/thrown.ts") return [];
      const own = /console\.error\(|String\((error|cause|reason|thrown|inner)\)|instanceof Error \?/;
      return own.test(blankSource(path, text, "blank strings")) ? [path] : [];
    });
    expect(found).toEqual([]);
  });

  it("always has a text", () => {
    for (const [name, make] of Object.entries(ODD_VALUES)) {
      const thrown = make();
      expect(typeof textOf(thrown), name).toBe("string");
      expect(messageOf(thrown), name).not.toBe(undefined);
      const error = errorFrom(thrown, 7);
      expect(isError(error), name).toBe(true);
      expect([typeof error.name, typeof error.message], name).toEqual(["string", "string"]);
    }
    expect(textOf(new TypeError("boom"))).toBe("TypeError: boom");
    expect(errorFrom(Symbol("odd"), 7)).toMatchObject({ code: "ERR_HANDLER", connectionId: 7 });
    const fine = new RangeError("fine");
    expect(errorFrom(fine)).toBe(fine);
  });
});
