/**
 * The servers that are compared.
 *
 * @module
 */
import { ECHO, PEERS, type Programs } from "../echo/programs.ts";
import { BASELINE, type Server } from "../echo/servers.ts";

/** The folder of this bench. */
const here = new URL(".", import.meta.url).pathname;

/** The command that runs a module on a runtime; undefined where it is not on PATH. */
function runner(runtime: string): string[] | undefined {
  if (runtime === "bun") return [process.execPath, "run"];
  const path = Bun.which(runtime);
  return path ? [path, "run", "--quiet", "--unstable-ffi", "--no-check", "--allow-all"] : undefined;
}

function onEach(runtimes: string[], name: string, module: string, ...args: string[]): Server[] {
  return runtimes.map((runtime) => {
    const command = runner(runtime);
    return { name: `${name}-${runtime}`, command: command && [...command, module, ...args] };
  });
}

/** The C loop; with several threads one listener each. */
export function cLoop(programs: Programs, threads = 1): Server {
  if (threads === 1) return { name: BASELINE, command: [programs.epollEcho] };
  return { name: `${BASELINE}-${threads}`, command: [programs.epollEcho, "--threads", String(threads)] };
}

/** `listen`, without a server around it. */
export function plainListen(runtimes: string[]): Server[] {
  return onEach(runtimes, "listen", `${ECHO}/server.ts`);
}

/** `Server` with a number of workers. */
export function withWorkers(runtimes: string[], workers: number): Server[] {
  return onEach(runtimes, `server-${workers}`, `${here}server.ts`, JSON.stringify({ workers }));
}

/** `Server` with the given options, and one worker where they say nothing else. */
export function withOptions(runtimes: string[], name: string, options: object): Server[] {
  return onEach(runtimes, name, `${here}server.ts`, JSON.stringify({ workers: 1, ...options }));
}

/** `Server` whose workers each listen on the port for themselves. */
export function withReusePort(runtimes: string[], workers: number): Server[] {
  return withOptions(runtimes, `server-${workers}-group`, { workers, spreading: "reusePort" });
}

/** `Server` whose own thread accepts for the workers, even for a single one. */
export function withHandOver(runtimes: string[], workers: number): Server[] {
  return withOptions(runtimes, `server-${workers}-handed`, { workers, spreading: "handOver" });
}

/** The runtimes' own. */
export function builtIn(): Server[] {
  return [
    { name: "bun-listen", command: [...runner("bun")!, `${PEERS}/bun_listen.ts`] },
    ...onEach(["deno"], "deno", `${PEERS}/deno_listen.ts`).map((server) => ({
      ...server,
      name: "deno-listen",
    })),
  ];
}
