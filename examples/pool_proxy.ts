/**
 * Serves any number of clients with a few connections to a target that answers each line by one line: `bun
 * run examples/pool_proxy.ts <port> <target port> [target hostname] [connections]`.
 *
 * Each question borrows a connection of a pool for as long as its answer takes. Answers are passed on in
 * the memory they came in, no faster than the client takes them; while a client's question is under way
 * its next ones wait in the kernel.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { type Connection, createPool, type Lease, listen } from "../src/mod.ts";
import { exit, onStop, scriptArguments } from "./runtime.ts";

/** The longest question, in characters: a client that sends no end of line must not fill the memory. */
const QUESTION_MAX = 65_536;
const NEWLINE = 10;

/** What the proxy knows of a client. */
class Client {
  readonly decoder = new TextDecoder();
  /** The beginning of a question whose end has not come. */
  rest = "";
  /** Questions that came and are not answered; the first one is under way. */
  questions: string[] = [];
  lease: Lease<Connection<Client>> | undefined;
  /** Something of the answer has been passed on. */
  begun = false;
  /** The client takes no more for now. */
  full = false;
  /** The client asks no more. */
  ended = false;
}

const [port, targetPort, targetHostname = "127.0.0.1", connections = "4"] = scriptArguments;
if (port === undefined || targetPort === undefined) {
  console.error("usage: pool_proxy.ts <port> <target port> [target hostname] [connections]");
  exit(2);
}
const target = { hostname: targetHostname, port: Number(targetPort) };

const pool = createPool<Connection<Client>>({
  connectionsPerHost: Number(connections),
  failuresMax: 3,
  handlers: {
    data(upstream, answer) {
      const client = upstream.data;
      client.data.begun = true;
      const last = answer.bytes[answer.length - 1] === NEWLINE;
      client.data.full = client.write(answer) !== "sent";
      if (last) answered(client);
      else if (client.data.full) upstream.pause();
    },
    end(upstream) {
      upstream.end();
    },
    error() {
      // `close` follows, with the reason.
    },
    close(upstream) {
      const client = upstream.data;
      const { lease, begun } = client.data;
      client.data.lease = undefined;
      // It had been idle, and its end crossed the question: another connection is asked. Questions are such
      // here
      // that the target may hear them twice.
      if (lease?.reused && !begun) void ask(client);
      else client.abort();
    },
  },
});

/** Sends the first question of a client on. */
async function ask(client: Connection<Client>): Promise<void> {
  client.pause();
  try {
    const lease = await pool.acquire({ ...target, data: client });
    // The client may have gone while there was no connection.
    if (client.state === "closed") return void lease.release();
    client.data.lease = lease;
    client.data.begun = false;
    lease.connection.write(`${client.data.questions[0]}\n`);
  } catch (error) {
    console.error((error as Error).message);
    client.end("the target does not answer\n");
  }
}

/** The answer is whole: its connection is free for the next question, whoever asks it. */
function answered(client: Connection<Client>): void {
  const { lease, questions } = client.data;
  client.data.lease = undefined;
  lease?.release();
  questions.shift();
  goOn(client);
}

function goOn(client: Connection<Client>): void {
  if (client.data.full) return;
  if (client.data.questions.length > 0) void ask(client);
  else if (client.data.ended) client.end();
  else client.resume();
}

const listener = listen<Client>({
  port: Number(port),
  socket: {
    open(client) {
      client.data = new Client();
    },
    data(client, window) {
      const state = client.data;
      const lines = (state.rest + state.decoder.decode(window.bytes, { stream: true })).split("\n");
      state.rest = lines.pop()!;
      if (state.rest.length > QUESTION_MAX) {
        client.end("the question is too long\n");
        return;
      }
      state.questions.push(...lines);
      if (state.questions.length > 0) void ask(client);
    },
    drain(client) {
      client.data.full = false;
      if (client.data.lease !== undefined) client.data.lease.connection.resume();
      else goOn(client);
    },
    end(client) {
      client.data.ended = true;
      if (client.data.questions.length === 0) client.end();
    },
    close(client) {
      // Nobody wants the rest of the answer.
      const { lease } = client.data;
      client.data.lease = undefined;
      lease?.discard();
    },
    error(client, error) {
      console.error(`client ${client.id}: ${error.message}`);
    },
  },
});

console.log(`pool proxy listens on ${listener.hostname}:${listener.port}`);

onStop(async () => {
  listener.stop(true);
  await pool.close();
  const { created, reused } = pool.stats();
  console.log(`pool proxy stopped: ${created} connections to the target, ${reused} times one was used again`);
});
