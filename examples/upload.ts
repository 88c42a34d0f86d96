/**
 * Takes files of any size: `bun run upload.ts --port=8000 --argument=FOLDER`, then
 * `curl -T big.iso localhost:8000/big.iso`.
 *
 * The body goes to the disk as it comes: a disk that is slower than the network makes the client wait, and
 * the memory in use stays the same, whatever the size of the file. A name that is taken is refused.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { type Application, Server, type ServerOptions, type WorkerContext } from "@ringport/ringport";
import { http, type HttpRequest } from "@ringport/ringport/http";

const FILE_BYTES_MAX = 2 * 1024 ** 3;
/** One level, no hidden files, nothing that leads out of the folder. */
const NAME = /^\/(\w[\w.-]{0,99})$/;

let folder = ".";

/** What the two runtimes write files with. */
interface FileWriter {
  write(bytes: Uint8Array): Promise<unknown>;
  close(): Promise<unknown>;
}

/** Names whose files are being written. */
const arriving = new Set<string>();

async function exists(path: string): Promise<boolean> {
  if ("Bun" in globalThis) return await Bun.file(path).exists();
  return await Deno.stat(path).then(() => true, () => false);
}

async function openFile(path: string): Promise<FileWriter> {
  if ("Bun" in globalThis) {
    const sink = Bun.file(path).writer();
    return {
      async write(bytes) {
        sink.write(bytes);
        await sink.flush();
      },
      close: async () => await sink.end(),
    };
  }
  const file = await Deno.open(path, { write: true, create: true, truncate: true });
  const writer = file.writable.getWriter();
  return { write: (bytes) => writer.write(new Uint8Array(bytes)), close: () => writer.close() };
}

async function remove(path: string): Promise<void> {
  if ("Bun" in globalThis) await Bun.file(path).delete();
  else await Deno.remove(path);
}

/** Writes the body into the file of that name; one that does not come whole is removed. */
async function save(request: HttpRequest, name: string): Promise<number> {
  const path = `${folder}/${name}`;
  const file = await openFile(path);
  let length = 0;
  try {
    await request.onData(async (window) => {
      length += window.length;
      await file.write(window.slice());
    });
    await file.close();
  } catch (error) {
    await file.close();
    await remove(path);
    throw error;
  }
  return length;
}

const handlers = http({
  async request(request, response) {
    const [, name] = NAME.exec(request.path) ?? [];
    if (name === undefined) return void response.status(404).send("The path is a slash and a name.\n");
    if (request.method !== "PUT") return void response.status(405).header("Allow", "PUT").send();
    if (arriving.has(name)) return void response.status(409).send("It is being sent.\n");
    arriving.add(name);
    try {
      if (await exists(`${folder}/${name}`)) {
        return void response.status(409).send("There is a file of that name.\n");
      }
      const length = await save(request, name);
      response.status(201).send(`${name} ${length}\n`);
    } finally {
      arriving.delete(name);
    }
  },
}, { maxRequestBodySize: FILE_BYTES_MAX });

const application: Application = {
  ...handlers,
  start(worker: WorkerContext): void {
    folder = worker.argument ?? ".";
  },
};
export default application;

export const options: ServerOptions = { hostname: "127.0.0.1", port: 8000, workers: 1 };

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: (server) => console.log(`upload server listens on http://${server.hostname}:${server.port}`),
  });
  console.log("upload server stopped");
}
