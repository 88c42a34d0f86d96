/** Options: what is unknown or of the wrong type is refused by name. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { checkServerOptions, connect, createLoop, listen, OptionError, RingportError } from "../src/mod.ts";
import { udpSocket } from "../src/udp.ts";
import { createPool } from "../src/pool.ts";
import { TestServer } from "./helpers/log.ts";
import { system } from "./helpers/runtime.ts";
import { errorOf } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";

/** The error must name the key, say what it wants where it is known, and be of the stable kind. */
function expectOptionError(error: unknown, key: string, wants: RegExp): void {
  expect(error).toBeInstanceOf(OptionError);
  expect(error).toBeInstanceOf(RingportError);
  const { code, message, origin } = error as OptionError;
  expect(code).toBe("ERR_OPTION");
  expect(origin).toBe("application");
  expect(message).toContain(key);
  expect(message).toMatch(wants);
}

const WRONG_FOR_BOTH: [string, unknown, RegExp][] = [
  ["hostname", 7, /string|IP address/],
  ["hostname", "", /string|IP address/],
  ["port", -1, /whole number/],
  ["port", 65536, /65535/],
  ["port", "80", /whole number/],
  ["port", 1.5, /whole number/],
  ["port", Number.NaN, /whole number/],
  ["allowHalfOpen", 1, /true or false/],
  ["signal", {}, /AbortSignal/],
  ["noDelay", "yes", /true or false/],
  ["highWaterMark", 0.5, /whole number/],
  ["bufferLimit", -1, /whole number/],
  ["lingerTimeout", "5s", /whole number/],
  ["socket", null, /object/],
  ["socket", 3, /object/],
  ["loop", {}, /loop/i],
  ["keepAlive", 5, /true or false|object/],
  ["surprise", true, /unknown|known/],
];

describe("listen refuses", () => {
  const wrong: [string, unknown, RegExp][] = [
    ...WRONG_FOR_BOTH,
    ["backlog", 0, /whole number/],
    ["ipv6Only", "no", /true or false/],
    ["reusePort", 0, /true or false/],
    ["exclusive", true, /reusePort/],
    ["host", LOOPBACK, /hostname/],
    ["tls", {}, /TLS/],
  ];
  for (const [key, value, wants] of wrong) {
    it(`${key}: ${JSON.stringify(value)}`, async () => {
      const error = await errorOf(() => listen({ hostname: LOOPBACK, port: 0, [key]: value }));
      expectOptionError(error, key, wants);
    });
  }

  it("no options at all and options that are none", async () => {
    for (const options of [null, 3, "options", []]) {
      const error = await errorOf(() => listen(options as unknown as { port: number }));
      expectOptionError(error, "options", /object/);
    }
  });

  it("an unknown handler and a handler that is no function", async () => {
    const unknown = { onData: () => {} } as unknown as { data(): void };
    expectOptionError(await errorOf(() => listen({ port: 0, socket: unknown })), "onData", /data/);
    const wrong = { data: 5 } as unknown as { data(): void };
    expectOptionError(await errorOf(() => listen({ port: 0, socket: wrong })), "data", /function/);
  });

  it("marks that contradict each other", async () => {
    const options = { hostname: LOOPBACK, port: 0, highWaterMark: 1024, lowWaterMark: 4096 };
    expectOptionError(await errorOf(() => listen(options)), "lowWaterMark", /highWaterMark|high/);
  });
});

describe("connect refuses", () => {
  for (const [key, value, wants] of [...WRONG_FOR_BOTH, ["timeout", 1, /timeouts: { connect }/]] as const) {
    it(`${key}: ${JSON.stringify(value)}`, async () => {
      const options = { hostname: LOOPBACK, port: 1, [key]: value };
      expectOptionError(
        await errorOf(() => connect(options as { hostname: string; port: number })),
        key,
        wants,
      );
    });
  }

  it("to go without a port or a host", async () => {
    const none = { hostname: LOOPBACK } as unknown as { hostname: string; port: number };
    expectOptionError(await errorOf(() => connect(none)), "port", /required|must/);
    const nowhere = { port: 1 } as unknown as { hostname: string; port: number };
    expectOptionError(await errorOf(() => connect(nowhere)), "hostname", /required|must/);
  });
});

describe("createLoop refuses", () => {
  const wrong: [string, unknown, RegExp][] = [
    ["segmentSize", 100, /whole number|segment/],
    ["segmentSize", "4096", /whole number/],
    ["segmentCount", 1, /whole number|segment/],
    ["submissionRecords", 100, /power of two/],
    ["completionRecords", 3, /power of two|whole number/],
    ["connectionSlots", 0, /whole number/],
    ["connectionSlots", 1 << 30, /whole number/],
    ["development", "on", /true or false/],
    ["library", 3, /string/],
    ["threads", 4, /unknown|known/],
  ];
  for (const [key, value, wants] of wrong) {
    it(`${key}: ${JSON.stringify(value)}`, async () => {
      expectOptionError(await errorOf(() => createLoop({ [key]: value })), key, wants);
    });
  }

  it("a library that is none", async () => {
    const error = await errorOf(() => createLoop({ library: "/no/such/library.so" })) as RingportError;
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toContain("/no/such/library.so");
  });
});

describe("the setters of a connection refuse", () => {
  it("wrong values by name", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const { connection } = log;
    expect(() => connection.setNoDelay("yes" as unknown as boolean)).toThrow(OptionError);
    expect(() => connection.setKeepAlive(true, { idle: -1 })).toThrow(OptionError);
    expect(log.reason).toBe(undefined);
    peer.close();
  });
});

/** Windows has no type of service. */
const typeOfService = system === "windows" ? {} : { typeOfService: -0 };

describe("-0 is the number 0", () => {
  it("in the options of loops, listeners, connections and pools", async () => {
    await using loop = createLoop({ headroom: -0, tailroom: -0, seed: -0 });
    const options = {
      loop,
      hostname: LOOPBACK,
      ...typeOfService,
      lowWaterMark: -0,
      highWaterMark: -0,
      lingerTimeout: -0,
      timeouts: { firstByte: -0, message: -0, writeStall: -0, idle: -0, lifetime: -0 },
      limits: { receiveRate: -0, sendRate: -0 },
      socket: { data() {} },
    };
    await using listener = listen({ ...options, port: -0 });
    expect(listener.port).toBeGreaterThan(0);
    const { firstByte: _, ...timeouts } = options.timeouts;
    const retry = { delay: -0, jitter: -0 };
    const connection = await connect({ ...options, timeouts, port: listener.port, localPort: -0, retry });
    expect(connection.lowWaterMark === 0).toBe(true);
    if (system === "linux") connection.setTypeOfService(-0);
    connection.setTimeouts({ idle: -0 }, { receiveRate: -0 });
    connection.abort();
    await connection.closed;
    const zero = {
      idleTimeout: -0,
      lifetime: -0,
      maxUses: -0,
      maxFailures: -0,
      backOff: -0,
      closeTimeout: -0,
    };
    await using pool = createPool({ loop, ...zero, maxWaiting: -0, acquireTimeout: -0 });
    const lease = await pool.acquire({ hostname: LOOPBACK, port: listener.port, timeout: -0 });
    lease.discard();
  });

  it("in the options and setters of datagram sockets", async () => {
    const socket = await udpSocket({ hostname: LOOPBACK, port: -0, ...typeOfService, multicastTTL: -0 });
    socket.setMulticastTTL(-0);
    await socket.close();
  });

  it("in the options of a server", () => {
    expect(() =>
      checkServerOptions({
        port: -0,
        typeOfService: -0,
        lingerTimeout: -0,
        timeouts: { idle: -0 },
      })
    ).not.toThrow();
  });
});
