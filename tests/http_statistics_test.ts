/** What a server tells of its requests: its figures, its log, and the offences of those who send none. */
import { expect } from "@std/expect";
import { it } from "@std/testing/bdd";
import { renderPrometheus } from "../src/metrics.ts";
import { CommandServer, describeWorkers } from "./helpers/commands.ts";
import { Client } from "./helpers/http.ts";
import { connectPeer } from "./helpers/peer.ts";
import { readPrometheus } from "./helpers/prometheus.ts";
import { scaled } from "./helpers/runtime.ts";
import { until } from "./helpers/wait.ts";

const patience = scaled(20_000, 60_000);
const application = "http_counted.ts";
const get = (path: string, fields = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const post = (fields: string, body: string) => `POST /read HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n${body}`;

/** What comes back on a connection of its own. The client leaves once it has its answer. */
async function ask({ server }: CommandServer, text: string): Promise<string> {
  const client = new Client(await connectPeer({ port: server.port }));
  await client.write(text);
  const answer = await client.answer();
  client.peer.close();
  return `${answer.status}`;
}

/** Requests with the status that each is answered. */
const each: [string, string][] = [
  [get("/"), "200"],
  [get("/missing"), "404"],
  [get("/moved"), "301"],
  [get("/fails"), "500"],
  [get("/never"), "503"],
  [post("Content-Length: 3", "abc"), "200"],
  [get("/", "Connection: Upgrade\r\nUpgrade: x\r\n"), "101"],
  ["BAD\r\n\r\n", "400"],
  [get("/", "A: b\r\n".repeat(200)), "431"],
  [post("Content-Length: 11", ""), "413"],
  [post("Transfer-Encoding: chunked", "c\r\nhello, hello\r\n"), "413"],
  [post("Transfer-Encoding: chunked", "x\r\n"), "400"],
];

/** What they count as: three of the refused ones never reach a handler. */
const counted = {
  requests: 9,
  answers: { "1xx": 1, "2xx": 2, "3xx": 1, "4xx": 6, "5xx": 2 },
  refused: { 400: 2, 413: 2, 431: 1 },
  handlersFailed: 1,
  requestsTimedOut: 1,
  upgrades: 1,
};

describeWorkers("the requests of a server", (isolation) => {
  it("are counted by worker and in total, those of a worker that is gone too", async () => {
    const options = { isolation, timeouts: { handler: 50 }, supervisor: { backOff: 10 } };
    await using fixture = await CommandServer.start(options, application);
    const { server } = fixture;
    for (const [text, status] of each) {
      for (let count = 0; count < 2; count++) expect(await ask(fixture, text), text).toBe(status);
    }
    const twice = JSON.parse(
      JSON.stringify(counted),
      (_, value) => typeof value === "number" ? 2 * value : value,
    );
    const http = () => server.stats().total.http;
    await until(
      () => http().requests === twice.requests && http().answers["2xx"] === 4,
      "all counted",
      patience,
    );
    const { connections: _, ...counters } = http();
    expect(counters).toEqual(twice);
    const { workers, total } = server.stats();
    expect(total.errors.ERR_UNKNOWN_STATUS).toBe(undefined);
    const families = readPrometheus(renderPrometheus(server.stats()));
    const sum = (name: string) => families.get(name)!.samples.reduce((all, { value }) => all + value, 0);
    expect(workers.length).toBe(2);
    expect(workers.every(({ http: { requests } }) => requests > 0)).toBe(true);
    expect(sum("ringport_http_requests_total")).toBe(twice.requests);
    expect(sum("ringport_http_answers_total")).toBe(24);
    expect(sum("ringport_http_refused_total")).toBe(10);
    const client = new Client(await connectPeer({ port: server.port }));
    await client.write(get("/crash"));
    await client.rest();
    client.peer.close();
    await fixture.event("worker.replaced", patience);
    expect(http()).toMatchObject({ requests: twice.requests + 1, upgrades: 2 });
  });

  it("show what their connections do", async () => {
    await using fixture = await CommandServer.start({ isolation }, application);
    const { server } = fixture;
    const texts = [get("/"), get("/never"), get("/never"), "GET / HT", post("Content-Length: 3", "a")];
    const clients = await Promise.all(texts.map(() => connectPeer({ port: server.port })));
    for (const [index, client] of clients.entries()) await client.write(texts[index]);
    const told = () => JSON.stringify(server.stats().total.http.connections);
    const wanted = JSON.stringify({ idle: 1, head: 1, body: 1, processing: 2, answering: 0 });
    await until(() => told() === wanted, "each in its phase", patience);
    expect(renderPrometheus(server.stats())).toContain('phase="processing"} ');
    for (const client of clients) client.close();
    // The two handlers still owe an answer.
    const left = JSON.stringify({ idle: 0, head: 0, body: 0, processing: 2, answering: 0 });
    await until(() => told() === left, "the others have gone", patience);
  });

  it("are told in the log where they are refused, equal ones together", async () => {
    const options = { isolation, workers: 1, logLevel: "debug" as const };
    await using fixture = await CommandServer.start(options, application);
    for (let count = 0; count < 5; count++) await ask(fixture, "BAD\r\n\r\n");
    await ask(fixture, post("Content-Length: 11", ""));
    const told = () => fixture.events("request.refused");
    const all = () => told().reduce((sum, { repeated }) => sum + (repeated as number ?? 1), 0);
    await until(() => all() === 6, "all of them", patience);
    expect(told().length).toBeLessThan(6);
    const [{ level, worker, address, listener, status, reason }] = told();
    expect({ level, worker, address, listener, status }).toEqual({
      level: "debug",
      worker: 0,
      address: "127.0.0.1",
      listener: fixture.server.listeners[0].name,
      status: 400,
    });
    expect(typeof reason).toBe("string");
    expect(told().some((entry) => entry.status === 413)).toBe(true);
  });

  it("are offences where they break a rule, and lead to a ban", async () => {
    const options = { isolation, limits: { banAfter: 3 } };
    await using fixture = await CommandServer.start(options, application);
    const { server } = fixture;
    for (let count = 0; count < 4; count++) {
      expect(await ask(fixture, post("Content-Length: 11", ""))).toBe("413");
    }
    expect(server.stats().addresses.offences).toBe(0);
    expect(await ask(fixture, "BAD\r\n\r\n")).toBe("400");
    expect(await ask(fixture, post("Transfer-Encoding: chunked", "x\r\n"))).toBe("400");
    expect(server.bans.list()).toEqual([]);
    expect(await ask(fixture, get("/", "A: b\r\n".repeat(200)))).toBe("431");
    await until(() => server.bans.list().length === 1, "the ban", patience);
    expect(server.bans.list()[0]).toMatchObject({ address: "127.0.0.1", reason: "abuse" });
    expect(server.stats().addresses.offences).toBe(3);
    expect(fixture.events("request.refused")).toEqual([]);
    expect((await fixture.event("address.banned", patience)).address).toBe("127.0.0.1");
  });
});
