/** The same with an option that only the program can give, beside those that are exported. */
import { Server, type ServerOptions, type WorkerContext } from "../../src/mod.ts";

export const options: ServerOptions = {
  hostname: "127.0.0.1",
  workers: 1,
  segmentCount: 128,
  connectionSlots: 256,
  timers: 512,
  argument: "exported",
};

export default {
  start(worker: WorkerContext): void {
    worker.log(`argument ${worker.argument}`);
    worker.shutdown();
  },
};

if (import.meta.main) {
  void Server.run(import.meta.url, {
    argument: "passed",
    log: ({ event, message }) => console.log(event, message ?? ""),
  });
}
