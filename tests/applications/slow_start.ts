/** An application whose start takes its time, and the program that runs it: prints its report at the end. */
import { host } from "../../src/host/mod.ts";
import { Server, type WorkerContext } from "../../src/mod.ts";

export default class SlowStart {
  #worker: WorkerContext | undefined;

  async start(worker: WorkerContext): Promise<void> {
    this.#worker = worker;
    const [what, milliseconds] = (worker.argument ?? "at once").split(" ");
    if (what === "signal") host.kill(host.pid, "SIGTERM");
    worker.log("starting");
    if (what === "hang") await new Promise(() => {});
    if (what === "slow") await new Promise((resolve) => setTimeout(resolve, Number(milliseconds)));
    if (what === "obey") {
      await new Promise((resolve) => worker.signal.addEventListener("abort", resolve));
    }
    worker.log("started");
  }

  stopping(phase: string): void {
    this.#worker!.log(`stopping ${phase}`);
  }

  stop(): void {
    this.#worker!.log("stop");
  }
}

if (import.meta.main) {
  const running = Server.run(import.meta.url, {
    hostname: "127.0.0.1",
    port: 0,
    workers: 2,
    segmentCount: 256,
    connectionSlots: 4096,
    timers: 8192,
    log: ({ event, message, signal }) => console.log(`${event} ${message ?? signal ?? ""}`),
  }, {
    started() {
      console.log("serving");
      if (host.variable("SIGNAL_WHEN_STARTED") !== undefined) host.kill(host.pid, "SIGTERM");
    },
  });
  const { reason, workersKilled, bytesLost } = await running;
  console.log(`reason ${reason}, killed ${workersKilled}, bytes lost ${bytesLost}`);
}
