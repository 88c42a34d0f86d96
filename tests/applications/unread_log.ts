/** A server as a program that logs more than anybody reads: bans of peers, and lines of its application. */
import { connect, type Connection, Server, type WorkerContext } from "../../src/mod.ts";

/** Lines the application logs when it starts: some megabytes, many times what a pipe holds. */
const LINES = 20_000;
const PEERS = 20;

export default class Chatty {
  start(worker: WorkerContext): void {
    for (let index = 0; index < LINES; index++) worker.log(`line ${index} `.padEnd(200, "x"));
  }

  data(connection: Connection): void {
    connection.write("here");
  }
}

if (import.meta.main) {
  const report = await Server.run(import.meta.url, {
    hostname: "127.0.0.1",
    port: 0,
    workers: 1,
    segmentCount: 256,
    connectionSlots: 1024,
    timeouts: { firstByte: 50 },
    limits: { banAfter: 1, banTime: 60_000 },
    log: "json",
  }, { started: (server) => void serve(server) });
  console.log(`reason ${report.reason}`);
}

async function serve(server: Server): Promise<void> {
  console.log("serves");
  const place = { hostname: "127.0.0.1", port: server.port };
  const silent = [];
  for (let index = 0; index < PEERS; index++) {
    silent.push(await connect({ ...place, localAddress: `127.0.1.${index + 1}` }));
  }
  while (server.bans.list().length < PEERS) await new Promise((resolve) => setTimeout(resolve, 10));
  console.log(`banned ${server.bans.list().length}`);
  const client = await connect(place);
  client.write("?");
  for await (const bytes of client.readable) {
    console.log(`answered ${new TextDecoder().decode(bytes)}`);
    break;
  }
  const { logDropped } = server.stats();
  console.log(`dropped ${logDropped > 0}`);
  await server.shutdown();
}
