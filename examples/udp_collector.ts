/**
 * Collects datagrams and passes them on over TCP, one a line: `bun run udp_collector.ts
 * --argument=127.0.0.1:7001`. Datagrams go to port 7000 of this machine.
 *
 * The connection to the sink is opened again whenever it is lost. Datagrams that arrive while there is none,
 * or while the sink is too slow, are dropped and counted, so memory stays bounded.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import {
  type Application,
  type Connection,
  Server,
  type ServerOptions,
  type WorkerContext,
} from "@ringport/ringport";
import type { Datagram, UdpSocket } from "@ringport/ringport/udp";

export default class Collector implements Application {
  #sink: Connection | undefined;
  #passedOn = 0;
  #dropped = 0;

  start(worker: WorkerContext): void {
    void this.#keepConnected(worker);
  }

  datagram(_socket: UdpSocket, datagram: Datagram): void {
    const result = this.#sink?.write(`${datagram.text().trimEnd()}\n`) ?? "refused";
    if (result === "refused") this.#dropped += 1;
    else this.#passedOn += 1;
  }

  /** At most once a second, when there is nothing else to do. */
  idle(worker: WorkerContext): void {
    if (this.#passedOn + this.#dropped === 0) return;
    worker.log("collected", { passedOn: this.#passedOn, dropped: this.#dropped });
    this.#passedOn = this.#dropped = 0;
  }

  async stop(): Promise<void> {
    this.#sink?.end();
    await this.#sink?.closed;
  }

  async #keepConnected(worker: WorkerContext): Promise<void> {
    const [hostname, port] = (worker.argument ?? "127.0.0.1:7001").split(":");
    const retry = { attempts: 1_000_000, delay: 100, maxDelay: 2_000 };
    while (!worker.signal.aborted) {
      try {
        const timeouts = { connect: 3_600_000 };
        const { signal } = worker;
        const options = { hostname, port: Number(port), retry, timeouts, signal, socket: { data() {} } };
        this.#sink = await worker.connect(options);
        worker.log(`connected to ${hostname}:${port}`);
        await this.#sink.closed;
      } catch (error) {
        if (!worker.signal.aborted) worker.log(`the sink: ${(error as Error).message}`);
      }
    }
  }
}

export const options: ServerOptions = {
  workers: 1,
  udp: [{ hostname: "127.0.0.1", port: 7000, datagramSize: 1500 }],
};

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: ({ udp: [{ address }] }) =>
      console.log(`collector listens on ${address.hostname}:${address.port}`),
  });
  console.log("collector stopped");
}
