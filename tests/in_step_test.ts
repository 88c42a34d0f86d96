/**
 * Workers that are started together serve together, and a server's call to itself waits until it is accepted.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop, type EventLoop } from "../src/loop/event_loop.ts";
import { Log } from "../src/server/log/log.ts";
import { resolveServerOptions, type ServerOptions } from "../src/server/options/mod.ts";
import type { ToWorker } from "../src/worker/worker_port.ts";
import { AcceptSignal, selfTest, type SelfTestTask } from "../src/worker/supervision/self_test.ts";
import { Supervisor } from "../src/worker/supervision/supervisor.ts";
import type { WorkerHandle } from "../src/worker/supervision/worker_handle.ts";
import { listenPeer } from "./helpers/peer.ts";
import { delay, until, within } from "./helpers/wait.ts";

/** Workers without a thread: what they are told is written down, and the test says when they are ready. */
class Workers {
  /** What came, as "0 start". */
  readonly told: string[] = [];
  readonly handles: WorkerHandle[] = [];
  readonly supervisor: Supervisor;
  readonly #loop: EventLoop;

  /** Times a worker was woken: at most once in each of the supervisor's rounds. */
  wakes = 0;

  constructor(loop: EventLoop, own: ServerOptions = {}) {
    this.#loop = loop;
    const options = resolveServerOptions({ log: "off", ...own });
    this.supervisor = new Supervisor({
      options,
      log: new Log(undefined, "info"),
      settingsOf: (index, generation) => ({
        index,
        generation,
        application: "none",
        options,
        listeners: [],
        udp: [],
        connectionsMax: 1,
      }),
      makePort: (handle) => {
        this.handles.push(handle);
        queueMicrotask(() => handle.received({ kind: "loaded", pid: 0 }));
        return {
          pid: 0,
          post: (message) => this.#posted(handle, message),
          wake: () => void this.wakes++,
          kill: () => {},
        };
      },
      backlog: () => 0,
      emit: () => {},
    });
  }

  /** Starts this number of workers, which are ready at once. */
  async start(count: number): Promise<void> {
    const started = this.supervisor.start(count);
    for (let index = 0; index < count; index++) {
      await until(() => this.told.includes(`${index} start`), `worker ${index} starts`);
      this.ready(index);
    }
    await within(started, "the start to end");
  }

  ends(index: number, reason: "failed" | "killed"): void {
    this.handles[index].received({ kind: "ended", end: { reason, message: reason } });
  }

  ready(index: number): void {
    this.handles[index].received({
      kind: "ready",
      addresses: [],
      loop: this.#loop.engine.native.shareable,
    });
  }

  #posted(handle: WorkerHandle, { kind }: ToWorker): void {
    this.told.push(`${handle.index} ${kind}`);
    if (kind === "serve") queueMicrotask(() => handle.received({ kind: "serving" }));
  }
}

describe("workers that are started together", () => {
  it("do not serve before the last of them is ready", async () => {
    await using loop = createEventLoop();
    const workers = new Workers(loop);
    const { told } = workers;
    const started = workers.supervisor.start(3);
    for (const index of [0, 1]) {
      await until(() => told.includes(`${index} start`), `worker ${index} starts`);
      workers.ready(index);
    }
    await until(() => told.includes("2 start"), "the last one starts");
    await delay(50);
    expect(told).toEqual(["0 start", "1 start", "2 start"]);
    expect(workers.supervisor.serving).toEqual([]);
    workers.ready(2);
    await within(started, "the start to end");
    expect(told.slice(3)).toEqual(["0 serve", "1 serve", "2 serve"]);
    expect(workers.supervisor.serving.length).toBe(3);
    workers.supervisor.end();
  });
});

describe("a worker that dies", () => {
  it("is replaced, unless it was killed", async () => {
    await using loop = createEventLoop();
    const workers = new Workers(loop, { supervisor: { backOff: 1, maxBackOff: 1 } });
    await workers.start(2);
    workers.ends(0, "killed");
    workers.ends(1, "failed");
    await until(() => workers.handles.length > 2, "the other one's replacement starts");
    expect(workers.handles.map(({ index, generation }) => [index, generation]))
      .toEqual([[0, 0], [1, 0], [1, 1]]);
    workers.supervisor.end();
  });

  it("waits for its back-off, where the number of workers is fixed", async () => {
    await using loop = createEventLoop();
    const workers = new Workers(loop, {
      workers: 2,
      supervisor: { interval: 20, backOff: 60_000, maxBackOff: 60_000 },
      scaling: { interval: 20, holdUp: 1, holdDown: 1 },
    });
    await workers.start(2);
    workers.ends(0, "failed");
    const { wakes } = workers;
    await until(() => workers.wakes > wakes + 5, "some rounds have passed");
    expect(workers.handles.length).toBe(2);
    workers.supervisor.end();
  });
});

describe("a server's call to itself", () => {
  const accepts = new AcceptSignal();

  /** A task for a socket on which the kernel connects by itself; the test says when it was accepted. */
  function taskOn(loop: EventLoop, port: number, accepted: () => number, timeout: number): SelfTestTask {
    const address = { hostname: "127.0.0.1", port, family: "IPv4" as const };
    return { loop, listeners: [{ name: "main", address }], accepted, accepts, timeout };
  }

  it("lasts until it is accepted, not only connected", async () => {
    await using loop = createEventLoop();
    const socket = listenPeer();
    let accepted = 7;
    const testing = selfTest(taskOn(loop, socket.port, () => accepted, 10_000));
    await delay(100);
    accepted = 8;
    accepts.tell();
    const [result] = await testing;
    expect(result.error).toBe(undefined);
    expect(result.milliseconds).toBeGreaterThanOrEqual(90);
    socket.close();
  });

  it("fails when it is not accepted in time", async () => {
    await using loop = createEventLoop();
    const socket = listenPeer();
    const [result] = await selfTest(taskOn(loop, socket.port, () => 7, 100));
    expect(result.milliseconds).toBe(undefined);
    expect(result.error?.message).toContain("not accepted within 100 ms");
    socket.close();
  });
});
