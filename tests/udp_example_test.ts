/** The example of datagrams, run as a user runs it. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { DatagramPeer } from "./helpers/datagram_peer.ts";
import { runScript } from "./helpers/process.ts";
import { Random } from "./helpers/random.ts";

describe("examples/udp_echo.ts", () => {
  it("sends back what it gets, tells of it, and stops by itself", async () => {
    await using child = runScript("../examples/udp_echo.ts", import.meta.url, {
      arguments: ["0"],
      environment: { STOP_AFTER_MS: "3000" },
    });
    const [, port] = await child.line(/udp echo listens on .*:(\d+)/);
    using peer = await DatagramPeer.open();
    const noise = new Random(9).bytes(1200);
    await peer.send(noise, Number(port));
    expect((await peer.receive()).bytes).toEqual(noise);
    expect((await child.line(/(\d+) datagrams, (\d+) bytes/)).slice(1)).toEqual(["1", "1200"]);
    await child.line(/udp echo stopped/);
  });
});
