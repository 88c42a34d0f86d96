/** A server as a program that logs more than anybody reads: bans of peers, and lines of its application. */
import { connect, type Connection, Server, type Window, type WorkerContext } from "../../src/mod.ts";
import { until } from "../helpers/wait.ts";

/** Lines the application logs when it starts: some megabytes, many times what a pipe holds. */
const LINES = 20_000;
const PEERS = 20;

export default class Chatty {
  #worker: WorkerContext | undefined;

  start(worker: WorkerContext): void {
    this.#worker = worker;
    for (let index = 0; index < LINES; index++) worker.log(`line ${index} `.padEnd(200, "x"));
  }

  data(connection: Connection, window: Window): void {
    if (window.text() !== "offend") return void connection.write("here");
    this.#worker!.offend(connection);
    connection.end();
  }
}

if (import.meta.main) {
  const report = await Server.run(import.meta.url, {
    hostname: "127.0.0.1",
    port: 0,
    workers: 1,
    segmentCount: 256,
    connectionSlots: 1024,
    limits: { banAfter: 1, banTime: 60_000 },
    log: "json",
  }, { started: (server) => void serve(server) });
  console.log(`reason ${report.reason}`);
}

async function serve(server: Server): Promise<void> {
  console.log("serves");
  const place = { hostname: "127.0.0.1", port: server.port };
  for (let index = 0; index < PEERS; index++) {
    const localAddress = `127.0.1.${index + 1}`;
    const offender = await connect({ ...place, localAddress, socket: { data() {} } });
    offender.write("offend");
    await offender.closed;
  }
  await until(() => server.bans.list().length === PEERS, "all are banned");
  console.log(`banned ${server.bans.list().length}`);
  const client = await connect(place);
  client.write("?");
  for await (const bytes of client.readable) {
    console.log(`answered ${new TextDecoder().decode(bytes)}`);
    break;
  }
  await until(() => server.stats().logDropped > 0, "entries are dropped");
  console.log("dropped true");
  client.abort();
  await server.shutdown();
}
