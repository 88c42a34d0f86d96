/**
 * What a client of the benchmark does: requests over and over, a fixed number of them in flight, and its own
 * CPU time meanwhile. Plain enough for any runtime.
 *
 * @module
 */

/** What a client is to do; the arguments of its program, in this order. */
export interface Task {
  url: string;
  inFlight: number;
  /** Bytes of the body of each request; 0 for a GET. */
  bodyBytes: number;
  /** Bytes of the body of each answer. */
  answerBytes: number;
  warmUpMs: number;
  durationMs: number;
}

/** What a client tells. */
export interface ClientResult {
  requests: number;
  seconds: number;
  userSeconds: number;
  systemSeconds: number;
  p50Us: number;
  p99Us: number;
}

/** Sends one request and reads its answer; the bytes of the answer's body. */
export type Send = (task: Task, body: Uint8Array<ArrayBuffer> | undefined) => Promise<number>;

/** What is the same in every runtime. */
declare const process: {
  argv: string[];
  cpuUsage(): { user: number; system: number };
  exit(code: number): never;
};

function taskOf(args: string[]): Task {
  const [url, ...numbers] = args;
  const [inFlight, bodyBytes, answerBytes, warmUpMs, durationMs] = numbers.map(Number);
  return { url, inFlight, bodyBytes, answerBytes, warmUpMs, durationMs };
}

/** One latency of this many is kept: all of them would cost time. */
const keptOf = 8;

/** Runs the task of the command line, prints the result and ends the process. */
export async function runClient(send: Send, args: string[]): Promise<void> {
  const task = taskOf(args);
  const body = task.bodyBytes === 0 ? undefined : new Uint8Array(task.bodyBytes).fill(97);
  const latencies: number[] = [];
  let requests = 0;
  let stops = false;
  const one = async () => {
    for (let count = 0; !stops; count++) {
      const before = count % keptOf === 0 ? performance.now() : 0;
      const bytes = await send(task, body);
      if (bytes !== task.answerBytes) throw new Error(`an answer of ${bytes} bytes`);
      if (before > 0) latencies.push(performance.now() - before);
      requests += 1;
    }
  };
  const all = Promise.all(Array.from({ length: task.inFlight }, one));
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, task.warmUpMs))]);
  const start = performance.now();
  const cpu = process.cpuUsage();
  requests = 0;
  latencies.length = 0;
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, task.durationMs))]);
  const used = process.cpuUsage();
  const result: ClientResult = {
    requests,
    seconds: (performance.now() - start) / 1e3,
    userSeconds: (used.user - cpu.user) / 1e6,
    systemSeconds: (used.system - cpu.system) / 1e6,
    ...quantiles(latencies),
  };
  stops = true;
  await all;
  console.log(JSON.stringify(result));
  process.exit(0);
}

function quantiles(latencies: number[]): { p50Us: number; p99Us: number } {
  const sorted = latencies.sort((left, right) => left - right);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0) * 1e3;
  return { p50Us: at(0.5), p99Us: at(0.99) };
}

/** The arguments behind the name of the script and of the door. */
export function argumentsBehind(count: number): string[] {
  return process.argv.slice(2 + count);
}
