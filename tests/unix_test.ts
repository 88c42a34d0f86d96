/** Unix sockets: listening at paths, what becomes of their files, connecting, streams as those of TCP. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  AddressInUseError,
  connect,
  ConnectionRefusedError,
  createLoop,
  listen,
  NotFoundError,
  OptionError,
  RingportError,
  TimeoutError,
} from "../src/mod.ts";
import { Folder } from "./helpers/folder.ts";
import { hashOf } from "./helpers/hash.ts";
import { connectLogged, TestServer } from "./helpers/log.ts";
import { connectPeer, listenPeer, readAll, readAllText, readText } from "./helpers/peer.ts";
import { runScript } from "./helpers/process.ts";
import { Random } from "./helpers/random.ts";
import { system } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const ignore = system === "windows" && "Wine has no Unix sockets";
/** A case that needs Unix sockets. */
const onLinux = (name: string, body: () => Promise<void>) => it(name, { ignore }, body);
const unix = (path: string) => ({ hostname: "", port: 0, family: "Unix", path });

async function failure<Kind extends Error>(
  action: () => unknown,
  kind: new (...parameters: never[]) => Kind,
): Promise<Kind> {
  const error = await errorOf(action);
  expect(error).toBeInstanceOf(kind);
  return error as Kind;
}

describe("a Unix listener", () => {
  onLinux("tells its path, and those of its connections", async () => {
    await using folder = await Folder.make();
    const path = folder.file("a.sock");
    await using server = new TestServer({}, { unix: path });
    const { listener } = server;
    expect(listener.address).toEqual(unix(path));
    expect([listener.unix, listener.hostname, listener.port]).toEqual([path, "", 0]);
    const { near, far } = await server.connectPair();
    expect(far.connection.localAddress).toEqual(unix(path));
    expect(far.connection.remoteAddress).toEqual(unix(""));
    expect(near.connection.localAddress).toEqual(unix(""));
    expect(near.connection.remoteAddress).toEqual(unix(path));
    near.connection.end();
    await far.closed();
  });

  onLinux("serves sockets of the runtime itself, and is served by them", async () => {
    await using folder = await Folder.make();
    await using server = new TestServer({}, { unix: folder.file("a.sock") });
    const { peer, log } = await server.connectPeer();
    await peer.write("question");
    await log.gotText("question");
    log.connection.write("answer");
    expect(await readText(peer, "answer")).toBe("answer");
    peer.close();
    expect((await log.closed()).by).toBe("peer");

    const raw = listenPeer({ unix: folder.file("b.sock") });
    const near = await connectLogged(folder.file("b.sock"));
    const far = await raw.accept();
    near.connection.write("hello");
    expect(await readText(far, "hello")).toBe("hello");
    far.close();
    await near.closed();
    raw.close();
  });

  onLinux("takes names of the kernel's own, which are no files", async () => {
    const name = `\0ringport-${crypto.randomUUID()}`;
    await using server = new TestServer({}, { unix: name });
    expect(server.listener.unix).toBe(name);
    const { near, far } = await server.connectPair();
    near.connection.end("by name");
    await far.gotText("by name");
    await failure(() => listen({ unix: name }), AddressInUseError);
    const refused = await failure(() => connect({ unix: `${name}-not` }), ConnectionRefusedError);
    expect(refused.code).toBe("ECONNREFUSED");
  });

  onLinux("serves as many as TCP, paths up to 107 bytes, and any character", async () => {
    await using folder = await Folder.make();
    const rest = 107 - new TextEncoder().encode(folder.file("")).length;
    for (const name of ["x".repeat(rest), "ä€𝄞 with blanks"]) {
      await using server = new TestServer({}, { unix: folder.file(name) });
      expect(server.listener.unix).toBe(folder.file(name));
      const pairs = await Promise.all(Array.from({ length: 50 }, () => connectLogged(folder.file(name))));
      await until(() => server.listener.connectionCount === 50, "all were accepted");
      pairs.forEach(({ connection }) => connection.end());
      await until(() => server.listener.connectionCount === 0, "all were closed");
    }
  });
});

describe("the file of a Unix listener", () => {
  onLinux("is removed at the end, and only if it is still the listener's own", async () => {
    await using folder = await Folder.make();
    const first = listen({ unix: folder.file("a") });
    expect(await folder.look("a")).toMatch(/^socket /);
    await first.close();
    expect(await folder.look("a")).toBe("");

    const second = listen({ unix: folder.file("a") });
    await folder.move("a", "b");
    await folder.write("a", "somebody else's");
    await second.close();
    expect(await folder.read("a")).toBe("somebody else's");
    expect(await folder.look("b")).toMatch(/^socket /);

    const kept = listen({ unix: folder.file("c"), removePath: false });
    await kept.close();
    expect(await folder.look("c")).toMatch(/^socket /);
  });

  onLinux("has the permissions asked for, whatever the umask", async () => {
    await using folder = await Folder.make();
    for (const [mode, seen] of [[0o600, "600"], [0o666, "666"], [0o777, "777"], [0o770, "770"]] as const) {
      await using _ = listen({ unix: folder.file("a"), mode });
      expect(await folder.look("a")).toBe(`socket ${seen}`);
    }
  });

  onLinux("that was left over is replaced, unless that is not wanted", async () => {
    await using folder = await Folder.make();
    const path = folder.file("a");
    await listen({ unix: path, removePath: false }).close();
    const error = await failure(() => listen({ unix: path, replaceStale: false }), AddressInUseError);
    expect(error.code).toBe("EADDRINUSE");
    expect(error.address).toBe(path);
    expect(error.message).toContain(path);
    await using server = new TestServer({}, { unix: path });
    const { near, far } = await server.connectPair();
    near.connection.end("new");
    await far.gotText("new");
  });

  onLinux("that a killed process left over is replaced", async () => {
    await using folder = await Folder.make();
    const path = folder.file("a");
    {
      await using child = runScript("./children/unix_server.ts", import.meta.url, { arguments: [path] });
      await child.line(/listening/);
      await failure(() => listen({ unix: path }), AddressInUseError);
    }
    expect(await folder.look("a")).toMatch(/^socket /);
    await using listener = listen({ unix: path });
    expect(listener.unix).toBe(path);
  });

  onLinux("of a live server is never replaced, and the server stays reachable", async () => {
    await using folder = await Folder.make();
    await using server = new TestServer({}, { unix: folder.file("a") });
    for (let attempt = 0; attempt < 3; attempt++) {
      const error = await failure(() => listen({ unix: folder.file("a") }), AddressInUseError);
      expect(error.code).toBe("EADDRINUSE");
    }
    const raw = listenPeer({ unix: folder.file("b") });
    await failure(() => listen({ unix: folder.file("b") }), AddressInUseError);
    raw.close();
    // Each attempt was a connect that went away again.
    await until(() => server.listener.connectionCount === 0, "the attempts are gone");
    const near = await connectLogged(folder.file("a"));
    near.connection.end("still here");
    await until(() => server.logs.some((log) => log.text === "still here"), "the text came");
  });

  onLinux("that is no socket is left alone, and the error says so", async () => {
    await using folder = await Folder.make();
    await folder.write("a", "precious");
    const error = await failure(() => listen({ unix: folder.file("a") }), AddressInUseError);
    expect(error.code).toBe("ENOTSOCK");
    expect(error.systemName).toBe("EADDRINUSE");
    expect(error.message).toContain("not a socket");
    expect(await folder.read("a")).toBe("precious");
    await failure(() => listen({ unix: folder.path }), AddressInUseError);
  });

  onLinux("cannot be where no folder is", async () => {
    await using folder = await Folder.make();
    const error = await failure(() => listen({ unix: folder.file("none/a") }), NotFoundError);
    expect(error.code).toBe("ENOENT");
  });
});

describe("connecting to a Unix socket", () => {
  onLinux("tells a path that is not there from one nobody listens at", async () => {
    await using folder = await Folder.make();
    const missing = await failure(() => connect({ unix: folder.file("a") }), NotFoundError);
    expect(missing.code).toBe("ENOENT");
    expect(missing.address).toBe(folder.file("a"));
    expect(missing.operation).toBe("connect");
    await listen({ unix: folder.file("b"), removePath: false }).close();
    const refused = await failure(() => connect({ unix: folder.file("b") }), ConnectionRefusedError);
    expect(refused.code).toBe("ECONNREFUSED");
    await folder.write("c", "no socket");
    await failure(() => connect({ unix: folder.file("c") }), ConnectionRefusedError);
  });

  onLinux("waits while the listener's queue is full, as a TCP client does", async () => {
    await using folder = await Folder.make();
    const path = folder.file("a");
    await using listener = listen({ unix: path, backlog: 1, socket: { data: () => {} } });
    listener.pause();
    const clients = Array.from({ length: 12 }, () => connect({ unix: path }));
    await delay(50);
    listener.resume();
    const connections = await within(Promise.all(clients), "all twelve to be connected");
    connections.forEach((connection) => connection.abort());
    await until(() => listener.connectionCount === 0, "all are gone");
  });

  onLinux("gives up when that takes too long or is no longer wanted", async () => {
    await using folder = await Folder.make();
    const path = folder.file("a");
    await using listener = listen({ unix: path, backlog: 1, socket: { data: () => {} } });
    listener.pause();
    const before = await Promise.all([connect({ unix: path }), connect({ unix: path })]);
    const error = await failure(() => connect({ unix: path, timeouts: { connect: 50 } }), TimeoutError);
    expect(error.address).toBe(path);
    const abort = new AbortController();
    const unwanted = connect({ unix: path, signal: abort.signal });
    setTimeout(() => abort.abort(new Error("no longer")), 30);
    expect(((await errorOf(() => unwanted)) as Error).message).toBe("no longer");
    before.forEach((connection) => connection.abort());
  });
});

describe("a stream over a Unix socket", () => {
  onLinux("brings all bytes both ways, past slow readers and full buffers", async () => {
    await using folder = await Folder.make();
    const noise = new Random(3).bytes(3_000_000);
    await using listener = listen({
      unix: folder.file("a"),
      sendBuffer: 32 * 1024,
      socket: {
        data(connection, bytes) {
          if (connection.write(bytes) === "queued") connection.pause();
        },
        drain: (connection) => connection.resume(),
      },
    });
    const peer = await connectPeer({ port: 0, unix: folder.file("a") });
    const sent = peer.write(noise).then(() => peer.endWriting());
    await delay(30);
    expect(hashOf(await readAll(peer))).toBe(hashOf(noise));
    await sent;
    peer.close();
    await until(() => listener.connectionCount === 0, "the connection closed");
  });

  onLinux("ends on one side while the other goes on", async () => {
    await using folder = await Folder.make();
    const keepOpen = { end: () => {} };
    await using server = new TestServer(keepOpen, { unix: folder.file("a"), allowHalfOpen: true });
    const { peer, log } = await server.connectPeer();
    await peer.write("question");
    await peer.endWriting();
    await log.gotEnd();
    expect(log.connection.state).toBe("read-ended");
    log.connection.end("answer");
    expect(await readAllText(peer)).toBe("answer");
    expect((await log.closed()).flushed).toBe(true);
    peer.close();
  });

  onLinux("waits while it is paused", async () => {
    await using folder = await Folder.make();
    await using server = new TestServer({ open: (connection) => connection.pause() }, {
      unix: folder.file("a"),
    });
    const { peer, log } = await server.connectPeer();
    const length = 5_000_000;
    const writing = peer.write(new Uint8Array(length)).then(() => peer.endWriting());
    await delay(50);
    expect(log.length).toBe(0);
    log.connection.resume();
    await log.gotBytes(length);
    await writing;
    expect(await readAllText(peer)).toBe("");
    peer.close();
  });

  onLinux("that is cut with bytes nobody read is reset", async () => {
    await using folder = await Folder.make();
    await using server = new TestServer({ open: (connection) => connection.pause() }, {
      unix: folder.file("a"),
    });
    const { near, far } = await server.connectPair();
    near.connection.write("never read");
    await until(() => near.connection.bufferedBytes === 0, "the bytes are with the kernel");
    far.connection.abort();
    const reason = await near.closed();
    expect((reason.error as RingportError).code).toBe("ECONNRESET");
  });

  onLinux("is cut by abort, and a peer that writes to it finds out", async () => {
    await using folder = await Folder.make();
    await using server = new TestServer({}, { unix: folder.file("a") });
    const { near, far } = await server.connectPair();
    far.connection.abort();
    const reason = await near.closed();
    expect(reason.bytesLost).toBe(0);
    expect((await far.closed()).by).toBe("local");
  });
});

describe("what a Unix socket does not know", () => {
  const wrong: [string, unknown][] = [
    ["hostname", "127.0.0.1"],
    ["port", 0],
    ["ipv6Only", true],
    ["reusePort", true],
    ["noDelay", true],
    ["keepAlive", true],
    ["typeOfService", 8],
    ["receiveBuffer", 65536],
  ];
  for (const [key, value] of wrong) {
    it(`is refused: ${key}`, async () => {
      const error = await failure(() => listen({ unix: "a.sock", [key]: value }), OptionError);
      expect(error.key).toBe(key);
      expect(error.message).toContain("no effect on a Unix socket");
    });
  }

  it("is refused to a client", async () => {
    for (const [key, value] of [["port", 80], ["localAddress", "127.0.0.1"], ["noDelay", true]] as const) {
      const error = await failure(() => connect({ unix: "a.sock", [key]: value }), OptionError);
      expect(error.key).toBe(key);
    }
  });

  onLinux("is refused on a connection", async () => {
    await using folder = await Folder.make();
    await using server = new TestServer({}, { unix: folder.file("a") });
    const { near, far } = await server.connectPair();
    for (const { connection } of [near, far]) {
      for (
        const action of [
          () => connection.setNoDelay(true),
          () => connection.setKeepAlive(true),
          () => connection.setTypeOfService(8),
        ]
      ) expect((await failure(action, RingportError)).code).toBe("ENOTSUP");
    }
    near.connection.end();
    await far.closed();
  });

  it("is refused as a path: too long, empty, or with a NUL", async () => {
    for (const path of ["", "\0", "a\0b", "x".repeat(108), "ä".repeat(54), 5 as unknown as string]) {
      for (const action of [() => listen({ unix: path }), () => connect({ unix: path })]) {
        const error = await failure(action, OptionError);
        expect(error.key).toBe("unix");
        expect(error.message).toContain("107");
      }
    }
  });

  it("and TCP does not know what only Unix sockets have", async () => {
    for (const [key, value] of [["mode", 0o600], ["replaceStale", true], ["removePath", true]] as const) {
      const error = await failure(() => listen({ hostname: "127.0.0.1", [key]: value }), OptionError);
      expect(error.key).toBe(key);
    }
    for (const mode of [0, -1, 0o1000, "600" as unknown as number]) {
      expect((await failure(() => listen({ unix: "a.sock", mode }), OptionError)).key).toBe("mode");
    }
    const error = await failure(() => listen({ unix: "a.sock", fd: 3 }), OptionError);
    expect(error.message).toContain("combined");
  });
});

describe("a system without Unix sockets", () => {
  const ignore = system === "linux" && "Linux has them";
  it("says so", { ignore }, async () => {
    for (const action of [() => listen({ unix: "a.sock" }), () => connect({ unix: "a.sock" })]) {
      const error = await failure(action, RingportError);
      expect(error.code).toBe("EAFNOSUPPORT");
      expect(error.message).toContain("this system has no Unix sockets");
      expect(error.systemName).toBe("WSAEAFNOSUPPORT");
    }
  });

  it("goes on serving TCP after that", { ignore }, async () => {
    await using loop = createLoop({ segmentCount: 64 });
    await failure(() => listen({ unix: "a.sock", loop }), RingportError);
    await using listener = listen({ hostname: "127.0.0.1", loop });
    expect(listener.port).toBeGreaterThan(0);
  });
});
