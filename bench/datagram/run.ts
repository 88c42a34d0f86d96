/**
 * The datagram bench: `bun bench/datagram/run.ts [--toy] [--publish] [--rounds N]`. An echo server on one
 * core, the load on the other; compare figures within one run only.
 *
 * @module
 */
import { build, FIGURES, OUT, PEERS } from "../echo/programs.ts";
import { type Server, startServer } from "../echo/servers.ts";

const HERE = new URL(".", import.meta.url).pathname;
const SERVER_CORE = 0;
const LOAD_CORE = 1;

/** Sockets of the load, datagrams each keeps under way, and bytes of each. */
interface Cell {
  sockets: number;
  window: number;
  size: number;
  /** Datagrams a second, one at a time; 0 for no pause between two. */
  pace: number;
  /** The load runs on the server's core. */
  sameCore: boolean;
}

const busy = { pace: 0, sameCore: false };
const CELLS: Cell[] = [
  { sockets: 1, window: 1, size: 64, ...busy },
  { sockets: 1, window: 64, size: 64, ...busy },
  { sockets: 64, window: 4, size: 64, ...busy },
  { sockets: 64, window: 4, size: 1400, ...busy },
  { sockets: 1, window: 1, size: 64, pace: 0, sameCore: true },
  { sockets: 1, window: 1, size: 64, pace: 1_000, sameCore: false },
  { sockets: 1, window: 1, size: 64, pace: 1_000, sameCore: true },
];

/** What the load tells of one run. */
interface Sample {
  datagrams: number;
  rate: number;
  cpu_us: number;
  server_busy: number;
  load_busy: number;
  lost: number;
  wrong: number;
  error?: string;
}

interface Result extends Cell {
  server: string;
  /** Medians of the rounds. */
  rate: number;
  cpuMicroseconds: number;
  loadBusy: number;
  lost: number;
}

const toy = Bun.argv.includes("--toy");
const roundsAt = Bun.argv.indexOf("--rounds");
const rounds = toy ? 1 : roundsAt > 0 ? Number(Bun.argv[roundsAt + 1]) : 5;
const warmUpMs = toy ? 50 : 500;
const durationMs = toy ? 100 : 1500;

function servers(): Server[] {
  const echo = build("datagram_echo", [`${HERE}echo.c`]);
  const deno = Bun.which("deno") ?? undefined;
  const bun = [process.execPath, "run"];
  const onDeno = (...rest: string[]) => deno && [deno, "run", "--quiet", "--allow-all", ...rest];
  return [
    { name: "c-many", command: [echo, "--many"] },
    { name: "c-plain", command: [echo] },
    { name: "ringport-bun", command: [...bun, `${HERE}server.ts`] },
    { name: "ringport-deno", command: onDeno("--unstable-ffi", `${HERE}server.ts`) },
    { name: "bun-udp", command: [...bun, `${PEERS}/bun_udp.ts`] },
    { name: "deno-udp", command: onDeno("--unstable-net", `${PEERS}/deno_udp.ts`) },
  ].filter((server) => server.command !== undefined) as Server[];
}

async function measure(load: string, server: Server, cell: Cell): Promise<Sample> {
  const running = await startServer(server.name, server.command!, SERVER_CORE);
  try {
    const options = {
      port: running.port,
      sockets: cell.sockets,
      window: cell.window,
      size: cell.size,
      pace: cell.pace,
      "warm-up-ms": warmUpMs,
      "duration-ms": durationMs,
      "server-pid": running.pid,
    };
    const pairs = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const core = cell.sameCore ? SERVER_CORE : LOAD_CORE;
    const child = Bun.spawn(["taskset", "-c", String(core), load, ...pairs], { stdout: "pipe" });
    const sample: Sample = JSON.parse(await new Response(child.stdout).text());
    if (sample.error !== undefined) throw new Error(`the load says: ${sample.error}`);
    if (sample.wrong > 0) throw new Error(`${server.name} sent back ${sample.wrong} wrong datagrams`);
    if (sample.datagrams === 0) throw new Error(`${server.name} sent back nothing`);
    return sample;
  } finally {
    await running.stop();
  }
}

function median(values: number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[sorted.length >> 1];
}

function summarize(server: string, cell: Cell, samples: Sample[]): Result {
  const of = (read: (sample: Sample) => number) => median(samples.map(read));
  return {
    server,
    ...cell,
    rate: of(({ rate }) => rate),
    cpuMicroseconds: of(({ cpu_us }) => cpu_us),
    loadBusy: of(({ load_busy }) => load_busy),
    lost: of(({ lost }) => lost),
  };
}

function render(results: Result[]): string {
  const lines = ["", "rate in datagrams/s (beside bun-udp) · server CPU in µs for each"];
  for (const cell of CELLS) {
    const of = results.filter(({ sockets, window, size, pace, sameCore }) =>
      sockets === cell.sockets && window === cell.window && size === cell.size && pace === cell.pace &&
      sameCore === cell.sameCore
    );
    if (of.length === 0) continue;
    const pace = cell.pace > 0 ? `, one at a time, paced ${cell.pace} a second` : "";
    const where = cell.sameCore ? ", the load on the server's core" : "";
    lines.push("", `${cell.sockets} sockets x ${cell.window} under way x ${cell.size} B${pace}${where}`);
    const bun = of.find(({ server }) => server === "bun-udp")?.rate ?? NaN;
    for (const { server, rate, cpuMicroseconds, loadBusy, lost } of of) {
      const ratio = (rate / bun).toFixed(2);
      const figures = `${rate.toFixed(0).padStart(8)} (${ratio}) · ${cpuMicroseconds.toFixed(2)}`;
      lines.push(`  ${server.padEnd(14)} ${figures}  load ${loadBusy.toFixed(2)}, lost ${lost}`);
    }
  }
  return lines.join("\n");
}

const load = build("datagram_load", [`${HERE}load.c`]);
const all = servers();
const samples = new Map<string, Sample[]>();
const cells = toy ? [CELLS[1], CELLS[2], CELLS[5]] : CELLS;
for (let round = 0; round < rounds; round++) {
  for (const cell of cells) {
    // The order turns from round to round, so that none always follows the same one.
    for (let index = 0; index < all.length; index++) {
      const server = all[(index + round) % all.length];
      const key = JSON.stringify([server.name, cell]);
      samples.set(key, [...samples.get(key) ?? [], await measure(load, server, cell)]);
    }
  }
}
const results = cells.flatMap((cell) =>
  all.map((server) => summarize(server.name, cell, samples.get(JSON.stringify([server.name, cell]))!))
);
console.log(render(results));
if (toy) console.log("\nToy size: this shows that everything runs; the figures mean nothing.");
const average = Number((await Bun.file("/proc/loadavg").text()).split(" ")[0]);
const page = JSON.stringify({ rounds, loadAverage: average, results }, null, 2) + "\n";
await Bun.write(`${OUT}/datagram.json`, page);
if (Bun.argv.includes("--publish")) await Bun.write(`${FIGURES}/datagram.json`, page);
