/**
 * The loop under test: an echo listener with the limits of time given as JSON, `server.ts
 * '{"timeouts":{"idle":75000},"clients":1000}'`. It obeys commands, a line each, and answers with the CPU
 * time it took since its start or for the command: `cpu`, and where its clients are on the same loop, which
 * needs a `library` on the fake kernel, `once` and `run CLIENTS MILLISECONDS`.
 *
 * @module
 */
import { type ConnectionTimeoutOptions, createLoop, listen } from "../../src/mod.ts";
import { commands, cpuMicroseconds, programArguments } from "./program.ts";
import { Traffic } from "./traffic.ts";

interface Given {
  timeouts: ConnectionTimeoutOptions;
  library?: string;
  /** Clients on the same loop. */
  clients: number;
}

const given: Given = JSON.parse(programArguments[0]);
const { library, clients } = given;

const loop = createLoop({
  library,
  // Both ends of each connection, the listener, and connects that are answered late.
  ...(clients > 0 ? { connectionSlots: clients * 2 + 64, sendEntries: 1 << 15 } : {}),
});
const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  loop,
  timeouts: given.timeouts,
  socket: {
    data(connection, window) {
      if (connection.write(window) === "refused") connection.abort();
    },
    error() {},
  },
});

const traffic = new Traffic();
await traffic.connect(loop, listener.port, clients);
await traffic.once();
console.log(JSON.stringify({ port: listener.port }));
for await (const [name, active, milliseconds] of commands()) {
  const before = name === "cpu" ? 0 : cpuMicroseconds();
  const messages = name === "run" ? await traffic.run(Number(active), Number(milliseconds)) : 0;
  if (name === "once") await traffic.once();
  const cpu = cpuMicroseconds() - before;
  console.log(JSON.stringify({ messages, cpu, lost: traffic.lost }));
}
await loop.close();
