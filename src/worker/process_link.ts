/**
 * A worker in a process of its own, as the supervisor reaches it.
 *
 * @module
 */
import { messageOf } from "../base/thrown.ts";
import { type ChildProcess, type ChildStatus, host } from "../host/mod.ts";
import { discardDescriptor, giveDescriptor, type Taker } from "../loop/open.ts";
import type { LoopOptions } from "../connection/event_loop.ts";
import type { Board } from "../server/board.ts";
import type { Channel, ChannelOwner } from "./channel.ts";
import type { ChannelListener } from "./channel_listener.ts";
import { inTime } from "./in_time.ts";
import type { LinkOwner, WorkerEnd, WorkerLink } from "./link.ts";
import type { ToWorker } from "./messages.ts";
import { channelVariable, type FromProcess, type ProcessStart, type ToProcess } from "./process_messages.ts";
import { ProcessFigures } from "./process_figures.ts";
import { ProcessQueue } from "./process_queue.ts";
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
  /** The tables of addresses, which of them each listener asks, and the process's place in them. */
  tables: SharedParts;
  ofListener: readonly number[];
  place: number;
}

/** Milliseconds until a process that does not report is given up: a cold cache is slow, this is a fault. */
const startMilliseconds = 120_000;
/** Milliseconds until a process's full inbox is tried again. */
const retryInterval = 20;
/** Milliseconds a process may go on without its channel, and the channel without its process. */
const partingMilliseconds = 1_000;

export class ProcessLink implements WorkerLink, ChannelOwner {
  readonly queue: ProcessQueue;
  /** Resolves when the process is gone. */
  readonly gone: Promise<unknown>;
  readonly #settings: ProcessSettings;
  readonly #owner: LinkOwner;
  readonly #child: ChildProcess;
  readonly #token: string;
  readonly #channelClosed = Promise.withResolvers<void>();
  readonly #figures: ProcessFigures | undefined;
  #late: ReturnType<typeof setTimeout>;
  #channel: Channel | undefined = undefined;
  #taker: Taker | undefined = undefined;
  /** What it has said of its end. */
  #end: WorkerEnd | undefined = undefined;
  #ended = false;

  constructor(settings: ProcessSettings, owner: LinkOwner) {
    const { listener, application, paths, library } = settings;
    this.#settings = settings;
    this.#owner = owner;
    this.queue = new ProcessQueue({
      taker: () => this.#taker,
      post: (message) => this.#send(message),
      give: (descriptor, to) => giveDescriptor(descriptor, to, library),
      discard: (descriptor) => void discardDescriptor(descriptor, library),
    });
    this.#token = listener.expect((channel) => this.#arrived(channel));
    this.#figures = this.#tried("have memory to share", () => new ProcessFigures(settings.loop));
    const start: ProcessStart = { port: listener.port, token: this.#token, library };
    const child = this.#figures &&
      this.#tried("be started", () =>
        host.spawn(new URL("./process_entry.ts", import.meta.url), {
          environment: { [channelVariable]: JSON.stringify(start) },
          configuredBy: application,
          paths,
        }));
    this.#child = child ?? noChild;
    this.gone = this.#child.exited;
    void this.#child.exited.then((status) => this.#exited(status));
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

  get board(): Board | undefined {
    return this.#figures?.board;
  }

  wake(): void {
    this.#send({ kind: "wake" });
  }

  release(): void {
    this.#figures?.close();
  }

  post(message: ToWorker): void {
    if (message.kind === "start") void this.#start(message);
    else if (message.kind === "message") this.#send({ ...message, body: message.body.toBase64() });
    else this.#send(message);
  }

  /** With the first message comes the memory it shares with others. */
  async #start(message: ToWorker & { kind: "start" }): Promise<void> {
    const { tables, ofListener, place } = this.#settings;
    try {
      const shared = {
        figures: await this.#given(this.#figures!),
        tables: await this.#given(tables),
        ofListener,
        place,
      };
      this.#send({ ...message, shared });
    } catch (error) {
      this.#end ??= { reason: "failed", message: `the process got no shared memory: ${messageOf(error)}` };
      this.#child.kill("SIGKILL");
    }
  }

  /** Gives memory to the process, and comes again while its inbox is full. */
  async #given(parts: Pick<SharedParts, "give">): Promise<GivenParts> {
    for (;;) {
      const given = parts.give(this.#taker!);
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
      case "loaded":
        this.#taker = { processId: said.pid, token: said.inbox };
        return this.#owner.received({ kind: "loaded", pid: said.pid });
      case "ready":
        return this.#owner.received({ ...said, loop: this.#figures!.loop });
      case "message":
        return this.#owner.received({ ...said, body: Uint8Array.fromBase64(said.body) });
      case "took":
        return this.queue.took(said.taken, said.open, said.pressure);
      case "stopped":
        this.#end ??= { reason: "stopped", message: "" };
        break;
      case "failed":
        this.#end ??= { reason: "failed", message: said.message };
        break;
    }
    this.#owner.received(said);
  }

  /** The channel is closed: its process is about to end, or is no use any more. */
  closed(): void {
    this.#channelClosed.resolve();
    if (this.#ended) return;
    clearTimeout(this.#late);
    this.#late = setTimeout(() => this.#child.kill("SIGKILL"), partingMilliseconds);
  }

  #arrived(channel: Channel): ChannelOwner {
    clearTimeout(this.#late);
    this.#channel = channel;
    return this;
  }

  async #exited({ code, signal }: ChildStatus): Promise<void> {
    this.#settings.listener.forget(this.#token);
    // Its last words may still be on their way.
    if (this.#channel !== undefined) await inTime(this.#channelClosed.promise, partingMilliseconds);
    clearTimeout(this.#late);
    this.#ended = true;
    this.#channel?.abort();
    const how = signal === undefined ? `code ${code}` : signal;
    this.#owner.ended(
      this.#end ?? { reason: "failed", message: `the process ended without a word (${how})` },
    );
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
