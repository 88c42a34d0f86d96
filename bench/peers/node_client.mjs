// node:http with an agent, or node's fetch (undici):
// node_client.mjs agent|fetch URL IN_FLIGHT BODY_BYTES ANSWER_BYTES WARM_UP_MS DURATION_MS.
// The loop is that of bench/http_client/work.ts, which this node cannot import.
import { Agent, request } from "node:http";

const [door, url, ...numbers] = process.argv.slice(2);
const [inFlight, bodyBytes, answerBytes, warmUpMs, durationMs] = numbers.map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
const method = bodyBytes > 0 ? "POST" : "GET";
const body = bodyBytes > 0 ? new Uint8Array(bodyBytes).fill(97) : undefined;
const { hostname, port, pathname } = new URL(url);

const doors = {
  agent: () =>
    new Promise((resolve, reject) => {
      const sent = request({ agent, hostname, port, path: pathname, method }, (response) => {
        let bytes = 0;
        response.on("data", (chunk) => bytes += chunk.length);
        response.on("end", () => resolve(bytes));
        response.on("error", reject);
      });
      sent.on("error", reject);
      if (body !== undefined) sent.setHeader("content-length", body.length);
      sent.end(body);
    }),
  async fetch() {
    const answer = await fetch(url, { method, body });
    return (await answer.arrayBuffer()).byteLength;
  },
};

const send = doors[door];
const latencies = [];
let requests = 0;
async function one() {
  for (let turn = 0;; turn++) {
    const before = performance.now();
    const bytes = await send();
    if (bytes !== answerBytes) throw new Error(`an answer of ${bytes} bytes`);
    if (turn % 8 === 0) latencies.push(performance.now() - before);
    requests += 1;
  }
}
for (let count = 0; count < inFlight; count++) void one();
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
await wait(warmUpMs);
const start = performance.now();
const cpu = process.cpuUsage();
requests = latencies.length = 0;
await wait(durationMs);
const used = process.cpuUsage(cpu);
latencies.sort((left, right) => left - right);
console.log(JSON.stringify({
  requests,
  seconds: (performance.now() - start) / 1e3,
  userSeconds: used.user / 1e6,
  systemSeconds: used.system / 1e6,
  p50Us: (latencies[Math.floor(latencies.length * 0.5)] ?? 0) * 1e3,
  p99Us: (latencies[Math.floor(latencies.length * 0.99)] ?? 0) * 1e3,
}));
process.exit(0);
