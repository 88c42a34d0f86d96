/**
 * A server of lines: `bun run examples/line_server.ts [port]`, then `nc localhost 7000`. Commands, of
 * which many may be sent at once: `echo <text>`, `upper <text>`, `sum <numbers>`, `wait <milliseconds>`,
 * `fail`, `quit`. Answers come in the order of the commands, also behind one that waits.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { listen } from "../src/mod.ts";
import { framed, lines, type Reply } from "../src/framing.ts";
import { environment, onStop, scriptArguments } from "./runtime.ts";

/** Bytes a line may have. */
const LINE_BYTES_MAX = 4096;
/** Milliseconds a client may wait. */
const WAIT_MAX_MS = 10_000;

/** Answers one command; what takes its time gives a promise. */
function answer(line: string, reply: Reply): void | Promise<void> {
  const space = line.indexOf(" ");
  const command = space < 0 ? line : line.slice(0, space);
  const text = space < 0 ? "" : line.slice(space + 1);
  switch (command) {
    case "echo":
      return void reply.send(text);
    case "upper":
      return void reply.send(text.toUpperCase());
    case "sum":
      return void reply.send(String(text.split(" ").reduce((sum, number) => sum + Number(number), 0)));
    case "wait":
      return wait(Number(text), reply);
    case "fail":
      throw new TypeError("asked to fail");
    case "quit":
      return void reply.end("goodbye");
    default:
      reply.send(`unknown command: ${command}`);
  }
}

async function wait(milliseconds: number, reply: Reply): Promise<void> {
  if (!(milliseconds >= 0 && milliseconds <= WAIT_MAX_MS)) throw new RangeError(`at most ${WAIT_MAX_MS} ms`);
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  reply.send(`waited ${milliseconds} ms`);
}

const listener = listen({
  port: Number(scriptArguments[0] ?? environment("PORT") ?? 7000),
  socket: framed(lines({ maxMessage: LINE_BYTES_MAX }), {
    message: (_connection, window, reply) => answer(window.text(), reply),
    errorReply: (_connection, error) => `error: ${(error as Error).message}`,
    // Too long a line: the client is told, and the connection ends.
    error: (connection, error) => void connection.end(`error: ${error.message}\n`),
  }),
});

console.log(`line server listens on ${listener.hostname}:${listener.port}`);

onStop(() => {
  listener.stop(true);
  console.log("line server stopped");
});
