/** A server whose application throws what cannot be shown: it is logged, counted, and the server goes on. */
import { expect } from "@std/expect";
import { it } from "@std/testing/bdd";
import { connect } from "../src/mod.ts";
import { renderPrometheus } from "../src/worker/metrics/prometheus.ts";
import { CommandServer, describeWorkers } from "./helpers/commands.ts";
import { connectPeer, readAllText } from "./helpers/peer.ts";
import { scaled } from "./helpers/runtime.ts";
import { until, within } from "./helpers/wait.ts";

const patience = scaled(20_000, 60_000);

describeWorkers("a server whose application throws odd values", (isolation) => {
  const start = () => CommandServer.start({ isolation, workers: 1, limits: { tasks: 100 } }, "odd_throws.ts");

  async function ask(port: number, text: string): Promise<string> {
    const peer = await connectPeer({ port });
    await peer.write(text);
    const answer = await within(readAllText(peer).catch(() => "cut"), `an answer to "${text}"`);
    peer.close();
    return answer;
  }

  it("goes on, and tells an exception in its loop in log, figures and metrics", async () => {
    await using fixture = await start();
    const { server } = fixture;
    for (let round = 0; round < 3; round++) await ask(server.port, "odd");
    expect(await ask(server.port, "escape")).toBe("armed");
    const entry = await fixture.event("loop.exception");
    expect(entry).toMatchObject({ level: "error", worker: 0, error: { message: "boom in the loop" } });
    expect((entry.error as { stack: string }).stack).toContain("odd_throws");
    expect(await ask(server.port, "fine")).toBe("fine");
    await until(() => server.stats().total.errors.ERR_LOOP_EXCEPTION === 1, "the exception is counted");
    expect(server.stats().total.errors.ERR_HANDLER).toBe(3);
    expect(renderPrometheus(server.stats())).toContain('code="ERR_LOOP_EXCEPTION"');
    expect(fixture.events("worker.died")).toEqual([]);
  });

  it("replaces a worker whose loop an exception has ended", async () => {
    await using fixture = await start();
    const { server } = fixture;
    const bystander = await connect({ hostname: "127.0.0.1", port: server.port, socket: {} });
    await until(() => server.stats().total.connections.open === 1, "the worker has it", patience);
    await ask(server.port, "break");
    await within(bystander.closed, "the end of another connection of that loop", patience);
    await fixture.event("loop.exception", patience);
    await fixture.event("worker.died", patience);
    await until(async () => await ask(server.port, "fine") === "fine", "the replacement serves", patience);
  });

  it("replaces a worker whose application rejects with no text, and says so", async () => {
    await using fixture = await start();
    await ask(fixture.server.port, "reject");
    const died = await fixture.event("worker.died", patience);
    expect(String(died.reason)).toContain("without a text");
    await until(async () => await ask(fixture.server.port, "fine") === "fine", "it serves again", patience);
  });
});
