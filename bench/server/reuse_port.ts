/**
 * Workers that each listen on the same port with SO_REUSEPORT, so that the kernel spreads the connections:
 * `reuse_port.ts 2`. Prints its port, then how many connections each worker has.
 *
 * @module
 */
import { programArguments, reportConnections } from "./program.ts";

/** What a worker tells: its port first, then its number of connections. */
interface Told {
  port?: number;
  connections?: number;
}

const counts: number[] = [];

function startWorker(place: number, port: number): Promise<number> {
  const worker = new Worker(new URL("./reuse_port_worker.ts", import.meta.url).href, { type: "module" });
  counts[place] = 0;
  return new Promise((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<Told | "ready">) => {
      if (data === "ready") return worker.postMessage(port);
      if (data.port !== undefined) resolve(data.port);
      if (data.connections !== undefined) counts[place] = data.connections;
    };
  });
}

const port = await startWorker(0, 0);
for (let place = 1; place < Number(programArguments[0] ?? 2); place++) await startWorker(place, port);
console.log(JSON.stringify({ port }));
reportConnections(() => counts);
