/** Listening on sockets that listen already: by descriptor, and by the protocol of systemd. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { descriptorOf } from "../src/listen/listener.ts";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { Statistic } from "../src/base/layout.ts";
import { findInherited, readInherited } from "../src/base/inherited_sockets.ts";
import { processId } from "../src/loop/native.ts";
import { connect, listen, type Listener, OptionError, type RingportError } from "../src/mod.ts";
import { Folder } from "./helpers/folder.ts";
import { duplicate } from "./helpers/lanes.ts";
import { TestServer } from "./helpers/log.ts";
import { connectPeer } from "./helpers/peer.ts";
import { environment, setEnvironment, system } from "./helpers/runtime.ts";
import { errorOf, until } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";
const onlyLinux = { ignore: system === "windows" && "Windows passes no listeners on" };

function variables(values: Record<string, string>): (name: string) => string | undefined {
  return (name) => values[name];
}

describe("the variables of systemd", () => {
  const pid = 4711;

  it("name the sockets from descriptor 3 on", () => {
    const read = readInherited(
      variables({ LISTEN_PID: "4711", LISTEN_FDS: "3", LISTEN_FDNAMES: "web:admin:web" }),
      pid,
    );
    expect(read).toEqual([
      { descriptor: 3, name: "web" },
      { descriptor: 4, name: "admin" },
      { descriptor: 5, name: "web" },
    ]);
    expect(findInherited(read, "admin").descriptor).toBe(4);
    expect(findInherited(read, 2).descriptor).toBe(5);
  });

  it("leave sockets without a name unknown", () => {
    const none = readInherited(variables({ LISTEN_PID: "4711", LISTEN_FDS: "2" }), pid);
    expect(none.map(({ name }) => name)).toEqual(["unknown", "unknown"]);
    const few = variables({ LISTEN_PID: "4711", LISTEN_FDS: "3", LISTEN_FDNAMES: ":b" });
    expect(readInherited(few, pid).map(({ name }) => name)).toEqual(["unknown", "b", "unknown"]);
  });

  it("that speak of another process, or are no numbers, mean nothing", () => {
    const wrong: Record<string, string>[] = [
      {},
      { LISTEN_FDS: "1" },
      { LISTEN_PID: "4711" },
      { LISTEN_PID: "4712", LISTEN_FDS: "1" },
      { LISTEN_PID: "4711", LISTEN_FDS: "" },
      { LISTEN_PID: "4711", LISTEN_FDS: "-1" },
      { LISTEN_PID: "4711", LISTEN_FDS: "1.5" },
      { LISTEN_PID: "4711", LISTEN_FDS: "0x2" },
      { LISTEN_PID: "4711", LISTEN_FDS: "99999999999999999999" },
      { LISTEN_PID: "4711", LISTEN_FDS: "2000" },
      { LISTEN_PID: " 4711", LISTEN_FDS: "1" },
    ];
    for (const values of wrong) {
      expect(readInherited(variables(values), pid), JSON.stringify(values)).toEqual([]);
    }
  });

  it("are told when they do not have what is wanted", async () => {
    const sockets = readInherited(
      variables({ LISTEN_PID: "4711", LISTEN_FDS: "2", LISTEN_FDNAMES: "a:a" }),
      pid,
    );
    for (
      const [wanted, told] of [["b", /there are 0 \("a"\), 1 \("a"\)/], [2, /there are/], [
        "a",
        /2 sockets/,
      ]] as const
    ) {
      const error = await errorOf(() => findInherited(sockets, wanted)) as OptionError;
      expect(error).toBeInstanceOf(OptionError);
      expect(error.key).toBe("inherited");
      expect(error.message).toMatch(told);
    }
    const none = await errorOf(() => findInherited([], 0)) as OptionError;
    expect(none.message).toContain("LISTEN_FDS");
  });
});

/** Sets the variables of systemd so that `descriptor` is called `name`, as long as `action` runs. */
async function inheriting(descriptor: number, name: string, action: () => Promise<void>): Promise<void> {
  const values: Record<string, string> = {
    LISTEN_PID: `${processId()}`,
    LISTEN_FDS: `${descriptor - 2}`,
    LISTEN_FDNAMES: ":".repeat(descriptor - 3) + name,
  };
  const before = Object.keys(values).map((key) => [key, environment(key)] as const);
  for (const [key, value] of Object.entries(values)) setEnvironment(key, value);
  try {
    await action();
  } finally {
    for (const [key, value] of before) setEnvironment(key, value);
  }
}

describe("a socket that listens already", () => {
  it("is served by its descriptor: TCP", onlyLinux, async () => {
    const first = listen({ hostname: LOOPBACK });
    const descriptor = await duplicate(descriptorOf(first));
    await first.handOn();
    await using server = new TestServer({}, { fd: descriptor });
    expect(server.listener.address).toEqual({ hostname: LOOPBACK, port: first.port, family: "IPv4" });
    const { peer, log } = await server.connectPeer();
    await peer.write("hello");
    await log.gotText("hello");
    peer.close();
    await log.closed();
  });

  it(
    "is served by its descriptor: a Unix socket, whose path is removed when asked for",
    onlyLinux,
    async () => {
      await using folder = await Folder.make();
      for (const removePath of [undefined, true]) {
        const unix = folder.file(`${removePath}`);
        const first = listen({ unix });
        const descriptor = await duplicate(descriptorOf(first));
        await first.handOn();
        {
          await using server = new TestServer({}, { fd: descriptor, removePath });
          expect(server.listener.unix).toBe(unix);
          const { near, far } = await server.connectPair();
          near.connection.end("hello");
          await far.gotText("hello");
        }
        expect(await folder.look(`${removePath}`)).toMatch(removePath ? /^$/ : /^socket /);
      }
    },
  );

  it("is found by its name and its position, again and again", onlyLinux, async () => {
    const first = listen({ hostname: LOOPBACK });
    const descriptor = await duplicate(descriptorOf(first));
    await first.handOn();
    await inheriting(descriptor, "web", async () => {
      for (const inherited of ["web", descriptor - 3, "web"]) {
        await using server = new TestServer({}, { inherited });
        expect(server.port).toBe(first.port);
        expect(descriptorOf(server.listener)).not.toBe(descriptor);
        const { near, far } = await server.connectPair();
        near.connection.end("hello");
        await far.gotText("hello");
      }
      const error = await errorOf(() => listen({ inherited: "admin" })) as OptionError;
      expect(error.message).toContain('"web"');
      // Positions before it are no listening sockets.
      const wrong = await errorOf(() => listen({ inherited: 0 })) as RingportError;
      expect(["ERR_NOT_A_LISTENER", "EAFNOSUPPORT"]).toContain(wrong.code);
      expect(wrong.message).toContain("descriptor 3");
    });
    // The last copy of it.
    await listen({ fd: descriptor }).close();
  });

  it(
    "stays the giver's where a duplicate is asked for, and is served after each taker",
    onlyLinux,
    async () => {
      await using loop = createEventLoop({ segmentCount: 64 });
      const first = listen({ hostname: LOOPBACK, loop });
      first.pause();
      for (let round = 0; round < 2; round++) {
        // It waits in the kernel's queue while nobody takes.
        const waiting = await connectPeer({ port: first.port });
        await using server = new TestServer({}, { fd: descriptorOf(first), duplicate: true });
        expect(server.port).toBe(first.port);
        expect(descriptorOf(server.listener)).not.toBe(descriptorOf(first));
        await until(() => server.logs.length === 1, "the waiting one was accepted");
        waiting.close();
      }
      await first.close();
      const error = await errorOf(() => connect({ hostname: LOOPBACK, port: first.port })) as RingportError;
      expect(error.code).toBe("ECONNREFUSED");
    },
  );

  it("is refused when it is none, and stays as it was", onlyLinux, async () => {
    const closed = await errorOf(() => listen({ fd: 100_000 })) as RingportError;
    expect([closed.code, closed.systemName]).toEqual(["ERR_NOT_A_LISTENER", "EBADF"]);
    expect(closed.message).toContain("descriptor 100000");
    const noSocket = await errorOf(() => listen({ fd: 1 })) as RingportError;
    expect(noSocket.code).toBe("ERR_NOT_A_LISTENER");
  });

  it("takes no options that concern binding", async () => {
    for (
      const [key, value] of [["hostname", LOOPBACK], ["port", 0], ["backlog", 5], ["mode", 0o600]] as const
    ) {
      const error = await errorOf(() => listen({ fd: 3, [key]: value })) as OptionError;
      expect(error).toBeInstanceOf(OptionError);
      expect(error.key).toBe(key);
      expect(error.message).toContain("listens already");
    }
    for (const place of [{ port: 0 }, { unix: "a.sock" }, { inherited: "web" }]) {
      const error = await errorOf(() => listen({ ...place, duplicate: true })) as OptionError;
      expect(error.message).toContain('option "duplicate" has no effect without "fd"');
    }
    for (const fd of [-1, 1.5, "3" as unknown as number]) {
      expect(((await errorOf(() => listen({ fd }))) as OptionError).key).toBe("fd");
    }
    for (const inherited of ["", -1, 0.5, true as unknown as number]) {
      expect(((await errorOf(() => listen({ inherited }))) as OptionError).key).toBe("inherited");
    }
  });

  it("refuses what TCP has and it does not, once it shows to be a Unix socket", onlyLinux, async () => {
    const first = listen({ unix: `\0ringport-${crypto.randomUUID()}` });
    const descriptor = await duplicate(descriptorOf(first));
    const error = await errorOf(() => listen({ fd: descriptor, noDelay: true })) as OptionError;
    expect(error.key).toBe("noDelay");
    await first.close();
  });

  it(
    "cannot be taken over on Windows, which says so",
    { ignore: system === "linux" && "Linux can" },
    async () => {
      const error = await errorOf(() => listen({ fd: 3 })) as RingportError;
      expect(error.code).toBe("ENOTSUP");
      expect(error.message).toContain("this system cannot take over a listening socket");
    },
  );

  it("costs no events of the giver when the taker accepts", onlyLinux, async () => {
    await using loop = createEventLoop({ segmentCount: 64 });
    await using other = createEventLoop({ segmentCount: 64 });
    const first = listen({ hostname: LOOPBACK, loop }) as Listener;
    const descriptor = await duplicate(descriptorOf(first));
    await first.handOn();
    await using server = new TestServer({}, { fd: descriptor, loop: other });
    const before = loop.stats().completions;
    for (let round = 0; round < 5; round++) {
      const { near, far } = await server.connectPair();
      near.connection.end();
      await far.closed();
    }
    expect(loop.engine.native.statistics[Statistic.eventsStale]).toBe(0n);
    expect(loop.stats().completions).toBe(before);
  });
});
