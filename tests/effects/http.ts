/** The options of HTTP. */
import { connect } from "../../src/mod.ts";
import type { CommandServer } from "../helpers/commands.ts";
import { within } from "../helpers/wait.ts";
import { patience, type Probes } from "./probe.ts";

const application = new URL("../applications/http.ts", import.meta.url).href;

/** All that the server sends until it closes the connection. */
async function answersTo({ server }: CommandServer, requests: string): Promise<string> {
  let text = "";
  const client = await connect({
    hostname: "127.0.0.1",
    port: server.port,
    socket: {
      data: (_, window) => void (text += window.text()),
      end: (connection) => void connection.end(),
    },
  });
  client.write(requests);
  await within(client.closed, "the end of the connection", patience);
  return text;
}

/** The statuses of the answers. */
async function statusesOf(fixture: CommandServer, requests: string): Promise<string[]> {
  const answers = await answersTo(fixture, requests);
  return [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
}

const head = (start: string, ...fields: string[]) =>
  [`${start} HTTP/1.1`, "Host: here", ...fields, "\r\n"].join("\r\n");
const last = head("GET /", "Connection: close");
const chunked = (body: string) =>
  head("POST /read", "Transfer-Encoding: chunked", "Connection: close") + body + "\r\n\r\n";

/** Whether requests are answered differently. */
function answered(values: readonly [unknown, unknown], requests: string): NonNullable<Probes["port"]> {
  return { server: { values, beside: { application }, see: (fixture) => statusesOf(fixture, requests) } };
}

export const httpProbes: Probes = {
  "http.maxHeadSize": answered([64, 1000], head("GET /", "Connection: close", `Long: ${"x".repeat(200)}`)),
  // Over the application's own.
  "http.maxTargetSize": answered([200, undefined], head(`GET /${"x".repeat(150)}`, "Connection: close")),
  "http.maxHeaders": answered([1, 10], last),
  "http.maxRequestBodySize": answered(
    [3, 4],
    head("POST /read", "Content-Length: 4", "Connection: close") + "four",
  ),
  "http.maxChunkExtensionSize": answered([3, 100], chunked("1;name=value\r\nx\r\n0")),
  "http.maxTrailerSize": answered([3, 100], chunked("0\r\nName: value")),
  "http.maxUnreadBodySize": answered(
    [3, 10],
    head("POST /unread", "Content-Length: 4") + "four" + last,
  ),
  "http.maxPipeline": {
    server: {
      values: [1, 10],
      beside: { application },
      async see(fixture) {
        const some = head("GET /running") + head("GET /running") + head("GET /running", "Connection: close");
        return [...(await answersTo(fixture, some)).matchAll(/running (\d)/g)].map(([, count]) => count);
      },
    },
  },
  "http.maxRequests": answered([1, 0], head("GET /") + last),
  "http.requireSameHost": answered([true, false], head("GET http://there/", "Connection: close")),
  "http.date": {
    server: {
      values: [true, false],
      beside: { application },
      see: async (fixture) => /\r\nDate: /i.test(await answersTo(fixture, last)),
    },
  },
};
