/**
 * Serves any number of clients with a few connections to a target that answers each line by one line: `bun
 * run examples/pool_proxy.ts <port> <target port> [target hostname] [connections]`.
 *
 * Each question borrows a connection of a pool for as long as its answer takes. Answers are passed on in
 * the memory they came in, no faster than the client takes them; while a client's question is under way
 * its next ones wait.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { type Connection, listen } from "@ringport/ringport";
import { createPool, type Lease } from "@ringport/ringport/pool";
import { lines, readMessages } from "@ringport/ringport/framing";

/** The longest question, in bytes: a client that sends no end of line must not fill the memory. */
const QUESTION_MAX = 65_536;
const NEWLINE = 10;

/** What the proxy knows of a client: what to do when it takes more of an answer, and when it goes. */
interface Client {
  drained?: () => void;
  gone?: () => void;
}

const [port, targetPort, targetHostname = "127.0.0.1", connections = "4"] = process.argv.slice(2);
if (port === undefined || targetPort === undefined) {
  console.error("usage: pool_proxy.ts <port> <target port> [target hostname] [connections]");
  process.exit(2);
}
const target = { hostname: targetHostname, port: Number(targetPort) };
const pool = createPool({ connectionsPerHost: Number(connections), maxFailures: 3 });

/** Answers the questions of a client, one after the other. */
async function serve(client: Connection<Client>): Promise<void> {
  try {
    for await (const question of readMessages(client, lines({ maxMessage: QUESTION_MAX }))) {
      while (!await ask(client, question));
    }
  } catch (error) {
    console.error(`client ${client.id}: ${(error as Error).message}`);
    client.end("the target does not answer\n");
  }
}

/** Passes one answer on. False: the connection had been idle, and its end has crossed the question. */
async function ask(client: Connection<Client>, question: Uint8Array): Promise<boolean> {
  const lease = await pool.acquire(target);
  try {
    const answered = answer(client, lease);
    lease.connection.write(lines().encode(question));
    if (await answered) lease.release();
    else return false;
    return true;
  } finally {
    // Nobody knows what its peer believes, unless the answer was whole.
    lease.discard();
  }
}

/**
 * Resolves with the end of the answer: whether there was one. Questions are such here that the target may
 * hear them twice.
 */
function answer(client: Connection<Client>, lease: Lease<undefined>): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  let begun = false;
  lease.handlers = {
    data(upstream, window) {
      begun = true;
      const isLast = window.at(-1) === NEWLINE;
      if (client.write(window) === "sent") return isLast ? resolve(true) : undefined;
      if (!isLast) upstream.pause();
      client.data.drained = () => isLast ? resolve(true) : upstream.resume();
    },
    close() {
      if (lease.reused && !begun) resolve(false);
      else reject(new Error("the target has ended"));
    },
  };
  client.data.gone = () => reject(new Error("the client has gone"));
  return promise;
}

const listener = listen<Client>({
  data: () => ({}),
  port: Number(port),
  socket: {
    open: serve,
    drain(client) {
      const { drained } = client.data;
      client.data.drained = undefined;
      drained?.();
    },
    close(client) {
      client.data.gone?.();
    },
    error(client, error) {
      console.error(`client ${client.id}: ${error.message}`);
    },
  },
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    await listener.stop(true);
    await pool.close();
    const { created, reused } = pool.stats();
    console.log(`pool proxy stopped: ${created} connections to the target, used again ${reused} times`);
    process.exit();
  });
}

console.log(`pool proxy listens on ${listener.hostname}:${listener.port}`);
