/**
 * What a link between two hosts may do to a server and its clients: it loses packets, is narrow, is cut for
 * a while or for good. Run by `tools/steps/network` inside `with_hosts`; each case prints one line that is
 * counted.
 */
// deno-lint-ignore-file no-console
import { Child } from "../helpers/process.ts";
import { environment, executablePath, exit, pathOf, runtime, scriptArguments } from "../helpers/runtime.ts";
import { delay } from "../helpers/wait.ts";

const HOST_A = environment("HOST_A")!;
const HOST_B = environment("HOST_B")!;
const ADDRESS = "10.99.0.1";

/** Milliseconds a transfer may take over a bad link: TCP waits longer and longer before it tries again. */
const PATIENCE = 90_000;

/** A script of this folder, run on one of the hosts. */
function on(host: string, script: string, scriptArguments: string[]): Child {
  const path = pathOf(script, import.meta.url);
  const flags = runtime === "bun" ? ["run", path] : ["run", "--quiet", "--no-check", "-A", path];
  return new Child(["ip", "netns", "exec", host, executablePath(), ...flags, ...scriptArguments], {});
}

async function link(...change: string[]): Promise<void> {
  const { code, errors } = await new Child(["sh", pathOf("./link", import.meta.url), ...change], {}).end();
  if (code !== 0) throw new Error(`link ${change.join(" ")}: ${errors}`);
}

/** A server on host A with the ports of its listeners. */
class FarServer implements AsyncDisposable {
  readonly child: Child;
  readonly ports = new Map<string, number>();

  private constructor(child: Child) {
    this.child = child;
  }

  static async start(options: object): Promise<FarServer> {
    const given = { hostname: ADDRESS, port: 0, ...options };
    const server = new FarServer(on(HOST_A, "./server.ts", [JSON.stringify(given)]));
    const listeners = (options as { listeners?: unknown[] }).listeners?.length ?? 1;
    for (let index = 0; index < listeners; index++) {
      const pattern = new RegExp(`(?:listening \\S+ \\d+ end\\s+){${index}}listening (\\S+) (\\d+) end`);
      const [, name, port] = await server.child.line(pattern, PATIENCE);
      server.ports.set(name, Number(port));
    }
    return server;
  }

  /** A client on host B that has connected. */
  async client(command: string, bytes = 0, seed = 1, listener = "main"): Promise<Child> {
    const words = [ADDRESS, String(this.ports.get(listener)), command, String(bytes), String(seed)];
    const client = on(HOST_B, "./client.ts", words);
    await client.line(/connected end/, PATIENCE);
    return client;
  }

  async shutdown(options: object): Promise<{ milliseconds: number; phases: string; report: string }> {
    this.child.send(`${JSON.stringify(options)}\n`);
    const [, time, phases, report] = await this.child.line(
      /stopped after (\d+) phases (\S+) (.*) end/,
      PATIENCE,
    );
    return { milliseconds: Number(time), phases, report };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.child[Symbol.asyncDispose]();
  }
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

async function whole(client: Child, what: string, server: FarServer): Promise<void> {
  await client.line(/^whole by peer code none end|^whole by local code none end/m, PATIENCE).catch(
    (error: Error) => {
      throw new Error(`${what}: ${error.message}the server printed:\n${server.child.output}`);
    },
  );
  await client.end();
}

/** Asks a client until it has got some bytes more. */
async function soFar(client: Child): Promise<number> {
  const before = client.output.length;
  client.send("?\n");
  for (let look = 0; look < 500; look++) {
    const match = client.output.slice(before).match(/so far (\d+) end/);
    if (match !== null) return Number(match[1]);
    await delay(10);
  }
  throw new Error("the client does not answer");
}

async function underway(client: Child): Promise<number> {
  for (let look = 0; look < 500; look++) {
    const bytes = await soFar(client);
    if (bytes > 0) return bytes;
    await delay(20);
  }
  throw new Error("nothing comes");
}

async function lossy(percent: number, bytes: number): Promise<void> {
  await using server = await FarServer.start({ timeouts: { writeStall: 60_000 } });
  await link("loss", String(percent));
  const clients = {
    "the first download": await server.client("download", bytes, 7),
    "the upload": await server.client("upload", bytes, 8),
    "the second download": await server.client("download", bytes, 9),
  };
  for (const [name, client] of Object.entries(clients)) {
    await whole(client, `${name} with ${percent} % loss`, server);
  }
  await link("heal");
}

const cases: Record<string, () => Promise<void>> = {
  "transfers are whole with 5 % loss": () => lossy(5, 4_000_000),
  // Above that TCP's own patience would decide now and then: at 20 % each way one packet in 3,500 that waits
  // for its acknowledgement is lost eight times over, which takes longer than a test has.
  "transfers are whole with 10 % loss": () => lossy(10, 600_000),

  async "a narrow link with a full queue is no stall"() {
    await using server = await FarServer.start({ sendBuffer: 16_384, timeouts: { writeStall: 3_000 } });
    await link("narrow", "256");
    // Six seconds at that rate, twice as long as the kernel may take nothing.
    const client = await server.client("download", 192_000, 3);
    await whole(client, "a transfer over a narrow link", server);
    await link("heal");
  },

  async "what the kernel has taken arrives long after the end"() {
    await using server = await FarServer.start({ sendBuffer: 1_000_000, lingerTimeout: 1_000 });
    await link("narrow", "256");
    // The server has written and ended all of it at once; the link needs six seconds.
    const client = await server.client("download", 192_000, 6);
    await whole(client, "a transfer that ended before it was delivered", server);
    await link("heal");
  },

  async "a stream goes on after the link was cut for a while"() {
    await using server = await FarServer.start({ timeouts: { writeStall: 30_000 } });
    await link("narrow", "20000");
    const down = await server.client("download", 12_000_000, 4);
    const up = await server.client("upload", 6_000_000, 5);
    await underway(down);
    await link("cut");
    await delay(300);
    const before = await soFar(down);
    await delay(1_500);
    expect(await soFar(down) === before, "the link was not cut");
    await link("heal");
    await whole(down, "a download over a link that was cut", server);
    await whole(up, "an upload over a link that was cut", server);
  },

  async "a link cut for good ends every connection by its limit, which tells"() {
    const listener = { hostname: ADDRESS, port: 0 };
    const probes = { idle: 1_000, interval: 1_000, count: 2 };
    const off = { firstByte: 0, message: 0, writeStall: 0, idle: 0 };
    await using server = await FarServer.start({
      hostname: undefined,
      port: undefined,
      listeners: [
        { ...listener, name: "probed", keepAlive: probes, timeouts: off },
        { ...listener, name: "stalling", sendBuffer: 16_384, timeouts: { ...off, writeStall: 2_000 } },
        { ...listener, name: "idle", timeouts: { ...off, idle: 2_000 }, lingerTimeout: 500 },
      ],
    });
    await link("narrow", "2000");
    await using _probed = await server.client("stay", 0, 1, "probed");
    await using stalling = await server.client("download", 50_000_000, 1, "stalling");
    await using _idle = await server.client("stay", 0, 1, "idle");
    await underway(stalling);
    await link("cut");
    await server.child.line(/closed stalling by timeout code ERR_TIMEOUT_WRITE_STALL/, PATIENCE);
    await server.child.line(/closed idle by timeout code ERR_TIMEOUT_IDLE/, PATIENCE);
    await server.child.line(/closed probed by timeout code ETIMEDOUT/, PATIENCE);
    await link("heal");
  },

  async "a peer that vanishes during a shutdown holds no phase up"() {
    await using server = await FarServer.start({});
    await link("narrow", "2000");
    await using _idle = await server.client("stay");
    await using stream = await server.client("download", 50_000_000, 2);
    await underway(stream);
    await link("cut");
    const deadlines = { refusing: 500, draining: 500, maxDraining: 3_000, closing: 1_000, aborting: 1_000 };
    const { milliseconds, phases, report } = await server.shutdown(deadlines);
    console.log(`(the shutdown took ${milliseconds} ms: ${phases})`);
    expect(phases === "refusing,draining,closing,aborting", `the phases were ${phases}`);
    expect(milliseconds < 15_000, `it took ${milliseconds} ms`);
    const { aborted, closed, bytesLost, workersKilled } = JSON.parse(report);
    expect(aborted + closed === 2 && aborted > 0, `not both were ended: ${report}`);
    expect(bytesLost === 0 && workersKilled === 0, report);
    await server.child.end();
    await link("heal");
  },
};

const wanted = scriptArguments()[0] ?? "";
let failed = 0;
for (const [name, run] of Object.entries(cases)) {
  if (!name.includes(wanted)) continue;
  const started = performance.now();
  try {
    await run();
    console.log(`check passed: ${name}, ${runtime} (${Math.round(performance.now() - started)} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`check failed: ${name}, ${runtime}: ${(error as Error).message}`);
    await link("heal");
  }
}
exit(failed === 0 ? 0 : 1);
