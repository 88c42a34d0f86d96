/**
 * The main module of a worker process.
 *
 * @module
 */
import { RingportError } from "../../base/errors.ts";
import { host } from "../../host/mod.ts";
import { channelVariable, type ProcessStart } from "./messages.ts";
import { ProcessMain } from "./process_main.ts";

// A terminal sends Ctrl+C and its own end to all processes at once, a service manager its SIGTERM; the
// supervisor gets it as well and leads the end of all its workers.
for (const signal of ["SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP", "SIGUSR1"] as const) {
  host.onSignal(signal, () => {});
}

const text = host.takeVariable(channelVariable);
if (text === undefined) {
  throw new RingportError(`${channelVariable} is not set: only a server starts this module`, {
    code: "ERR_WORKER",
    operation: "start",
    origin: "application",
  });
}
const worker = new ProcessMain(JSON.parse(text) as ProcessStart);
host.onUncaught((error) => worker.crashed(error));
await worker.report();
