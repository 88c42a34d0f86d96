/** Peers that read slowly but steadily are not cut, whatever limit watches over what goes to them. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  type CloseReason,
  connect,
  type Connection,
  createLoop,
  listen,
  type ListenOptions,
  Server,
} from "../src/mod.ts";
import { Folder } from "./helpers/folder.ts";
import { system } from "./helpers/runtime.ts";
import { until, within } from "./helpers/wait.ts";

/** Wine sends on with a socket of the host, whose buffer it cannot see into. */
const ignore = system === "windows" && "Wine tells no more than that all of a send was taken";

const KILOBYTE = 1000;
/** Milliseconds between two of a reader's steps. */
const STEP = 20;
/** Bytes of a reader's own buffer: small, so that it acknowledges often. */
const RECEIVE_BUFFER = 16 * 1024;
/**
 * Of the segments of a reader's loop. A receive takes 32 of them, also if that is more than the kernel's
 * buffer holds: on loopback the sender fills it again meanwhile.
 */
const SEGMENT_SIZE = 512;

/** A reader, the buffer it is sent through, and what it is sent. */
interface Reader {
  bytesPerSecond: number;
  sendBuffer: number;
  total: number;
  /** Less than the kernel is silent for with a buffer of that size, more than the reader is. */
  limit: number;
}

const READERS: Reader[] = [
  { bytesPerSecond: 30 * KILOBYTE, sendBuffer: 64 * 1024, total: 240 * KILOBYTE, limit: 1_200 },
  { bytesPerSecond: 100 * KILOBYTE, sendBuffer: 200 * 1024, total: 700 * KILOBYTE, limit: 900 },
  { bytesPerSecond: 300 * KILOBYTE, sendBuffer: 200 * 1024, total: 900 * KILOBYTE, limit: 350 },
];

/** Reads with so many bytes a second; resolves with how many came. */
async function readSteadily(
  to: { port: number } | { unix: string },
  bytesPerSecond: number,
): Promise<number> {
  let owed = 0;
  let received = 0;
  const began = performance.now();
  await using loop = createLoop({ segmentSize: SEGMENT_SIZE });
  const connection = await connect({
    loop,
    ...("unix" in to ? to : { hostname: "127.0.0.1", receiveBuffer: RECEIVE_BUFFER, ...to }),
    socket: {
      data(connection, window) {
        received += window.length;
        owed = began + received / bytesPerSecond * 1000 - performance.now();
        if (owed <= STEP) return;
        connection.pause();
        setTimeout(() => connection.resume(), owed);
      },
    },
  });
  await connection.closed;
  return received;
}

/** How the server's end of each connection was closed, and what the reader got. */
interface Outcome {
  reason: CloseReason | undefined;
  received: number;
}

/**
 * Sends `total` bytes to a steady reader through a listener with the options; `sent` may end the connection.
 */
async function transfer(
  reader: Reader,
  options: Partial<ListenOptions>,
  sent: (connection: Connection) => void,
): Promise<Outcome> {
  let reason: CloseReason | undefined;
  await using listener = listen({
    ...(options.unix === undefined ? { hostname: "127.0.0.1", port: 0 } : {}),
    sendBuffer: reader.sendBuffer,
    ...options,
    socket: {
      open(connection) {
        connection.write(new Uint8Array(reader.total));
        sent(connection);
      },
      data: () => {},
      drain(connection) {
        if (connection.bufferedBytes === 0) connection.end();
      },
      close: (_connection, why) => void (reason = why),
    },
  });
  const to = options.unix === undefined ? { port: listener.port } : { unix: options.unix };
  const received = await within(readSteadily(to, reader.bytesPerSecond), "all to be read", 40_000);
  await until(() => reason !== undefined, "this end was closed");
  return { reason, received };
}

/** A limit that a steady reader keeps, and what the sender does once all is written. */
interface Case {
  options: (reader: Reader) => Partial<ListenOptions>;
  sent: (connection: Connection) => void;
}

const CASES: Record<string, Case> = {
  "is not stalled": {
    options: ({ limit }) => ({ timeouts: { writeStall: limit }, lowWaterMark: 0 }),
    sent() {},
  },
  "is not given up while a closed connection's bytes go out": {
    options: ({ limit }) => ({ lingerTimeout: limit }),
    sent: (connection) => connection.close(),
  },
  "is not given up while an ended connection's bytes go out": {
    options: ({ limit }) => ({ lingerTimeout: limit }),
    sent: (connection) => void connection.end(),
  },
  "is not too slow for half its rate": {
    options: ({ limit, bytesPerSecond }) => ({
      limits: { sendRate: bytesPerSecond / 2, rateGrace: limit },
      lowWaterMark: 0,
    }),
    sent() {},
  },
  "is not idle": {
    options: ({ limit }) => ({ timeouts: { idle: limit }, lowWaterMark: 0 }),
    sent() {},
  },
};

describe("a peer that reads 30, 100 or 300 kB a second", () => {
  // Each takes eight seconds and nearly no processor: all at once.
  it(Object.keys(CASES).join(", "), { ignore }, async () => {
    await Promise.all(
      Object.entries(CASES).flatMap(([what, { options, sent }]) =>
        READERS.map(async (reader) => {
          const { reason, received } = await transfer(reader, options(reader), sent);
          const which = `${what}: ${reader.bytesPerSecond} bytes a second`;
          expect(received, which).toBe(reader.total);
          expect(reason, which).toMatchObject({ bytesLost: 0, flushed: true });
          expect(reason!.error, which).toBe(undefined);
        })
      ),
    );
  });
});

describe("a peer of a Unix socket that reads steadily", () => {
  it("is not stalled, and not given up", { ignore }, async () => {
    await using folder = await Folder.make();
    const reader = READERS[1];
    // The kernel counts a piece of up to 48 KiB until the peer has read all of it.
    const limit = 1_200;
    const [stalling, closing] = await Promise.all([
      transfer(
        reader,
        { unix: folder.file("a"), timeouts: { writeStall: limit }, lowWaterMark: 0 },
        () => {},
      ),
      transfer(reader, { unix: folder.file("b"), lingerTimeout: limit }, (connection) => connection.close()),
    ]);
    for (const { received, reason } of [stalling, closing]) {
      expect(received).toBe(reader.total);
      expect(reason).toMatchObject({ bytesLost: 0, flushed: true });
    }
  });
});

describe("a peer that does not read at all", () => {
  const LIMIT = 400;

  /** The reason with which a connection ends to which nothing goes. */
  async function cut(
    options: Partial<ListenOptions>,
    sent: (connection: Connection) => void,
  ): Promise<CloseReason> {
    const gone = Promise.withResolvers<CloseReason>();
    await using listener = listen({
      hostname: "127.0.0.1",
      ...options,
      socket: {
        open(connection) {
          connection.write(new Uint8Array(12_000_000));
          sent(connection);
        },
        close: (_connection, reason) => gone.resolve(reason),
      },
    });
    const client = await connect({ hostname: "127.0.0.1", port: listener.port });
    const reason = await within(gone.promise, "the connection to be cut");
    client.abort();
    return reason;
  }

  it("is still cut by each limit", async () => {
    const reasons = await Promise.all([
      cut({ timeouts: { writeStall: LIMIT } }, () => {}),
      cut({ lingerTimeout: LIMIT }, (connection) => connection.close()),
      cut({ lingerTimeout: LIMIT }, (connection) => void connection.end()),
      cut({ limits: { sendRate: 1_000, rateGrace: LIMIT } }, () => {}),
      cut({ timeouts: { idle: LIMIT }, lingerTimeout: LIMIT }, () => {}),
    ]);
    for (const { by, bytesLost } of reasons) {
      expect(by).toBe("timeout");
      expect(bytesLost).toBeGreaterThan(0);
    }
  });
});

describe("a server that drains", () => {
  /** Starts a server that sends on opening, and has a peer there; its end gives the report. */
  async function start(draining: number) {
    const server = await Server.start(new URL("./applications/giver.ts", import.meta.url), {
      hostname: "127.0.0.1",
      port: 0,
      workers: 1,
      argument: `${500 * KILOBYTE}`,
      sendBuffer: 200 * 1024,
      shutdown: { draining, maxDraining: 60_000, closing: 300, aborting: 2_000 },
      log: () => {},
    });
    return server;
  }

  it("waits for a peer that reads steadily", { ignore }, async () => {
    // The last bytes are in the kernel's buffers for 8 s at this rate; the reader acknowledges every 0.3 s.
    const server = await start(4_000);
    const reading = readSteadily({ port: server.port }, 50 * KILOBYTE);
    await until(() => server.stats().total.bytesSent > 0, "the reader is there");
    const report = await within(server.shutdown(), "the shutdown", 40_000);
    expect(report.phases.find(({ phase }) => phase === "draining")).toMatchObject({ finished: true });
    expect(await reading).toBe(500 * KILOBYTE);
    expect(report).toMatchObject({ drained: 1, bytesLost: 0 });
  });

  it("but not for one that does not read", { ignore }, async () => {
    const server = await start(500);
    const client = await connect({ hostname: "127.0.0.1", port: server.port, receiveBuffer: RECEIVE_BUFFER });
    await until(() => server.stats().total.bytesSent > 0, "the client is there");
    const report = await within(server.shutdown(), "the shutdown");
    expect(report.phases.find(({ phase }) => phase === "draining")).toMatchObject({ finished: false });
    client.abort();
  });
});
