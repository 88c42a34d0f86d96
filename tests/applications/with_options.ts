/** A program and its application, with options of its own: `ringport run` and the program serve the same. */
import { Server, type ServerOptions, type WorkerContext } from "../../src/mod.ts";

export const options: ServerOptions = {
  hostname: "127.0.0.1",
  workers: 1,
  segmentCount: 128,
  connectionSlots: 256,
  timers: 512,
  argument: "exported",
  log: "json",
};

export default class WithOptions {
  start(worker: WorkerContext): void {
    worker.log(`argument ${worker.argument}`);
    // One start is all that is looked at.
    worker.shutdown();
  }
}

// Waited for while the module is loaded, as programs do: it cannot be imported before the server ends.
if (import.meta.main) await Server.run(import.meta.url);
