/**
 * The bargain with the host loop, measured: `bun bench/host/run.ts [--toy] [--publish]`. A server under full
 * load measures how late its timers, promises and fetches settle; then the CPU of the idle server is read.
 *
 * @module
 */
import { holdIdle, runLoad } from "../echo/load.ts";
import { buildPrograms, ECHO, FIGURES, HOST, OUT, type Programs } from "../echo/programs.ts";
import { startServer } from "../echo/servers.ts";
import type { Percentiles } from "./samples.ts";

const SERVER_CORE = 0;
const LOAD_CORE = 1;
const CONNECTIONS = 64;
const IDLE_CONNECTIONS = 16;

/** Milliseconds of each part. */
interface Times {
  measure: number;
  idle: number;
}

const FULL: Times = { measure: 4000, idle: 5000 };
const TOY: Times = { measure: 150, idle: 200 };

interface HostResult {
  runtime: string;
  rate: number;
  alone: Record<string, Percentiles>;
  loaded: Record<string, Percentiles>;
  /** Share of one core, connections open and silent. */
  idleBusy: number;
}

async function underLoad(
  name: string,
  runner: string[],
  programs: Programs,
  times: Times,
): Promise<Omit<HostResult, "idleBusy">> {
  const answer = await startServer("answer", [...runner, `${HOST}/answer.ts`], LOAD_CORE);
  const command = [...runner, `${HOST}/server.ts`, `http://127.0.0.1:${answer.port}/`, String(times.measure)];
  const server = await startServer(name, command, SERVER_CORE);
  try {
    const load = await runLoad(programs.load, LOAD_CORE, {
      port: server.port,
      connections: CONNECTIONS,
      "warm-up-ms": 0,
      "duration-ms": times.measure + 600,
      "server-pid": server.pid,
    });
    const { alone, loaded } = JSON.parse(await server.nextLine());
    return { runtime: name, rate: load.rate, alone, loaded };
  } finally {
    await server.stop();
    await answer.stop();
  }
}

async function idleShare(name: string, runner: string[], programs: Programs, times: Times): Promise<number> {
  const server = await startServer(name, [...runner, `${ECHO}/server.ts`], SERVER_CORE);
  try {
    const held = await holdIdle(programs.load, LOAD_CORE, {
      port: server.port,
      connections: IDLE_CONNECTIONS,
      "hold-ms": times.idle * 2,
      "server-pid": server.pid,
    }, () => Bun.sleep(times.idle));
    return held.server_busy;
  } finally {
    await server.stop();
  }
}

function line(name: string, alone: Percentiles | undefined, loaded: Percentiles | undefined): string {
  const figures = [alone?.p50, alone?.p99, loaded?.p50, loaded?.p99];
  return name.padEnd(34) +
    figures.map((value) => (value === undefined ? "-" : value.toFixed(3)).padStart(11)).join("");
}

const NAMES: Record<string, string> = {
  timer: "10 ms timer, late by",
  timerInHandler: "10 ms timer in a handler, late by",
  promiseInHandler: "promise in a handler",
  fetchInHandler: "fetch in a handler, whole",
  fetchSettling: "fetch in a handler, from answer on",
  doorbell: "doorbell, wake to ring",
};

function print(result: HostResult): void {
  console.log(`\n${result.runtime}: ${result.rate.toFixed(0)} messages/s with ${CONNECTIONS} connections`);
  console.log(`${"milliseconds".padEnd(34)}  alone p50        p99 loaded p50        p99`);
  for (const [kind, name] of Object.entries(NAMES)) {
    console.log(line(name, result.alone[kind], result.loaded[kind]));
  }
  console.log(`idle: ${(result.idleBusy * 100).toFixed(2)} % of a core`);
}

const toy = Bun.argv.includes("--toy");
const times = toy ? TOY : FULL;
const programs = buildPrograms();
const denoPath = Bun.which("deno");
const results: HostResult[] = [];
for (
  const [name, runner] of [
    ["ringport-bun", [process.execPath, "run"]],
    ["ringport-deno", denoPath ? [denoPath, "run", "--quiet", "--no-check", "--allow-all"] : undefined],
  ] as [string, string[] | undefined][]
) {
  if (!runner) {
    console.log(`${name} is left out: its runtime is not on PATH`);
    continue;
  }
  const loaded = await underLoad(name, runner, programs, times);
  const result = { ...loaded, idleBusy: await idleShare(name, runner, programs, times) };
  results.push(result);
  print(result);
}
const text = JSON.stringify(results, null, 2) + "\n";
await Bun.write(`${OUT}/host.json`, text);
if (Bun.argv.includes("--publish")) await Bun.write(`${FIGURES}/host.json`, text);
