/**
 * Passes requests on to a target and its answers back: `bun run examples/reverse_proxy.ts <port> <target>`,
 * the target as `http://127.0.0.1:3001`. Bodies stream both ways, no faster than the slower side takes them,
 * and answers in the memory they came in. The fields that concern one connection only are removed.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { listen } from "@ringport/ringport";
import { httpClient } from "@ringport/ringport/client";
import { http } from "@ringport/ringport/http";

const [port = "3000", target = "http://127.0.0.1:3001"] = process.argv.slice(2);
const client = httpClient({ userAgent: false, pool: { connectionsPerHost: 64 } });

/** Fields of one connection (RFC 9110, 7.6.1), and those that either side sets itself. */
const ofOneConnection = "connection keep-alive proxy-connection proxy-authenticate proxy-authorization te " +
  "trailer transfer-encoding upgrade expect content-length";

function passedOn(fields: Iterable<[name: string, value: string]>): [string, string][] {
  const all = [...fields];
  const named = all.filter(([name]) => name === "connection").map(([, value]) => value.toLowerCase());
  const dropped = new Set(`${ofOneConnection} ${named}`.split(/[\s,]+/));
  return all.filter(([name]) => !dropped.has(name));
}

const socket = http({
  async request(request, response) {
    const { method, path, query, body, contentLength: bodyLength, signal, connection } = request;
    const url = `${target}${path}${query === "" ? "" : `?${query}`}`;
    const forwarded: [string, string] = ["x-forwarded-for", connection.remoteAddress.hostname];
    const headers = [...passedOn(request.headers()), forwarded];
    const answer = await client.request({ url, method, headers, body, bodyLength, signal }).catch(String);
    if (typeof answer === "string") return void response.status(502).send(`${answer}\n`);
    response.status(answer.status, answer.reason);
    for (const [name, value] of passedOn(answer.headers)) response.append(name, value);
    const stream = response.stream({ length: answer.contentLength });
    try {
      for await (const window of answer.windows) if (stream.write(window) !== "sent") await stream.drained();
      stream.end();
    } catch {
      // The client must not take a part of the body for all of it.
      stream.abort();
    }
  },
});

const listener = listen({ port: Number(port), socket });
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    await Promise.all([listener.stop(true), client.close()]);
    console.log(`reverse proxy stopped after ${client.stats().responses} answers`);
    process.exit();
  });
}
console.log(`reverse proxy listens on ${listener.hostname}:${listener.port}`);
