/**
 * A server as a program whose log goes to its output as JSON, one line an entry; with the variable `LOG` the
 * option `log` is that.
 */
import { type LogEntry, Server } from "../../src/mod.ts";
import { environment } from "../helpers/runtime.ts";

export { default } from "./commands.ts";

if (import.meta.main) {
  await Server.run(new URL("./commands.ts", import.meta.url), {
    hostname: "127.0.0.1",
    port: 0,
    workers: 2,
    segmentCount: 256,
    connectionSlots: 1024,
    shutdown: { draining: 200 },
    log: environment("LOG") as "json" | undefined ??
      ((entry: LogEntry) => console.log(JSON.stringify(entry))),
  }, { started: (server) => console.log(`port ${server.port}`) });
}
