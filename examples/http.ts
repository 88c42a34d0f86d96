/**
 * An HTTP server through the fast door: `bun run http.ts --port=8000`, then `curl localhost:8000/hello/you`.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { Server, type ServerOptions } from "@ringport/ringport";
import { http, prepare } from "@ringport/ringport/http";

/** Head and body are built once and sent as they are. */
const hello = prepare({ body: "Hello!\n" });
const missing = prepare({ status: 404, body: "There is nothing here.\n" });

export default http({
  request(request, response) {
    const { path } = request;
    if (path === "/") return void response.send(hello);
    if (!path.startsWith("/hello/")) return void response.send(missing);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return void response.status(405).header("Allow", "GET, HEAD").send();
    }
    response.header("Cache-Control", "no-store").send(`Hello, ${nameIn(path)}!\n`);
  },
});

/** The part of the path behind `/hello/`; as it stands where its percent-encoding is wrong. */
function nameIn(path: string): string {
  const part = path.slice("/hello/".length);
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const options: ServerOptions = { hostname: "127.0.0.1", port: 8000, workers: 1 };

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: (server) => console.log(`HTTP server listens on http://${server.hostname}:${server.port}`),
  });
  console.log("HTTP server stopped");
}
