/** The accept queue in sight, and the system's counters of what never came through it. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { parseAcceptCounters } from "../src/loop/accept_counters.ts";
import { connect, listen } from "../src/mod.ts";
import { acceptCounters } from "../src/metrics.ts";
import { connectPeer } from "./helpers/peer.ts";
import { system } from "./helpers/runtime.ts";
import { until } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";
const onlyLinux = { ignore: system === "windows" && "Windows does not tell" };

describe("the accept queue of a listener", () => {
  it("is told: its length and its limit", onlyLinux, async () => {
    await using listener = listen({ hostname: LOOPBACK, backlog: 7, socket: { data: () => {} } });
    expect(listener.backlog()).toEqual({ length: 0, limit: 7 });
    listener.pause();
    const peers = await Promise.all([1, 2, 3].map(() => connectPeer({ port: listener.port })));
    await until(() => listener.backlog()?.length === 3, "three wait");
    listener.resume();
    await until(() => listener.connectionCount === 3, "all were accepted");
    expect(listener.backlog()).toEqual({ length: 0, limit: 7 });
    peers.forEach((peer) => peer.close());
    await listener.close();
    expect(listener.backlog()).toBe(undefined);
  });

  it("is not told where the system does not", async () => {
    await using listener = system === "windows"
      ? listen({ hostname: LOOPBACK })
      : listen({ unix: `\0ringport-${crypto.randomUUID()}` });
    expect(listener.backlog()).toBe(undefined);
  });

  it("shows in the system's counters when it was full", onlyLinux, async () => {
    await using listener = listen({ hostname: LOOPBACK, backlog: 1 });
    listener.pause();
    const before = acceptCounters()!;
    const abort = new AbortController();
    const attempts = [1, 2, 3, 4, 5].map(() =>
      connect({ hostname: LOOPBACK, port: listener.port, signal: abort.signal })
        .then((connection) => connection.abort(), () => {})
    );
    await until(() => acceptCounters()!.queueOverflows > before.queueOverflows, "an overflow was counted");
    expect(acceptCounters()!.drops).toBeGreaterThan(before.drops);
    abort.abort();
    await Promise.all(attempts);
  });
});

describe("the system's counters", () => {
  const text = [
    "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed ListenOverflows ListenDrops TCPReqQFullDrop",
    "TcpExt: 1 2 3 4 5 6",
    "IpExt: InNoRoutes ListenDrops",
    "IpExt: 7 8",
    "",
  ].join("\n");
  const all = {
    synCookiesSent: 1,
    synCookiesReceived: 2,
    synCookiesFailed: 3,
    queueOverflows: 4,
    drops: 5,
    synQueueDrops: 6,
  };

  it("are read by their names, in any order and among others", () => {
    expect(parseAcceptCounters(text)).toEqual(all);
    expect(parseAcceptCounters(`IpExt: A\nIpExt: 1\n${text}`)).toEqual(all);
    const turned = "TcpExt: X ListenDrops ListenOverflows\nTcpExt: 9 8 7\n";
    expect(parseAcceptCounters(turned)).toEqual({
      synCookiesSent: 0,
      synCookiesReceived: 0,
      synCookiesFailed: 0,
      queueOverflows: 7,
      drops: 8,
      synQueueDrops: 0,
    });
  });

  it("are not there in a text that is none, or one cut anywhere", () => {
    for (const none of ["", "TcpExt:", "TcpExt: A B\nTcpExt: 1\n", "TcpExt: A\nIpExt: 1", "nonsense\n\n"]) {
      expect(parseAcceptCounters(none), none).toBe(undefined);
    }
    const whole = text.indexOf("IpExt");
    for (let cut = 0; cut <= text.length; cut++) {
      const read = parseAcceptCounters(text.slice(0, cut));
      // Whole, or without its last value at most.
      if (cut >= whole) expect(read, `cut ${cut}`).toEqual(all);
      else if (read !== undefined) expect(cut, `cut ${cut}`).toBe(whole - 1);
    }
  });

  it("that are no numbers count as 0", () => {
    const odd = parseAcceptCounters("TcpExt: ListenDrops ListenOverflows\nTcpExt: -1 x\n");
    expect([odd?.drops, odd?.queueOverflows]).toEqual([0, 0]);
  });

  it("are told on Linux and not on Windows", () => {
    if (system === "windows") expect(acceptCounters()).toBe(undefined);
    else expect(acceptCounters()!.drops).toBeGreaterThanOrEqual(0);
  });
});
