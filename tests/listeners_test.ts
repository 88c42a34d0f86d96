/** Several listeners of one server, each with an application and options of its own. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { listen, Server } from "../src/mod.ts";
import { LineClient } from "./helpers/commands.ts";
import { connectPeer, readText } from "./helpers/peer.ts";
import { until } from "./helpers/wait.ts";

const commands = new URL("./applications/commands.ts", import.meta.url);
const echo = new URL("./applications/echo.ts", import.meta.url).href;
const small = { workers: 2, segmentCount: 256, connectionSlots: 4096, timers: 8192, log: "off" } as const;

function hasIpv6(): boolean {
  try {
    listen({ hostname: "::1", port: 0 }).stop();
    return true;
  } catch {
    return false;
  }
}

describe("several listeners", () => {
  for (const isolation of ["thread", "process"] as const) {
    it(`have applications and options of their own, workers being ${isolation}s`, async () => {
      await using server = await Server.start(commands, {
        ...small,
        isolation,
        listeners: [
          { name: "lines", hostname: "127.0.0.1", port: 0 },
          { name: "mirror", hostname: "127.0.0.1", port: 0, application: echo, timeouts: { firstByte: 400 } },
        ],
      });
      const [lines, mirror] = server.listeners.map(({ address }) => address.port);
      const client = await LineClient.connect(lines);
      const peer = await connectPeer({ port: mirror });
      expect(await readText(peer, "mirror IPv4\n")).toBe("mirror IPv4\n");
      await peer.write("who\n");
      expect(await readText(peer, "who\n")).toBe("who\n");
      const silent = await LineClient.connect(mirror);
      await silent.closed();
      // The other listener leaves its clients their time.
      expect(await client.ask("echo hello")).toBe("hello");
      await until(() => server.stats().total.timeouts.firstByte === 1, "the timeout was counted");
      peer.close();
      client.connection.abort();
      await server.abort();
    });
  }

  it("may be of IPv6", { ignore: !hasIpv6() && "this machine has no IPv6" }, async () => {
    await using server = await Server.start(echo, { ...small, hostname: "::1", port: 0 });
    const peer = await connectPeer({ hostname: "::1", port: server.port });
    expect(await readText(peer, "main IPv6\n")).toBe("main IPv6\n");
    peer.close();
    await server.abort();
  });
});
