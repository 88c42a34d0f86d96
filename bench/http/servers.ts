/**
 * The servers that are compared, with the kinds of requests each answers.
 *
 * @module
 */
import { PEERS } from "../echo/programs.ts";
import { BASELINE, OURS } from "./cells.ts";
import type { HttpPrograms } from "./programs.ts";
import { type Kind, KINDS } from "./work.ts";

/** What a server is started for. */
export interface Start {
  kind: Kind;
  /** The file with the body it must answer. */
  answer: string;
}

/** One server of the comparison. */
export interface HttpServer {
  name: string;
  kinds: Kind[];
  /** The command, or undefined where its runtime or program is missing. */
  command?: (start: Start) => string[];
}

const HERE = new URL(".", import.meta.url).pathname;
/** Kinds that are answered with bytes made beforehand. */
const FIXED: Kind[] = ["hello", "body", "download", "upload"];
const SMALL: Kind[] = ["hello", "json", "work"];

type Runner = string[] | undefined;

function script(name: string, runner: Runner, path: string, style: string[], kinds: Kind[]): HttpServer {
  return { name, kinds, command: runner && (({ kind }) => [...runner, path, ...style, kind]) };
}

function ours(runtime: string, runner: Runner): HttpServer[] {
  return [
    script(`${OURS}fast-${runtime}`, runner, `${HERE}server_fast.ts`, [], KINDS),
    script(`${OURS}fetch-${runtime}`, runner, `${HERE}server_fetch.ts`, ["sync"], KINDS),
    script(`${OURS}async-${runtime}`, runner, `${HERE}server_fetch.ts`, ["async"], SMALL),
    script(`${OURS}hono-${runtime}`, runner, `${HERE}server_fetch.ts`, ["hono"], SMALL),
  ];
}

function constant({ epollHttp }: HttpPrograms): HttpServer {
  return {
    name: BASELINE,
    kinds: KINDS,
    command: ({ kind, answer }) => [
      epollHttp,
      "--answer",
      answer,
      "--body-bytes",
      kind === "upload" ? String(1024 * 1024) : "0",
    ],
  };
}

function natives({ hyper, go, nginx }: HttpPrograms, port: () => number): HttpServer[] {
  const node = Bun.which("node");
  return [
    { name: "hyper", kinds: FIXED, command: hyper ? ({ kind, answer }) => [hyper, kind, answer] : undefined },
    { name: "nginx", kinds: ["hello"], command: nginx && (() => nginx(port())) },
    { name: "go-net-http", kinds: KINDS, command: go ? ({ kind, answer }) => [go, kind, answer] : undefined },
    {
      name: "node-http",
      kinds: KINDS,
      command: node ? ({ kind, answer }) => [node, `${PEERS}/node_http.mjs`, answer, kind] : undefined,
    },
  ];
}

/** Every server in the order of the tables. `port` gives a port that is free. */
export function allServers(programs: HttpPrograms, port: () => number): HttpServer[] {
  const bun = [process.execPath, "run"];
  const denoPath = Bun.which("deno");
  const deno = denoPath ? [denoPath, "run", "--quiet", "--unstable-ffi", "--allow-all"] : undefined;
  const bunServe = `${PEERS}/bun_serve.ts`;
  const denoServe = `${PEERS}/deno_serve.ts`;
  return [
    constant(programs),
    ...ours("bun", bun),
    ...ours("deno", deno),
    ...natives(programs, port),
    script("bun-serve", bun, bunServe, ["sync"], KINDS),
    script("bun-static", bun, bunServe, ["static"], ["hello", "json", "body"]),
    script("bun-async", bun, bunServe, ["async"], SMALL),
    script("bun-hono", bun, bunServe, ["hono"], SMALL),
    script("deno-serve", deno, denoServe, ["sync"], KINDS),
    script("deno-async", deno, denoServe, ["async"], SMALL),
    script("deno-hono", deno, denoServe, ["hono"], SMALL),
  ];
}
