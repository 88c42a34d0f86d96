/**
 * Runs the load generator and reads its line of JSON.
 *
 * @module
 */

/** What the load generator tells of one run. */
export interface LoadResult {
  connections: number;
  size: number;
  messages: number;
  seconds: number;
  /** Messages a second. */
  rate: number;
  p50_us: number;
  p99_us: number;
  p999_us: number;
  /** CPU time of the load generator over the time of the window. */
  load_busy: number;
  server_cpu_seconds: number;
  server_busy: number;
  /** The parts of the server's CPU time, as the kernel estimates them. */
  server_user_seconds: number;
  server_system_seconds: number;
  cpu_us_per_message: number;
  lost: number;
}

type LoadOptions = Record<string, string | number>;

function commandOf(program: string, core: number | string, options: LoadOptions): string[] {
  const pairs = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return ["taskset", "-c", String(core), program, ...pairs];
}

function parseLine(line: string): LoadResult {
  const result = JSON.parse(line);
  if (result.error) throw new Error(`the load generator says: ${result.error}`);
  return result;
}

/** Loads the server and waits for the result. */
export async function runLoad(
  program: string,
  core: number | string,
  options: LoadOptions,
): Promise<LoadResult> {
  const child = Bun.spawn(commandOf(program, core, options), { stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  await child.exited;
  const line = text.trim();
  if (!line) throw new Error(`the load generator ended with ${child.exitCode} and said nothing`);
  return parseLine(line);
}

/** Loads the server from several generators at once, one on each of `cores`, which share the connections. */
export async function runLoads(program: string, cores: string[], options: LoadOptions): Promise<LoadResult> {
  const connections = Math.ceil(Number(options.connections) / cores.length);
  const results = await Promise.all(cores.map((core) => runLoad(program, core, { ...options, connections })));
  return results.length === 1 ? results[0] : join(results, Number(options.connections));
}

/** Rates add up; latencies and shares are means, since each generator saw the same server. */
function join(results: LoadResult[], connections: number): LoadResult {
  const sum = (pick: (one: LoadResult) => number) => results.reduce((total, one) => total + pick(one), 0);
  const mean = (pick: (one: LoadResult) => number) => sum(pick) / results.length;
  const rate = sum((one) => one.rate);
  const busy = mean((one) => one.server_busy);
  return {
    connections,
    size: results[0].size,
    messages: sum((one) => one.messages),
    seconds: mean((one) => one.seconds),
    rate,
    p50_us: mean((one) => one.p50_us),
    p99_us: mean((one) => one.p99_us),
    p999_us: mean((one) => one.p999_us),
    load_busy: mean((one) => one.load_busy),
    server_cpu_seconds: mean((one) => one.server_cpu_seconds),
    server_busy: busy,
    server_user_seconds: mean((one) => one.server_user_seconds),
    server_system_seconds: mean((one) => one.server_system_seconds),
    cpu_us_per_message: busy / rate * 1e6,
    lost: sum((one) => one.lost),
  };
}

/** Opens idle connections, calls `whileOpen` when all are there, then closes them and returns the result. */
export async function holdIdle(
  program: string,
  core: number | string,
  options: LoadOptions,
  whileOpen: () => Promise<void>,
): Promise<LoadResult> {
  const command = commandOf(program, core, { ...options, mode: "idle" });
  const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  let text = "";
  let called = false;
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (called || !text.includes('"open"')) continue;
    called = true;
    await whileOpen();
    child.stdin.end();
  }
  await child.exited;
  return parseLine(text.trim().split("\n").at(-1) ?? "");
}
