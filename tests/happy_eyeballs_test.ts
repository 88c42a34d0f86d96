/** Connecting to a name with several addresses: the order, the delays, the winner, the losers, the error. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop, type EventLoop } from "../src/loop/event_loop.ts";
import { Status } from "../src/base/layout.ts";
import { connectWith } from "../src/connect/connect.ts";
import { interleave } from "../src/connect/race.ts";
import {
  connect,
  type Connection,
  ConnectionRefusedError,
  type ConnectOptions,
  LimitError,
  listen,
  type Listener,
  OptionError,
  ResolveError,
  RingportError,
  StateError,
  TimeoutError,
  UnreachableError,
} from "../src/mod.ts";
import { createPool } from "../src/pool.ts";
import { fakeLibrary, ignoreFake } from "./helpers/fake.ts";
import { closedPort } from "./helpers/peer.ts";
import { openDescriptors, system } from "./helpers/runtime.ts";
import { silentPort } from "./helpers/silent.ts";
import { errorOf, until, within } from "./helpers/wait.ts";

/** What the fake kernel's network does with each, see `helpers/fake.ts`. */
const SILENT = "192.0.2.1";
const SILENT_IPV6 = "2001:db8::1";
const UNREACHABLE = `198.51.100.${Status.networkUnreachable}`;
const LATE = (milliseconds: number) => `203.0.113.${milliseconds / 10}`;
const HERE = "127.0.0.1";
const HERE_IPV6 = "::1";

function fakeLoop(seed = 0, options = {}): EventLoop {
  return createEventLoop({ library: fakeLibrary, seed, segmentCount: 128, connectionSlots: 64, ...options });
}

/** Connects as if a name had these addresses. */
function connectTo(addresses: string[], options: ConnectOptions): Promise<Connection> {
  return connectWith({ hostname: "name.invalid", ...options }, () => Promise.resolve(addresses));
}

function errorsOf(error: unknown): RingportError[] {
  expect(error).toBeInstanceOf(RingportError);
  const { cause } = error as RingportError;
  expect(cause).toBeInstanceOf(AggregateError);
  return (cause as AggregateError).errors;
}

/** Nothing of a connect may be left: no slot, no segment, no timer. */
async function expectEmpty(loop: EventLoop): Promise<void> {
  await until(() => loop.stats().slotsUsed === 0, "the slots to be free");
  await until(() => loop.stats().segmentsHeld === 0, "the segments to be free");
  await until(() => loop.engine.timers.armed === 0, "the timers to be canceled");
}

describe("the order of addresses", () => {
  const families = (list: string) =>
    interleave([...list].map((digit) => ({ family: Number(digit) as 4 | 6 })));
  it("lets the families take turns, the first one's first", () => {
    const text = (list: string) => families(list).map(({ family }) => family).join("");
    expect(text("4466")).toBe("4646");
    expect(text("6644")).toBe("6464");
    expect(text("444666")).toBe("464646");
    expect(text("44446")).toBe("46444");
    expect(text("64444")).toBe("64444");
    expect(text("6")).toBe("6");
    expect(text("")).toBe("");
  });
});

describe("a name with several addresses, over the fake kernel", () => {
  interface Outcome {
    /** Virtual milliseconds it took. */
    took: number;
    /** The address that won. */
    winner: string;
    /** How many addresses were tried. */
    tried: number;
    loop: EventLoop;
  }

  async function race(addresses: string[], options: Partial<ConnectOptions> = {}): Promise<Outcome> {
    const loop = fakeLoop();
    const listener = listen({ hostname: HERE, loop, socket: { data() {} } });
    let tried = 0;
    loop.trace(({ stage, operation }) => {
      if (stage === "submitted" && operation.endsWith("connect")) tried += 1;
    });
    const began = loop.engine.clock.polledAt;
    const connection = await within(
      connectTo(addresses, { port: listener.port, loop, socket: { data() {} }, ...options }),
      "the connection",
    );
    const took = loop.engine.clock.polledAt - began;
    const winner = connection.remoteAddress.hostname;
    connection.abort();
    await within(connection.closed, "its end");
    listener.stop(true);
    return { took, winner, tried, loop };
  }

  async function end(loop: EventLoop): Promise<void> {
    await expectEmpty(loop);
    await within(loop.close(), "the loop to close");
  }

  it("takes the first address that answers at once", { ignore: ignoreFake }, async () => {
    const { winner, tried, loop } = await race([HERE, SILENT_IPV6]);
    expect([winner, tried]).toEqual([HERE, 1]);
    await end(loop);
  });

  it("begins with the next address after 250 ms of silence", { ignore: ignoreFake }, async () => {
    const { took, winner, tried, loop } = await race([SILENT, HERE_IPV6]);
    expect([winner, tried]).toEqual([HERE_IPV6, 2]);
    expect(took).toBeGreaterThanOrEqual(250);
    await end(loop);
  });

  it("begins with the next address at once when one fails", { ignore: ignoreFake }, async () => {
    // Those with no status of that number fail as well.
    const many = Array.from({ length: 40 }, (_, index) => `198.51.100.${100 + index}`);
    for (const first of [[UNREACHABLE], many]) {
      const { took, winner, tried, loop } = await race([...first, HERE]);
      expect([winner, tried]).toEqual([HERE, first.length + 1]);
      // Were there a delay before each of the many, it would take ten seconds.
      expect(took).toBeLessThan(5_000);
      await end(loop);
    }
  });

  it(
    "waits 250 ms for each silent address, and interleaves the families",
    { ignore: ignoreFake },
    async () => {
      // Two IPv4 addresses come first, but the IPv6 address is second in line.
      const { winner, tried, loop } = await race([SILENT, "192.0.2.2", HERE_IPV6]);
      expect([winner, tried]).toEqual([HERE_IPV6, 2]);
      await end(loop);
      const third = await race([SILENT, "192.0.2.2", HERE, SILENT_IPV6]);
      expect([third.winner, third.tried]).toEqual([HERE, 4]);
      expect(third.took).toBeGreaterThanOrEqual(750);
      await end(third.loop);
    },
  );

  it("lets a slow first address win against a slower second one", { ignore: ignoreFake }, async () => {
    const { took, winner, tried, loop } = await race([LATE(400), LATE(2000)]);
    expect([winner, tried]).toEqual([LATE(400), 2]);
    expect(took).toBeGreaterThanOrEqual(400);
    await end(loop);
  });

  it("lets a fast second address win against a slow first one", { ignore: ignoreFake }, async () => {
    const { took, winner, tried, loop } = await race([LATE(2500), LATE(100)]);
    expect([winner, tried]).toEqual([LATE(100), 2]);
    expect(took).toBeGreaterThanOrEqual(350);
    await end(loop);
  });

  it("waits for the first when the second fails", { ignore: ignoreFake }, async () => {
    const { took, winner, tried, loop } = await race([LATE(600), "2001:db8:8000::1"]);
    expect([winner, tried]).toEqual([LATE(600), 2]);
    expect(took).toBeGreaterThanOrEqual(600);
    await end(loop);
  });

  it("takes the addresses one by one where they share a local port", { ignore: ignoreFake }, async () => {
    const { took, winner, tried, loop } = await race([SILENT, LATE(50)], {
      localPort: 5000,
      timeouts: { connect: 4000 },
    });
    expect([winner, tried]).toEqual([LATE(50), 2]);
    expect(took).toBeGreaterThanOrEqual(2000);
    await end(loop);
  });

  it("cancels the losers, whichever wins, at every moment", { ignore: ignoreFake }, async () => {
    // Answers that come together, in turn and in odd orders; odd seeds delay and reorder events as well.
    for (let seed = 0; seed < 24; seed++) {
      const loop = fakeLoop(seed * 2 + 1);
      const opened: Connection[] = [];
      const listener = listen({
        hostname: HERE,
        loop,
        socket: { open: (c) => void opened.push(c), data() {} },
      });
      const addresses = [LATE(10 * (seed % 5)), LATE(260), LATE(250), UNREACHABLE, SILENT, HERE_IPV6];
      const turned = [...addresses.slice(seed % 6), ...addresses.slice(0, seed % 6)];
      const options = { port: listener.port, loop, socket: { data() {} } };
      const connections = await within(
        Promise.all([connectTo(turned, options), connectTo(turned, options)]),
        `the connections of seed ${seed}`,
      );
      for (const connection of connections) connection.abort();
      await Promise.all(connections.map(({ closed }) => closed));
      listener.stop(true);
      await expectEmpty(loop);
      await within(loop.close(), "the loop to close");
    }
  });

  it("tells each address's failure, in order", { ignore: ignoreFake }, async () => {
    const loop = fakeLoop();
    // Nothing listens at the port.
    const addresses = [UNREACHABLE, LATE(100), HERE, HERE_IPV6];
    const error = await errorOf(() => connectTo(addresses, { port: 9, loop })) as RingportError;
    expect(error).toBeInstanceOf(ConnectionRefusedError);
    expect(error.code).toBe("ECONNREFUSED");
    expect(error.address).toBe("name.invalid:9");
    expect(errorsOf(error).map(({ code, address }) => `${address} ${code}`)).toEqual([
      `${UNREACHABLE}:9 ENETUNREACH`,
      "[::1]:9 ECONNREFUSED",
      "203.0.113.10:9 ECONNREFUSED",
      "127.0.0.1:9 ECONNREFUSED",
    ]);
    expect(errorsOf(error)[0]).toBeInstanceOf(UnreachableError);
    await end(loop);
  });

  it("says that nothing can be reached where nothing can", { ignore: ignoreFake }, async () => {
    const loop = fakeLoop();
    const addresses = [UNREACHABLE, "2001:db8:8000::1"];
    const error = await errorOf(() => connectTo(addresses, { port: 9, loop })) as RingportError;
    expect(error).toBeInstanceOf(UnreachableError);
    expect(errorsOf(error)).toHaveLength(2);
    await end(loop);
  });

  it(
    "times out over all addresses together, and tells what became of each",
    { ignore: ignoreFake },
    async () => {
      const loop = fakeLoop();
      const options = { port: 9, loop, timeouts: { connect: 600 } };
      const addresses = [SILENT, UNREACHABLE, SILENT_IPV6, "192.0.2.9"];
      const error = await errorOf(() => connectTo(addresses, options)) as RingportError;
      expect(error).toBeInstanceOf(TimeoutError);
      expect(errorsOf(error).map(({ code }) => code)).toEqual([
        "ETIMEDOUT",
        "ETIMEDOUT",
        "ENETUNREACH",
        "ETIMEDOUT",
      ]);
      await end(loop);
    },
  );

  it("gives up all addresses by a signal, and rejects with its reason", { ignore: ignoreFake }, async () => {
    const loop = fakeLoop();
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const pending = errorOf(() =>
      connectTo([SILENT, SILENT_IPV6], { port: 9, loop, signal: controller.signal })
    );
    await until(() => loop.stats().slotsUsed === 2, "both attempts to be under way");
    controller.abort(reason);
    expect(await pending).toBe(reason);
    await end(loop);
  });

  it("gives up when the loop is closed", { ignore: ignoreFake }, async () => {
    const loop = fakeLoop();
    const pending = errorOf(() => connectTo([SILENT, SILENT_IPV6], { port: 9, loop }));
    await until(() => loop.stats().slotsUsed === 2, "both attempts to be under way");
    await within(loop.close(), "the loop to close");
    expect(await pending).toBeInstanceOf(StateError);
    expect(loop.stats().slotsUsed).toBe(0);
  });

  it(
    "does not connect on a loop that was closed while the name was resolved",
    { ignore: ignoreFake },
    async () => {
      const loop = fakeLoop();
      const { promise, resolve } = Promise.withResolvers<string[]>();
      const pending = errorOf(() => connectWith({ hostname: "late.invalid", port: 9, loop }, () => promise));
      await within(loop.close(), "the loop to close");
      resolve([HERE]);
      expect(await pending).toBeInstanceOf(StateError);
    },
  );

  it("leaves no segment behind where no slot is free", { ignore: ignoreFake }, async () => {
    const loop = fakeLoop(0, { connectionSlots: 2 });
    const options = { port: 9, loop };
    const stop = new AbortController();
    const waiting = [SILENT, SILENT].map((address) =>
      errorOf(() => connectTo([address], { ...options, signal: stop.signal }))
    );
    await until(() => loop.stats().slotsUsed === 2, "the slots to be taken");
    const error = await errorOf(() => connectTo([HERE, HERE_IPV6], options)) as RingportError;
    expect(error).toBeInstanceOf(LimitError);
    expect(errorsOf(error).map(({ code }) => code)).toEqual(["ERR_SLOTS_EXHAUSTED", "ERR_SLOTS_EXHAUSTED"]);
    expect(loop.stats().segmentsHeld).toBe(0);
    stop.abort();
    await Promise.all(waiting);
    await end(loop);
  });
});

describe("localhost", () => {
  /**
   * A listener at a port that 127.0.0.1 or ::1 alone has. A client has the port of the other address, so that
   * nobody else on this machine can listen there meanwhile.
   */
  class Alone implements AsyncDisposable {
    private constructor(readonly listener: Listener, readonly other: Listener, readonly holder: Connection) {}

    static async make(hostname: string, text: string): Promise<Alone> {
      const elsewhere = hostname === HERE ? HERE_IPV6 : HERE;
      const other = listen({ hostname: elsewhere, ipv6Only: elsewhere === HERE_IPV6, socket: { data() {} } });
      for (;;) {
        const holder = await connect({ hostname: elsewhere, port: other.port, socket: { data() {} } });
        const { port } = holder.localAddress;
        const open = (connection: Connection) => void connection.end(text);
        try {
          const only = { hostname, port, ipv6Only: hostname === HERE_IPV6 };
          return new Alone(listen({ ...only, socket: { open } }), other, holder);
        } catch {
          // Somebody has it there.
          holder.abort();
        }
      }
    }

    get port(): number {
      return this.listener.port;
    }

    async [Symbol.asyncDispose](): Promise<void> {
      this.holder.abort();
      await this.holder.closed;
      for (const listener of [this.listener, this.other]) await listener[Symbol.asyncDispose]();
    }
  }

  async function textOf(connection: Connection): Promise<string> {
    let text = "";
    for await (const bytes of connection.readable) text += new TextDecoder().decode(bytes);
    connection.abort();
    return text;
  }

  for (const hostname of [HERE, HERE_IPV6]) {
    it(`is found where only ${hostname} has the port`, async () => {
      await using listener = await Alone.make(hostname, hostname);
      await using loop = createEventLoop();
      for (let round = 0; round < 10; round++) {
        const options = { hostname: "localhost", port: listener.port, loop };
        const connection = await within(connect(options), "the connection");
        expect(await within(textOf(connection), "the text")).toBe(hostname);
      }
      await expectEmpty(loop);
    });
  }

  it("says ECONNREFUSED where nothing listens, also without IPv6", async () => {
    await using loop = createEventLoop();
    const port = await closedPort();
    for (let round = 0; round < 3; round++) {
      const error = await errorOf(() => connect({ hostname: "localhost", port, loop })) as RingportError;
      expect(error).toBeInstanceOf(ConnectionRefusedError);
      expect(error.code).toBe("ECONNREFUSED");
      expect(error.address).toBe(`localhost:${port}`);
      const errors = errorsOf(error);
      expect(errors.map(({ address }) => address)).toEqual([`${HERE}:${port}`, `[::1]:${port}`]);
      expect(errors[0].code).toBe("ECONNREFUSED");
    }
    // A machine without IPv6 says so in one of these ways; the answer of IPv4 counts.
    for (const code of ["EADDRNOTAVAIL", "EAFNOSUPPORT", "ENETUNREACH"]) {
      const { errorOfAddresses } = await import("../src/connect/errors.ts");
      const refused = new ConnectionRefusedError("refused", { code: "ECONNREFUSED", operation: "connect" });
      const local = new RingportError("no such address", { code, operation: "connect" });
      expect(errorOfAddresses("localhost", [local, refused])).toBeInstanceOf(ConnectionRefusedError);
      expect(errorOfAddresses("localhost", [refused, local]).code).toBe("ECONNREFUSED");
    }
    await expectEmpty(loop);
  });

  it("is connected to in the family of the local address", async () => {
    await using loop = createEventLoop();
    await using ipv4 = await Alone.make(HERE, "four");
    const options = { hostname: "localhost", loop };
    const connection = await connect({ ...options, port: ipv4.port, localAddress: "127.0.0.1" });
    expect(await textOf(connection)).toBe("four");
    const error = await errorOf(() => connect({ ...options, port: ipv4.port, localAddress: "::1" }));
    expect((error as RingportError).code).toBe("ECONNREFUSED");
    expect(errorsOf(error).map(({ address }) => address)).toEqual([`[::1]:${ipv4.port}`]);
    // From an IPv4 address mapped into IPv6, IPv4 is reached.
    const mapped = await connect({ ...options, port: ipv4.port, localAddress: "::ffff:127.0.0.1" });
    expect(await textOf(mapped)).toBe("four");
    const none = await errorOf(() =>
      connectWith(
        { hostname: "name.invalid", port: ipv4.port, localAddress: "::1", loop },
        () => Promise.resolve([HERE]),
      )
    );
    expect(none).toBeInstanceOf(ResolveError);
    const literal = await errorOf(() =>
      connect({ hostname: HERE, port: ipv4.port, localAddress: "::1", loop })
    );
    expect(literal).toBeInstanceOf(OptionError);
    await expectEmpty(loop);
  });

  it("takes a local port in either family", async () => {
    await using loop = createEventLoop();
    await using listener = await Alone.make(HERE_IPV6, "six");
    const probe = listen({ hostname: HERE, port: 0 });
    const localPort = probe.port;
    await probe.close();
    const connection = await connect({ hostname: "localhost", port: listener.port, localPort, loop });
    expect(connection.localAddress.port).toBe(localPort);
    expect(await textOf(connection)).toBe("six");
    await expectEmpty(loop);
  });

  it("is reached by a pool", async () => {
    await using listener = await Alone.make(HERE_IPV6, "pooled");
    await using loop = createEventLoop();
    await using pool = createPool({ loop });
    for (let round = 0; round < 5; round++) {
      const text = await pool.use({ hostname: "localhost", port: listener.port }, textOf);
      expect(text).toBe("pooled");
    }
    const down = await errorOf(async () => pool.acquire({ hostname: "localhost", port: await closedPort() }));
    expect((down as RingportError).code).toBe("ECONNREFUSED");
  });

  it("leaves no descriptor of its losers behind", async () => {
    await using loop = createEventLoop();
    await using listener = await Alone.make(HERE_IPV6, "six");
    const down = await closedPort();
    const options = { hostname: "localhost", loop, timeouts: { connect: 20_000 } };
    // What the first connects open for good is not counted.
    for (let warm = 0; warm < 3; warm++) await textOf(await connect({ ...options, port: listener.port }));
    const before = await openDescriptors();
    for (let round = 0; round < 30; round++) {
      await textOf(await connect({ ...options, port: listener.port }));
      await errorOf(() => connect({ ...options, port: down }));
      const signal = AbortSignal.abort();
      await errorOf(() => connect({ ...options, port: listener.port, signal }));
      const late = new AbortController();
      const pending = connect({ ...options, port: listener.port, signal: late.signal })
        .then((connection) => connection.abort(), () => {});
      late.abort();
      await pending;
    }
    await expectEmpty(loop);
    // Linux alone tells how many there are.
    if (before !== undefined) {
      await until(async () => (await openDescriptors())! <= before, "the descriptors to be closed");
    }
  });

  it("is reached from workers, again and again", async () => {
    await using ipv4 = await Alone.make(HERE, "four");
    await using ipv6 = await Alone.make(HERE_IPV6, "six");
    const down = await closedPort();
    const ports = Array.from({ length: 8 }, () => [ipv6.port, ipv4.port, down]).flat();
    const answers = [1, 2].map(() => {
      const worker = new Worker(new URL("./children/connecting_worker.ts", import.meta.url), {
        type: "module",
      });
      const answer = new Promise<string[]>((resolve, reject) => {
        worker.onmessage = ({ data }: MessageEvent<string[] | "ready">) => {
          if (data === "ready") worker.postMessage(ports);
          else resolve(data);
        };
        worker.onerror = (event: ErrorEvent) => reject(new Error(event.message));
      });
      return within(answer, "the worker's answer");
    });
    const expected = Array.from({ length: 8 }, () => ["six", "four", "ECONNREFUSED"]).flat();
    for (const answer of answers) expect(await answer).toEqual(expected);
  });

  it("is reached at its second address while the first does not answer", async () => {
    const silent = await silentPort(HERE);
    await using loop = createEventLoop();
    {
      await using listener = listen({
        hostname: HERE_IPV6,
        ipv6Only: true,
        port: silent.port,
        socket: { open: (c) => void c.end("second") },
      });
      const began = performance.now();
      const connection = await within(
        connect({ hostname: "localhost", port: listener.port, loop }),
        "a connection",
      );
      expect(performance.now() - began).toBeGreaterThan(system === "windows" ? 0 : 200);
      expect(await textOf(connection)).toBe("second");
      await expectEmpty(loop);
    }
    await silent.close();
  });
});

describe("requests that are not answered at once", () => {
  it("are kept where they lie, and what was opened for them is closed", { ignore: ignoreFake }, async () => {
    const loop = fakeLoop(0, { completionRecords: 64, submissionRecords: 64, connectionSlots: 256 });
    const answered = Promise.withResolvers<{ port: number; error: unknown }>();
    const others: Listener[] = [];
    const server = listen({
      hostname: HERE,
      loop,
      socket: {
        open() {
          // Their completions fill the ring, as nobody reads it while this callback runs.
          for (let count = 0; count < 200; count++) loop.engine.timers.arm(1, { timerDue() {} });
          for (let port = 5001; port < 5100; port++) {
            try {
              others.push(listen({ hostname: HERE, port, loop }));
            } catch (error) {
              return answered.resolve({ port, error });
            }
          }
        },
      },
    });
    const client = await connect({ hostname: HERE, port: server.port, loop, socket: { data() {} } });
    const { port, error } = await within(answered.promise, "the answer");
    expect((error as RingportError).code).toBe("ERR_LISTEN_UNANSWERED");
    for (const other of others) other.stop();
    client.abort();
    await within(client.closed, "its end");
    server.stop(true);
    await expectEmpty(loop);
    const again = listen({ hostname: HERE, port, loop });
    again.stop();
    await within(loop.close(), "the loop to close");
  });

  it("are answered behind many submissions", async () => {
    await using loop = createEventLoop({ submissionRecords: 64 });
    await using server = listen({ hostname: HERE, loop });
    for (let count = 0; count < 5000; count++) {
      server.pause();
      server.resume();
    }
    await using other = listen({ hostname: HERE, loop });
    expect(other.port).toBeGreaterThan(0);
  });
});
