/**
 * A key-value store in memory: `bun run key_value.ts --port=7000 --argument=TOKEN`, then `nc localhost 7000`.
 *
 * The commands are `auth TOKEN`, `set KEY VALUE`, `get KEY`, `delete KEY`, `wait KEY`, which answers once the
 * key is set, `count` and `quit`. Many may be sent at once; their answers come in the same order. A client
 * that offers wrong tokens again and again is banned for a while.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import {
  type Application,
  type Connection,
  Server,
  type ServerOptions,
  type WorkerContext,
} from "@ringport/ringport";
import { framed, lines, type Reply } from "@ringport/ringport/framing";

const KEYS_MAX = 100_000;
/** Bytes of a command; a client that sends a longer line is told and cut off. */
const COMMAND_BYTES_MAX = 4096;
/** Commands of a client that may be in work. */
const PIPELINE_MAX = 32;

interface Session {
  authorised: boolean;
}

const values = new Map<string, string>();
const waiting = new Map<string, Set<(value: string) => void>>();
let worker: WorkerContext;

function authorise(connection: Connection<Session>, token: string): string {
  connection.data.authorised = token === worker.argument;
  if (connection.data.authorised) return "ok";
  worker.offend(connection);
  throw new Error("wrong token");
}

function set(key: string, value: string): string {
  if (!values.has(key) && values.size === KEYS_MAX) throw new Error(`there are ${KEYS_MAX} keys already`);
  values.set(key, value);
  for (const answer of waiting.get(key) ?? []) answer(value);
  waiting.delete(key);
  return "ok";
}

/** Resolves with the value once there is one; a connection that closes meanwhile is forgotten. */
async function valueOf(key: string, connection: Connection<Session>): Promise<string> {
  const known = values.get(key);
  if (known !== undefined) return known;
  const { promise, resolve } = Promise.withResolvers<string>();
  const others = waiting.get(key) ?? new Set();
  waiting.set(key, others.add(resolve));
  void connection.closed.then(() => others.delete(resolve));
  return await promise;
}

function answer(connection: Connection<Session>, command: string, reply: Reply): void | Promise<void> {
  const [name, key = "", ...rest] = command.split(" ");
  if (name === "auth") return void reply.send(authorise(connection, key));
  if (name === "quit") return void reply.end("bye");
  if (!connection.data.authorised) throw new Error('send "auth TOKEN" first');
  switch (name) {
    case "set":
      return void reply.send(set(key, rest.join(" ")));
    case "get":
      return void reply.send(values.get(key) ?? "(none)");
    case "delete":
      return void reply.send(values.delete(key) ? "ok" : "(none)");
    case "wait":
      return valueOf(key, connection).then((value) => void reply.send(value));
    case "count":
      return void reply.send(String(values.size));
    default:
      throw new Error(`unknown command "${name}"`);
  }
}

const store: Application<Session> = {
  start(context) {
    worker = context;
  },
  ...framed<Session>(lines({ maxMessage: COMMAND_BYTES_MAX }), {
    open(connection) {
      connection.data = { authorised: worker.argument === undefined };
    },
    message: (connection, window, reply) => answer(connection, window.text(), reply),
    errorReply: (_connection, error) => `error: ${(error as Error).message}`,
    error: (connection, error) => void connection.end(`error: ${error.message}\n`),
  }, { maxPipeline: PIPELINE_MAX }),
};
export default store;

/** One worker, so that all clients see the same values. */
export const options: ServerOptions = {
  hostname: "127.0.0.1",
  port: 7000,
  workers: 1,
  timeouts: { firstByte: 10_000, message: 10_000, idle: 300_000 },
  limits: { connections: 1_000, connectionsPerAddress: 100, banAfter: 3, banTime: 60_000 },
  shutdown: { draining: 1_000 },
};

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: (server) => console.log(`key-value store listens on ${server.hostname}:${server.port}`),
  });
  console.log("key-value store stopped");
}
