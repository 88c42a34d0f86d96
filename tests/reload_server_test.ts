/** Connections of a server that have left the framing they began with are still the server's. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, Server } from "../src/mod.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, until, within } from "./helpers/wait.ts";

const application = new URL("./applications/upgrade.ts", import.meta.url);

describe("a server whose connections go on with other handlers", () => {
  it("counts them, does not take them for idle while it drains, and cuts them at the end", async () => {
    const server = await Server.start(application, {
      hostname: "127.0.0.1",
      port: 0,
      workers: 1,
      shutdown: { draining: scaled(1_500, 5_000), closing: 2_000 },
      log: () => {},
    });
    const clients = await Promise.all(
      ["raw\n", "raw\n", "line\n"].map(async (line) => {
        const client = await connect({ hostname: "127.0.0.1", port: server.port });
        client.write(line);
        await client.readExactly(line.length);
        return client;
      }),
    );
    const [leaving, staying, framed] = clients;
    const ending = server.shutdown();
    // The one between two messages is idle; the others may be in the middle of anything.
    await within(framed.readExactly(1).catch(() => {}), "the idle one to be closed");
    framed.end();
    await delay(200);
    leaving.write("still served");
    expect(new TextDecoder().decode(await leaving.readExactly(12))).toBe("still served");
    leaving.end();
    await leaving.closed;
    await until(() => staying.state !== "closed", "the last one is still there");
    const report = await within(ending, "the shutdown", 30_000);
    expect(report.drained).toBe(2);
    expect(report.closed + report.aborted).toBe(1);
    staying.abort();
    await Promise.all(clients.map((client) => client.closed));
  });
});
