/** HTTP as the application of a server: it serves in a worker, and a shutdown loses no request. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { Server } from "../src/mod.ts";
import { Client } from "./helpers/http.ts";
import { connectPeer } from "./helpers/peer.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, until, within } from "./helpers/wait.ts";

const application = new URL("./applications/http_draining.ts", import.meta.url);
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const PATHS = ["/now", "/soon", "/stream", "/soon", "/now"];

function start(): Promise<Server> {
  return Server.start(application, {
    hostname: "127.0.0.1",
    port: 0,
    workers: 1,
    shutdown: { draining: scaled(5_000, 20_000), closing: 5_000 },
    log: () => {},
  });
}

describe("a server of HTTP", () => {
  it("that drains ends idle connections, and says with the last answers that the others end", async () => {
    const server = await start();
    const [idle, busy, pipelined] = await Promise.all(
      [1, 2, 3].map(async () => new Client(await connectPeer({ port: server.port }))),
    );
    await idle.write(get("/now"));
    expect((await idle.answer()).body).toBe("/now");
    await busy.write(get("/late"));
    await pipelined.write(get("/late") + get("/late"));
    const requests = get("/now") + get("/late").repeat(3);
    await until(() => server.stats().total.bytesReceived === requests.length, "the requests are there");
    const ending = server.shutdown();
    expect(await idle.rest()).toBe("");
    idle.peer.close();
    const answer = await busy.answer();
    expect(answer.body).toBe("/late");
    expect(answer.headers.get("connection")).toBe("close");
    expect(await busy.rest()).toBe("");
    busy.peer.close();
    expect((await pipelined.answer()).headers.has("connection")).toBe(false);
    expect((await pipelined.answer()).headers.get("connection")).toBe("close");
    expect(await pipelined.rest()).toBe("");
    pipelined.peer.close();
    const report = await within(ending, "the shutdown", 30_000);
    expect([report.aborted, report.bytesLost]).toEqual([0, 0]);
  });

  it("loses no request that it has begun to answer when it drains under load", async () => {
    const server = await start();
    let answered = 0;
    let partial = 0;
    const load = Array.from({ length: 8 }, async () => {
      const client = new Client(await connectPeer({ port: server.port }));
      for (let closing = false; !closing;) {
        let received = 0;
        try {
          await client.write(PATHS.map(get).join(""));
          for (const path of PATHS) {
            const answer = await client.answer();
            expect(answer.body).toBe(path);
            received += 1;
            answered += 1;
            if (answer.headers.get("connection") === "close") closing = true;
          }
        } catch (error) {
          if (String(error).includes("expected")) throw error;
          // Closed between two batches, or in the middle of one without a word.
          if (received > 0 && !closing) partial += 1;
          closing = true;
        }
      }
      client.peer.close();
    });
    await delay(100);
    const report = await within(server.shutdown(), "the shutdown", 60_000);
    await within(Promise.all(load), "the clients");
    expect(answered).toBeGreaterThan(40);
    expect(partial).toBe(0);
    expect(report.aborted).toBe(0);
  });
});
