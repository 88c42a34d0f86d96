/**
 * A worker process, as the supervisor reaches it.
 *
 * @module
 */
import { StateError } from "../../base/errors.ts";
import { messageOf } from "../../base/thrown.ts";
import { type ChildProcess, type ChildStatus, host } from "../../host/mod.ts";
import { discardDescriptor, giveDescriptor, type Lane, openLane } from "../../loop/native.ts";
import type { LoopOptions } from "../../loop/options.ts";
import type { Gauges } from "../../server/gauges.ts";
import { type ChannelHandlers, nobody, type ProcessChannel } from "./channel.ts";
import type { ChannelListener } from "./channel_listener.ts";
import { withTimeout } from "../../base/with_timeout.ts";
import type { PortEvent, WorkerEnd, WorkerPort } from "../worker_port.ts";
import type { ToWorker } from "../worker_port.ts";
import { channelVariable, type FromProcess, type ProcessStart, type ToProcess } from "./messages.ts";
import { ProcessMetrics } from "./shared_parts.ts";
import { ProcessQueue } from "./queue.ts";
import type { GivenParts, SharedParts } from "./shared_parts.ts";

/** What a process is started with. */
export interface ProcessSettings {
  /** Where it reports. */
  listener: ChannelListener;
  /** The sizes of its loop. */
  loop: LoopOptions;
  /** The application: its project's configuration is the process's too. */
  application: string;
  /** Files it reads: applications on this disk, and the library. */
  paths: readonly string[];
  library: string | undefined;
  /** The tables of addresses, which of them each listener asks, and the number the process has there. */
  tables: SharedParts;
  ofListener: readonly number[];
  tableIndex: number;
  /** `count` accepted sockets of a listener did not arrive there, and their peers are cut. */
  lost(listener: number, count: number): void;
}

/** Milliseconds until a process that does not report is given up: a cold cache is slow, this is a fault. */
const startMilliseconds = 120_000;
/** Milliseconds until a process that is behind with taking is tried again. */
const retryInterval = 20;
/** Milliseconds a process may outlive its channel, and a channel its process. */
const partingMilliseconds = 1_000;

export class ProcessPort implements WorkerPort, ChannelHandlers {
  readonly queue: ProcessQueue;
  /** Resolves when the process is gone and that was reported. */
  readonly gone: Promise<unknown>;
  readonly #settings: ProcessSettings;
  readonly #emit: (event: PortEvent) => void;
  readonly #child: ChildProcess;
  readonly #token: string | undefined;
  readonly #channelClosed = Promise.withResolvers<void>();
  readonly #metrics: ProcessMetrics | undefined;
  #late: ReturnType<typeof setTimeout>;
  #channel: ProcessChannel | undefined = undefined;
  /** The way of sockets and memory to it, once it has reported and until its channel closes. */
  #lane: Lane | undefined = undefined;
  /** What it has said of its end. */
  #end: WorkerEnd | undefined = undefined;
  #ended = false;

  constructor(settings: ProcessSettings, emit: (event: PortEvent) => void) {
    const { listener, application, paths, library } = settings;
    this.#settings = settings;
    this.#emit = emit;
    this.queue = new ProcessQueue({
      reachable: () => this.#lane !== undefined,
      post: (message) => this.#send(message),
      give: (descriptor) => giveDescriptor(descriptor, this.#lane!),
      discard: (descriptor) => void discardDescriptor(descriptor, library),
      lost: (listener, count) => settings.lost(listener, count),
    });
    this.#token = this.#tried("be expected", () => listener.expect((channel) => this.#arrived(channel)));
    this.#metrics = this.#token === undefined
      ? undefined
      : this.#tried("have memory to share", () => new ProcessMetrics(settings.loop));
    const child = this.#metrics && this.#tried("be started", () => {
      const start: ProcessStart = { ...listener.address, token: this.#token!, server: host.pid, library };
      return host.spawn(new URL("./entry.ts", import.meta.url), {
        environment: { [channelVariable]: JSON.stringify(start) },
        configuredBy: application,
        paths,
      });
    });
    this.#child = child ?? noChild;
    this.gone = this.#child.exited.then((status) => this.#exited(status));
    this.#late = setTimeout(() => this.kill(), startMilliseconds);
  }

  /** A process that could not even begin has ended with a reason. */
  #tried<T>(what: string, attempt: () => T): T | undefined {
    try {
      return attempt();
    } catch (error) {
      this.#end ??= { reason: "failed", message: `the process could not ${what}: ${messageOf(error)}` };
      return undefined;
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  get gauges(): Gauges | undefined {
    return this.#metrics?.gauges;
  }

  wake(): void {
    this.#send({ kind: "wake" });
  }

  release(): void {
    this.#metrics?.close();
  }

  post(message: ToWorker): void {
    if (message.kind === "start") void this.#start(message);
    else if (message.kind === "message") this.#send({ ...message, body: message.body.toBase64() });
    else this.#send(message);
  }

  /** With the first message comes the memory it shares with others. */
  async #start(message: ToWorker & { kind: "start" }): Promise<void> {
    const { tables, ofListener, tableIndex } = this.#settings;
    try {
      const shared = {
        metrics: await this.#given(this.#metrics!),
        tables: await this.#given(tables),
        ofListener,
        tableIndex,
      };
      this.#send({ ...message, shared });
    } catch (error) {
      this.#end ??= { reason: "failed", message: `the process got no shared memory: ${messageOf(error)}` };
      this.#child.kill("SIGKILL");
    }
  }

  /** Gives memory to the process, and comes again while it is behind with taking. */
  async #given(parts: Pick<SharedParts, "give">): Promise<GivenParts> {
    for (;;) {
      if (this.#lane === undefined) {
        throw new StateError("its channel is closed", { code: "ERR_STATE", operation: "start" });
      }
      const given = parts.give(this.#lane);
      if (given !== "busy") return given;
      await new Promise((resolve) => setTimeout(resolve, retryInterval));
    }
  }

  #send(message: ToProcess): void {
    this.#channel?.post(message);
  }

  kill(): void {
    if (this.#ended) return;
    this.#end = { reason: "killed", message: "the process did not come back" };
    this.#child.kill("SIGKILL");
  }

  /** From the worker. */
  received(message: unknown): void {
    const said = message as FromProcess;
    switch (said.kind) {
      case "ready":
        return this.#emit({ ...said, loop: this.#metrics!.loop });
      case "message":
        return this.#emit({ ...said, body: Uint8Array.fromBase64(said.body) });
      case "took":
        return this.queue.took(said);
      case "stopped":
        this.#end ??= { reason: "stopped", message: "" };
        break;
      case "failed":
        this.#end ??= { reason: "failed", message: said.message };
        break;
    }
    this.#emit(said);
  }

  /** The channel is closed: its process is about to end, or of no use any more. */
  closed(): void {
    this.#lane = undefined;
    this.#channelClosed.resolve();
    if (this.#ended) return;
    clearTimeout(this.#late);
    this.#late = setTimeout(() => this.#child.kill("SIGKILL"), partingMilliseconds);
  }

  /** The token was in the environment of one process; if the kernel reports another one, it was stolen. */
  #arrived(channel: ProcessChannel): ChannelHandlers {
    const { pid } = this.#child;
    const { processId } = channel.lane ?? {};
    if (processId !== undefined && processId !== pid) {
      channel.abort();
      this.#end ??= { reason: "failed", message: `process ${processId} reported in its place` };
      this.#child.kill("SIGKILL");
      return nobody;
    }
    clearTimeout(this.#late);
    this.#channel = channel;
    this.#lane = channel.lane ?? openLane(undefined, pid, this.#settings.library);
    return this;
  }

  async #exited({ code, signal }: ChildStatus): Promise<void> {
    if (this.#token !== undefined) this.#settings.listener.forget(this.#token);
    // Its last words may still be on their way.
    if (this.#channel !== undefined) await withTimeout(this.#channelClosed.promise, partingMilliseconds);
    clearTimeout(this.#late);
    this.#ended = true;
    this.#lane = undefined;
    this.#channel?.abort();
    const how = signal === undefined ? `code ${code}` : signal;
    const end = this.#end ?? { reason: "failed", message: `the process ended without a word (${how})` };
    this.#emit({ kind: "ended", end });
  }
}

/** In place of a process that was never started. */
const noChild: ChildProcess = {
  pid: 0,
  exited: Promise.resolve({ code: 1, signal: undefined }),
  kill: () => false,
  ref() {},
  unref() {},
};
