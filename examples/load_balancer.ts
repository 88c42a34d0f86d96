/**
 * Spreads connections over several targets: `bun run load_balancer.ts --port=7000
 * --argument=127.0.0.1:7001,127.0.0.1:7002`.
 *
 * The targets take turns. One that refuses again and again is left out for a while. Each side is read only as
 * fast as the other takes the bytes, and the end of one side's stream is passed on while the other direction
 * goes on.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import {
  type Application,
  type Connection,
  pump,
  Server,
  type ServerOptions,
  type WorkerContext,
} from "@ringport/ringport";
import { type ConnectionPool, createPool, type Lease } from "@ringport/ringport/pool";

interface Target {
  hostname: string;
  port: number;
}

export default class LoadBalancer implements Application {
  #worker!: WorkerContext;
  #pool!: ConnectionPool;
  #targets: Target[] = [];
  #next = 0;

  start(worker: WorkerContext): void {
    this.#worker = worker;
    this.#pool = createPool({ loop: worker.loop, connectionsPerHost: 1_000, maxFailures: 3, backOff: 5_000 });
    this.#targets = (worker.argument ?? "").split(",").map((address) => {
      const colon = address.lastIndexOf(":");
      return { hostname: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
    });
  }

  async open(client: Connection): Promise<void> {
    client.pause(); // until there is a target; pump resumes it
    const lease = await this.#connect();
    if (lease === undefined) return client.abort();
    // The client may have left meanwhile.
    if (client.state === "open") await pump(client, lease.connection);
    lease.discard();
  }

  async stop(): Promise<void> {
    await this.#pool.close();
  }

  /** A connection to the next target that answers. */
  async #connect(): Promise<Lease<undefined> | undefined> {
    for (let attempt = 0; attempt < this.#targets.length; attempt++) {
      const target = this.#targets[this.#next++ % this.#targets.length];
      try {
        return await this.#pool.acquire(target);
      } catch (error) {
        this.#worker.log(`target ${target.hostname}:${target.port}: ${(error as Error).message}`);
      }
    }
    return undefined;
  }
}

export const options: ServerOptions = {
  hostname: "127.0.0.1",
  port: 7000,
  workers: 2,
  shutdown: { draining: 5_000 },
};

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: (server) => console.log(`load balancer listens on ${server.hostname}:${server.port}`),
  });
  console.log("load balancer stopped");
}
