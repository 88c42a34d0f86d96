/** The listener that serves metrics, over real sockets. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, createLoop } from "../src/mod.ts";
import { serveMetrics } from "../src/metrics.ts";
import { metricsAnswer, metricsConnectionsMax } from "../src/worker/metrics/listener.ts";
import type { ServerStatistics } from "../src/worker/metrics/table.ts";
import { connectPeer, readAllText } from "./helpers/peer.ts";
import { readPrometheus } from "./helpers/prometheus.ts";
import { serverStatistics, workerStatistics } from "./helpers/statistics.ts";
import { until } from "./helpers/wait.ts";

const statistics = () => serverStatistics(2);

async function exchange(port: number, pieces: (string | Uint8Array<ArrayBuffer>)[]): Promise<string> {
  const peer = await connectPeer({ port });
  for (const piece of pieces) {
    await peer.write(typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
  }
  const text = await readAllText(peer);
  peer.close();
  return text;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

describe("serveMetrics", () => {
  it("serves a scraper and a program", async () => {
    await using listener = serveMetrics({}, statistics);
    expect(listener.address.hostname).toBe("127.0.0.1");
    const response = await fetch(`http://127.0.0.1:${listener.port}/metrics`);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(readPrometheus(await response.text()).size).toBeGreaterThan(20);
    const json = await fetch(`http://127.0.0.1:${listener.port}/stats.json`);
    expect(json.headers.get("content-type")).toBe("application/json");
    expect(await json.json()).toEqual(JSON.parse(JSON.stringify(statistics())));
    const none = await fetch(`http://127.0.0.1:${listener.port}/other`);
    expect([none.status, await none.text()]).toEqual([404, "404 Not Found\n"]);
  });

  it("takes a request byte by byte, and answers only the first of two", async () => {
    await using listener = serveMetrics({}, statistics);
    const slow = await exchange(listener.port, [...get("/healthz")]);
    expect(slow).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    const twice = await exchange(listener.port, [get("/healthz") + get("/healthz")]);
    expect(twice.split("HTTP/1.1").length).toBe(2);
  });

  it("answers garbage with an error, and ends it", async () => {
    await using listener = serveMetrics({}, statistics);
    expect(await exchange(listener.port, ["\0\u0001\r\n\r\n"])).toMatch(/^HTTP\/1\.1 400 /);
    const field = `A: ${"a".repeat(40_000)}`;
    expect(await exchange(listener.port, [`GET / HTTP/1.1\r\n${field}`])).toMatch(/^HTTP\/1\.1 431 /);
    expect(await exchange(listener.port, [get("/healthz")])).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("answers 500 when the metrics cannot be read, and goes on", async () => {
    const errors: unknown[] = [];
    let broken = true;
    const read = (): ServerStatistics => {
      if (broken) throw new Error("no metrics");
      return statistics();
    };
    await using listener = serveMetrics({ error: (error) => errors.push(error) }, read);
    expect(await exchange(listener.port, [get("/metrics")])).toMatch(/^HTTP\/1\.1 500 /);
    expect(String(errors[0])).toContain("no metrics");
    broken = false;
    expect(await exchange(listener.port, [get("/metrics")])).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("serves again once silent connections at the limit are gone", async () => {
    await using loop = createLoop();
    await using listener = serveMetrics({ loop }, statistics);
    const silent = await Promise.all(
      Array.from({ length: metricsConnectionsMax }, () => connectPeer({ port: listener.port })),
    );
    await until(() => loop.stats().connections === metricsConnectionsMax, "the limit");
    for (const peer of silent) peer.close();
    expect(await exchange(listener.port, [get("/healthz")])).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("cuts the oldest slow client of the address that has most, and answers others", async () => {
    await using loop = createLoop();
    await using listener = serveMetrics({ loop, timeout: 60_000 }, statistics);
    const { port } = listener;
    const cut: string[] = [];
    let answers = "";
    const slow = (localAddress: string) =>
      connect({
        hostname: "127.0.0.1",
        port,
        localAddress,
        socket: {
          open: (connection) => void connection.write("GET /he"),
          data: (_, window) => void (answers += window.text()),
          close: () => void cut.push(localAddress),
        },
      }).catch(() => undefined);
    const few = [await slow("127.0.0.1"), await slow("127.0.0.1")];
    for (let count = 0; count < 40; count++) await slow("127.0.0.2");
    expect(await exchange(port, [get("/healthz")])).toMatch(/^HTTP\/1\.1 200 /);
    await until(() => loop.stats().connections <= metricsConnectionsMax, "the crowd to shrink");
    // One more of the crowd has gone for the exchange.
    await until(() => cut.length === 40 + 2 + 1 - metricsConnectionsMax, "the ends of those that were cut");
    expect(new Set(cut)).toEqual(new Set(["127.0.0.2"]));
    few[0]!.write("althz HTTP/1.0\r\n\r\n");
    await until(() => cut.includes("127.0.0.1"), "the answer to one of the few");
    expect(answers).toMatch(/^HTTP\/1\.1 200 /);
  });

  it("cuts who takes longer than an exchange may", async () => {
    await using loop = createLoop();
    await using listener = serveMetrics({ loop, timeout: 1000 }, statistics);
    const peer = await connectPeer({ port: listener.port });
    await peer.write(new TextEncoder().encode("GET /me"));
    await until(() => loop.stats().connections === 1, "the connection");
    await until(() => loop.stats().connections === 0, "the end of it");
    peer.close();
  });
});

describe("the health of a server", () => {
  const health = (server: ServerStatistics) => metricsAnswer("/healthz", () => server)!;

  it("is good while it runs and its workers answer", () => {
    expect(health(serverStatistics(2))).toEqual({ status: 200, body: "running\n" });
  });

  it("is bad while it stops, and with a stuck worker", () => {
    expect(health(serverStatistics(2, { phase: "draining" }))).toEqual({ status: 503, body: "draining\n" });
    const workers = [workerStatistics(0), workerStatistics(1, "stuck")];
    expect(health(serverStatistics(2, { workers }))).toEqual({
      status: 503,
      body: "running, stuck workers: 1\n",
    });
  });
});
