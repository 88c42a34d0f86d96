/**
 * The benchmark of HTTP clients: `bun bench/http_client/run.ts [--toy] [--rounds N] [--cells 64,download]
 * [--clients name,name] [--warm-up-ms N] [--duration-ms N]`. Compare figures within one run only.
 *
 * @module
 */
import { describeMachine, describeVersions } from "../echo/machine.ts";
import { count } from "../echo/options.ts";
import { turned } from "../echo/measure.ts";
import { build, OUT, PEERS } from "../echo/programs.ts";
import { median } from "../echo/results.ts";
import { startServer } from "../echo/servers.ts";
import { layOut } from "../echo/table.ts";
import type { ClientResult } from "./work.ts";

/** What all clients do in one part of the run. */
interface Cell {
  name: string;
  title: string;
  inFlight: number;
  bodyBytes: number;
  answerBytes: number;
}

const KIB = 1024;
const HELLO = "Hello, World!";
const CELLS: Cell[] = [
  { name: "1", title: "GET, one after the other", inFlight: 1, bodyBytes: 0, answerBytes: HELLO.length },
  { name: "64", title: "GET, 64 in flight", inFlight: 64, bodyBytes: 0, answerBytes: HELLO.length },
  {
    name: "post",
    title: "POST of 1 KiB, 64 in flight",
    inFlight: 64,
    bodyBytes: KIB,
    answerBytes: HELLO.length,
  },
  { name: "download", title: "1 MiB down, 16 in flight", inFlight: 16, bodyBytes: 0, answerBytes: KIB * KIB },
  {
    name: "upload",
    title: "1 MiB up, 16 in flight",
    inFlight: 16,
    bodyBytes: KIB * KIB,
    answerBytes: HELLO.length,
  },
];

interface Client {
  name: string;
  command: string[] | undefined;
}

interface Options {
  toy: boolean;
  rounds: number;
  cells: string[];
  clients: string[];
  warmUpMs: number;
  durationMs: number;
}

function parseOptions(args: string[]): Options {
  const toy = args.includes("--toy");
  const options: Options = {
    toy,
    rounds: toy ? 1 : 7,
    cells: toy ? ["64", "upload"] : CELLS.map(({ name }) => name),
    clients: [],
    warmUpMs: toy ? 50 : 3_000,
    durationMs: toy ? 50 : 2_000,
  };
  const setters: Record<string, (text: string) => void> = {
    "--rounds": (text) => options.rounds = count("--rounds", text),
    "--cells": (text) => options.cells = text.split(","),
    "--clients": (text) => options.clients = text.split(","),
    "--warm-up-ms": (text) => options.warmUpMs = count("--warm-up-ms", text),
    "--duration-ms": (text) => options.durationMs = count("--duration-ms", text),
  };
  const rest = args.filter((arg) => arg !== "--toy");
  for (let index = 0; index < rest.length; index += 2) {
    const setter = setters[rest[index]];
    if (setter === undefined || rest[index + 1] === undefined) {
      throw new TypeError(
        `unknown or incomplete option ${rest[index]}; known: --toy ${Object.keys(setters).join(" ")}`,
      );
    }
    setter(rest[index + 1]);
  }
  return options;
}

function buildGo(): string | undefined {
  const go = Bun.which("go");
  const target = `${OUT}/go_client`;
  if (!go) return undefined;
  const env = { ...process.env as Record<string, string>, GO111MODULE: "off", CGO_ENABLED: "0" };
  const built = Bun.spawnSync([go, "build", "-o", target, `${PEERS}/go_client.go`], { env });
  return built.exitCode === 0 ? target : undefined;
}

function allClients(): Client[] {
  const script = new URL("client.ts", import.meta.url).pathname;
  const bun = [process.execPath, "run", script];
  const denoPath = Bun.which("deno");
  const deno = denoPath
    ? [denoPath, "run", "--quiet", "--no-check", "--unstable-ffi", "--allow-all", script]
    : undefined;
  const node = Bun.which("node");
  const go = buildGo();
  const of = (name: string, command: string[] | undefined, ...args: string[]): Client => ({
    name,
    command: command && [...command, ...args],
  });
  return [
    of("ringport-bun", bun, "request"),
    of("ringport-fetch-bun", bun, "fetch"),
    of("bun-fetch", bun, "runtime"),
    of("ringport-deno", deno, "request"),
    of("ringport-fetch-deno", deno, "fetch"),
    of("deno-fetch", deno, "runtime"),
    of("node-agent", node ? [node, `${PEERS}/node_client.mjs`] : undefined, "agent"),
    of("node-fetch", node ? [node, `${PEERS}/node_client.mjs`] : undefined, "fetch"),
    of("go-net-http", go ? [go] : undefined),
  ];
}

const SERVER_CORE = 1;
const CLIENT_CORE = 0;

async function measureOnce(
  program: string,
  client: Client,
  cell: Cell,
  options: Options,
): Promise<ClientResult> {
  const answer = `${OUT}/client_${cell.name}.answer`;
  await Bun.write(answer, cell.answerBytes === HELLO.length ? HELLO : new Uint8Array(cell.answerBytes));
  const command = [program, "--answer", answer, "--body-bytes", String(cell.bodyBytes)];
  const server = await startServer("c-epoll", command, SERVER_CORE);
  try {
    const numbers = [cell.inFlight, cell.bodyBytes, cell.answerBytes, options.warmUpMs, options.durationMs];
    const args = [`http://127.0.0.1:${server.port}/`, ...numbers.map(String)];
    const child = Bun.spawn(["taskset", "-c", String(CLIENT_CORE), ...client.command!, ...args], {
      cwd: "/",
      stdout: "pipe",
      stderr: "inherit",
    });
    const text = (await new Response(child.stdout).text()).trim();
    await child.exited;
    return JSON.parse(text.split("\n").at(-1)!);
  } catch (error) {
    throw new Error(`${client.name}, ${cell.title}: ${(error as Error).message}`);
  } finally {
    await server.stop();
  }
}

function row(name: string, results: ClientResult[]): string[] {
  const of = (pick: (result: ClientResult) => number, digits: number) =>
    median(results.map(pick)).toFixed(digits);
  return [
    name,
    of(({ requests, seconds }) => requests / seconds, 0),
    of(({ requests, userSeconds, systemSeconds }) => (userSeconds + systemSeconds) / requests * 1e6, 2),
    of(({ requests, userSeconds }) => userSeconds / requests * 1e6, 2),
    of(({ requests, systemSeconds }) => systemSeconds / requests * 1e6, 2),
    of(({ p50Us }) => p50Us, 0),
    of(({ p99Us }) => p99Us, 0),
    of(({ userSeconds, systemSeconds, seconds }) => (userSeconds + systemSeconds) / seconds * 100, 0) + " %",
  ];
}

const HEAD = ["client", "requests/s", "CPU us", "user us", "system us", "p50 us", "p99 us", "client busy"];

const options = parseOptions(Bun.argv.slice(2));
const server = build("epoll_http", [`${PEERS}/epoll_http.c`]);
const chosen = allClients().filter(({ name }) =>
  options.clients.length === 0 || options.clients.includes(name)
);
for (const { name, command } of chosen) {
  if (command === undefined) console.log(`${name} is left out: its program is missing here`);
}
const clients = chosen.filter(({ command }) => command !== undefined);
const cells = CELLS.filter(({ name }) => options.cells.includes(name));
const machine = await describeMachine();
const results = new Map<string, ClientResult[]>();
const key = (cell: Cell, { name }: Client) => `${cell.name} ${name}`;
for (let round = 0; round < options.rounds; round++) {
  for (const cell of cells) {
    for (const client of turned(clients, round)) {
      const result = await measureOnce(server, client, cell, options);
      results.set(key(cell, client), [...results.get(key(cell, client)) ?? [], result]);
    }
  }
}
for (const cell of cells) {
  console.log(`\n${cell.title}`);
  console.log(layOut([HEAD, ...clients.map((client) => row(client.name, results.get(key(cell, client))!))]));
}
if (options.toy) console.log("Toy size: this shows that everything runs; the figures mean nothing.");
const told = { date: new Date().toISOString().slice(0, 10), machine, versions: describeVersions(), options };
await Bun.write(
  `${OUT}/http_client.json`,
  JSON.stringify({ ...told, results: Object.fromEntries(results) }, null, 2) + "\n",
);
