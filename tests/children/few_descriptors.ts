/** A process started with few descriptors: serves until it has none left, or connects until then. */
// deno-lint-ignore-file no-console
import { connect, type Connection, createLoop, listen, type RingportError } from "../../src/mod.ts";
import { inputLines } from "../helpers/process.ts";
import { exit, prepareSignals, scriptArguments } from "../helpers/runtime.ts";
import { delay, until } from "../helpers/wait.ts";

/** Milliseconds the process is busy while its clients come. */
const BUSY_MILLISECONDS = 300;

/** More connections than there are descriptors. */
const ATTEMPTS_MAX = 500;

const loop = createLoop({ connectionSlots: 1024 });
const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  loop,
  socket: { data: (connection, bytes) => void connection.write(bytes) },
});

if (scriptArguments()[0] === "serve") await serve();
else await connectUntilFailure();
await loop.close();
exit(0);

async function serve(): Promise<void> {
  prepareSignals();
  const lines = inputLines();
  let next = lines.next();
  console.log(`port ${listener.port}`);
  // The clients queue up meanwhile, so that descriptors are gone before the loop has slept for the first
  // time.
  const start = performance.now();
  while (performance.now() - start < BUSY_MILLISECONDS);
  await until(() => Number(loop.stats().acceptDescriptorsExhausted) > 0, "descriptors are exhausted");
  console.log("exhausted");
  for (;;) {
    const line = await next;
    if (line.done || line.value === "stop") break;
    next = lines.next();
    const before = loop.stats().polls;
    await delay(500);
    const polls = Number(loop.stats().polls - before);
    console.log(`accepted ${loop.stats().connectionsAccepted} polls ${polls}`);
  }
}

async function connectUntilFailure(): Promise<void> {
  const open: Connection[] = [];
  try {
    while (open.length < ATTEMPTS_MAX) {
      open.push(await connect({ hostname: "127.0.0.1", port: listener.port, loop }));
    }
  } catch (error) {
    const { code, systemName, name } = error as RingportError;
    console.log(`failed with ${code} ${systemName} ${name}`);
  }
  for (const connection of open.splice(0)) {
    connection.abort();
    await connection.closed;
  }
  await until(() => listener.connectionCount === 0, "the server's ends closed");
  const again = await connect({ hostname: "127.0.0.1", port: listener.port, loop });
  again.abort();
  await again.closed;
  console.log("works again");
}
