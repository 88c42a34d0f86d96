/**
 * Takes files: `bun run file_drop.ts --port=7000 --argument=FOLDER`.
 *
 * A client sends a header, JSON of the form `{ "name": "a.txt", "size": 5 }` behind its length as four bytes
 * (big endian), and then the bytes of the file. The answer is a line with the name, the size and the SHA-256.
 * Any number of files may follow each other.
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
import { lengthPrefixed, readMessage } from "@ringport/ringport/framing";

const FILE_BYTES_MAX = 64 * 1024 * 1024;
const header = lengthPrefixed("u32be", { maxMessage: 1024 });
/** One level, no hidden files, nothing that leads out of the folder. */
const NAME = /^\w[\w.-]{0,99}$/;

export default class FileDrop implements Application {
  #folder = ".";

  start(worker: WorkerContext): void {
    this.#folder = worker.argument ?? ".";
  }

  async open(connection: Connection): Promise<void> {
    for (;;) {
      const message = await readMessage(connection, header);
      if (message === null) return void connection.end();
      const { name, size } = JSON.parse(new TextDecoder().decode(message)) as { name: string; size: number };
      if (typeof name !== "string" || !NAME.test(name)) return void connection.end("error: the name\n");
      if (!(Number.isInteger(size) && size >= 0 && size <= FILE_BYTES_MAX)) {
        return void connection.end("error: the size\n");
      }
      const bytes = await connection.readExactly(size);
      await write(`${this.#folder}/${name}`, bytes);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
      connection.write(`${name} ${size} ${digest}\n`);
    }
  }
}

/** Bun and Deno write files by functions of their own. */
async function write(path: string, bytes: Uint8Array): Promise<void> {
  if ("Bun" in globalThis) await Bun.write(path, bytes);
  else await Deno.writeFile(path, bytes);
}

export const options: ServerOptions = {
  hostname: "127.0.0.1",
  port: 7000,
  workers: 1,
  timeouts: { firstByte: 10_000, idle: 60_000 },
  limits: { connections: 100 },
  bufferLimit: FILE_BYTES_MAX,
};

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: (server) => console.log(`file drop listens on ${server.hostname}:${server.port}`),
  });
  console.log("file drop stopped");
}
