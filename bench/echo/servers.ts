/**
 * The servers that are compared, and how one of them is started on its core and stopped.
 *
 * @module
 */
import { ECHO, PEERS, type Programs } from "./programs.ts";

/** One server of the comparison. */
export interface Server {
  name: string;
  /** The command, or undefined where the runtime is not on PATH. */
  command?: string[];
  /** The same module run in a worker; absent for what has no workers. */
  workerCommand?: string[];
}

/** The name all ratios refer to. */
export const BASELINE = "c-epoll";
/** The names of this project, one a runtime. */
export const OURS = ["ringport-bun", "ringport-deno"];

/** What the names of those end with that have every limit of time and rate. */
export const LIMITED = "-timeouts";

const WORKER_HOST = `${PEERS}/worker_host.ts`;
/** A server that does not tell its port by then is broken. */
const START_TIMEOUT_MS = 15_000;

/** Every server in the order of the tables. */
export function allServers(programs: Programs, timeouts: boolean): Server[] {
  const bun = [process.execPath, "run"];
  const denoPath = Bun.which("deno");
  const nodePath = Bun.which("node");
  const deno = denoPath ? [denoPath, "run", "--quiet", "--unstable-ffi", "--allow-all"] : undefined;
  const module = (runner: string[] | undefined, path: string) => ({
    command: runner && [...runner, path],
    workerCommand: runner && [...runner, WORKER_HOST, path],
  });
  const limited = [
    { name: `ringport-bun${LIMITED}`, ...module(bun, `${ECHO}/server_timeouts.ts`) },
    { name: `ringport-deno${LIMITED}`, ...module(deno, `${ECHO}/server_timeouts.ts`) },
  ];
  return [
    { name: BASELINE, command: [programs.epollEcho] },
    { name: "ringport-bun", ...module(bun, `${ECHO}/server.ts`) },
    { name: "ringport-deno", ...module(deno, `${ECHO}/server.ts`) },
    ...(timeouts ? limited : []),
    { name: "bun-listen", ...module(bun, `${PEERS}/bun_listen.ts`) },
    { name: "deno-listen", ...module(deno, `${PEERS}/deno_listen.ts`) },
    { name: "node-net", command: nodePath ? [nodePath, `${PEERS}/node_net.mjs`] : undefined },
  ];
}

/** A server that runs. */
export interface RunningServer {
  pid: number;
  port: number;
  /** Where its figures can be fetched, if anywhere. */
  metricsPort?: number;
  /** The next line it prints behind that of its port. */
  nextLine(): Promise<string>;
  stop(): Promise<void>;
}

/** The lines a program prints, one at a time. */
export class Lines {
  readonly #reader: AsyncIterator<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(output: ReadableStream<Uint8Array>) {
    this.#reader = output[Symbol.asyncIterator]();
  }

  async next(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#reader.next();
      if (done) throw new Error(`it ended early; its last output: ${this.#text}`);
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }
}

/** Starts a server on its core or cores and waits for its port. */
export async function startServer(
  name: string,
  command: string[],
  core: number | string,
): Promise<RunningServer> {
  // The preloaded settings of the checkout are of no concern to a server, so it starts in the root folder.
  const child = Bun.spawn(["taskset", "-c", String(core), ...command], {
    cwd: "/",
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  try {
    const lines = new Lines(child.stdout);
    const { port, metricsPort } = JSON.parse(await lines.next());
    return { pid: child.pid, port, metricsPort, nextLine: () => lines.next(), stop: () => stop(child) };
  } catch (error) {
    throw new Error(`${name} did not start: ${(error as Error).message}`);
  } finally {
    clearTimeout(timer);
  }
}

async function stop(child: Bun.Subprocess): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 2000);
  await child.exited;
  clearTimeout(timer);
}
