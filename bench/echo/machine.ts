/**
 * What a run was made on.
 *
 * @module
 */
import type { BenchResults } from "./results.ts";

/** The runtimes that are compared. */
export function describeVersions(): BenchResults["versions"] {
  return {
    bun: Bun.version,
    deno: firstLine(["deno", "--version"]).split(" (")[0],
    node: firstLine(["node", "--version"]),
  };
}

function firstLine(command: string[]): string {
  const path = Bun.which(command[0]);
  if (!path) return "not on PATH";
  return Bun.spawnSync([path, ...command.slice(1)]).stdout.toString().split("\n")[0].trim();
}

/** The machine and how busy it is at the beginning. */
export async function describeMachine(): Promise<BenchResults["machine"]> {
  const info = await Bun.file("/proc/cpuinfo").text();
  const cpu = /model name\s*: (.*)/.exec(info)?.[1] ?? "unknown";
  const cores = info.match(/^processor/gm)?.length ?? 0;
  const average = Number((await Bun.file("/proc/loadavg").text()).split(" ")[0]);
  // Distributions and clouds put names of their own behind the version.
  const kernel = firstLine(["uname", "-sr"]).replace(/^(\S+ \d+\.\d+).*/, "$1");
  return { cpu: `${cpu}, ${cores} cores`, kernel, loadAverage: average };
}
