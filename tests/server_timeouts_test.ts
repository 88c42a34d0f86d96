/** A server's limits of time: they reach the connections, and its figures tell which were reached. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { CommandServer } from "./helpers/commands.ts";
import { scaled } from "./helpers/runtime.ts";
import { until } from "./helpers/wait.ts";

const SHORT = scaled(200, 600);

describe("a server with limits of time", () => {
  it("ends who is silent, keeps who waits for its answer, and counts", { timeout: 60_000 }, async () => {
    const timeouts = { firstByte: SHORT, idle: SHORT };
    await using fixture = await CommandServer.start({ workers: 2, timeouts });
    const started = performance.now();
    const silent = await fixture.connect();
    const asking = await fixture.connect();
    expect(await asking.ask(`later ${SHORT * 3}`)).toBe("later");
    expect(performance.now() - started).toBeGreaterThan(SHORT * 3);
    await silent.closed();
    await asking.closed();
    expect(silent.error).toBe(undefined);
    const counts = () => fixture.server.stats().total.timeouts;
    await until(() => counts().firstByte === 1 && counts().idle === 1, "both limits are counted");
    expect(counts().message).toBe(0);
  });

  it("aborts who does not take its answer at the rate", { timeout: 60_000 }, async () => {
    const limits = { sendRate: 100_000, rateGrace: SHORT };
    await using fixture = await CommandServer.start({ workers: 1, limits, sendBuffer: 16 * 1024 });
    const client = await fixture.connect();
    client.connection.write(`bytes ${14 << 20}\n`);
    client.connection.pause();
    await until(() => fixture.server.stats().total.timeouts.sendRate === 1, "the slow reader is counted");
    client.connection.abort();
  });
});
