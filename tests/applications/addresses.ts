/** An application that logs each end of its connections with the addresses it can read there. */
import type { Application, Connection, WorkerContext } from "../../src/mod.ts";

let worker: WorkerContext;

function tell(event: string, connection: Connection<unknown>): void {
  const { remoteAddress: { hostname, port }, localAddress } = connection;
  worker.log(`${event} ${hostname} ${port} at ${localAddress.port}`);
}

const application: Application = {
  start: (context) => void (worker = context),
  open: (connection) => tell("open", connection),
  close: (connection) => tell("close", connection),
};

export default application;
