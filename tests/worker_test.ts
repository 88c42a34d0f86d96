/** Loops in workers: each thread has its own, and they serve side by side. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connectLogged } from "./helpers/log.ts";
import { Random } from "./helpers/random.ts";
import { hashOf } from "./helpers/hash.ts";
import { scaled } from "./helpers/runtime.ts";
import { within } from "./helpers/wait.ts";

/** A worker that echoes: started when it has told its port, gone when it has told that it closed. */
async function startEcho(): Promise<{ port: number; stop(): Promise<{ accepted: number }> }> {
  const worker = new Worker(new URL("./children/echo_worker.ts", import.meta.url), { type: "module" });
  const answer = <T>(what: string) =>
    within(
      new Promise<T>((resolve, reject) => {
        worker.onmessage = (event: MessageEvent<T>) => resolve(event.data);
        worker.onerror = (event: ErrorEvent) => reject(new Error(event.message));
      }),
      what,
    );
  const { port } = await answer<{ port: number }>("the worker's port");
  return {
    port,
    async stop() {
      const gone = answer<{ accepted: number }>("the worker's end");
      worker.postMessage("stop");
      return await gone;
    },
  };
}

describe("a loop in a worker", () => {
  it("serves the main thread's clients", async () => {
    const worker = await startEcho();
    const noise = new Random(1).bytes(scaled(2_000_000, 500_000));
    const log = await connectLogged(worker.port);
    log.connection.write(noise);
    await log.gotBytes(noise.length);
    expect(log.hash.digest()).toBe(hashOf(noise));
    log.connection.end();
    await log.closed();
    expect((await worker.stop()).accepted).toBe(1);
  });

  it("runs beside those of other workers", async () => {
    const workers = await Promise.all([startEcho(), startEcho(), startEcho()]);
    expect(new Set(workers.map(({ port }) => port)).size).toBe(3);
    const clients = Array.from({ length: 12 }, async (_, index) => {
      const noise = new Random(index + 1).bytes(50_000);
      const log = await connectLogged(workers[index % 3].port);
      log.connection.write(noise);
      await log.gotBytes(noise.length);
      log.connection.end();
      await log.closed();
      return log.hash.digest() === hashOf(noise);
    });
    expect(await Promise.all(clients)).toEqual(clients.map(() => true));
    for (const worker of workers) expect((await worker.stop()).accepted).toBe(4);
  });
});
