/**
 * A worker in a process of its own, as the supervisor reaches it.
 *
 * @module
 */
import { type ChildProcess, type ChildStatus, host } from "../host/mod.ts";
import { discardDescriptor, giveDescriptor, type Taker } from "../loop/open.ts";
import type { Board } from "../server/board.ts";
import type { Channel, ChannelOwner } from "./channel.ts";
import type { ChannelListener } from "./channel_listener.ts";
import { inTime } from "./in_time.ts";
import type { LinkOwner, WorkerEnd, WorkerLink } from "./link.ts";
import type { ToWorker } from "./messages.ts";
import { channelVariable, type FromProcess, type ProcessStart, type ToProcess } from "./process_messages.ts";
import { ProcessQueue } from "./process_queue.ts";
import type { SharedParts } from "./shared_parts.ts";
import { SnapshotMemory } from "./snapshot.ts";

/** What a process is started with. */
export interface ProcessSettings {
  /** Where it reports. */
  listener: ChannelListener;
  /** Where its numbers are put. */
  board: Board;
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
  #late: ReturnType<typeof setTimeout>;
  #channel: Channel | undefined = undefined;
  #taker: Taker | undefined = undefined;
  #memory: SnapshotMemory | undefined = undefined;
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
    const start: ProcessStart = { port: listener.port, token: this.#token, library };
    this.#child = this.#spawn(new URL("./process_entry.ts", import.meta.url), {
      environment: { [channelVariable]: JSON.stringify(start) },
      configuredBy: application,
      paths,
    });
    this.gone = this.#child.exited;
    void this.#child.exited.then((status) => this.#exited(status));
    this.#late = setTimeout(() => this.kill(), startMilliseconds);
  }

  /** What cannot be started has ended with a reason. */
  #spawn(...how: Parameters<typeof host.spawn>): ChildProcess {
    try {
      return host.spawn(...how);
    } catch (error) {
      this.#end = { reason: "failed", message: `the process could not be started: ${messageOf(error)}` };
      const exited = Promise.resolve({ code: 1, signal: undefined });
      return { pid: 0, exited, kill: () => false, ref() {}, unref() {} };
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  post(message: ToWorker): void {
    if (message.kind === "start") this.#start(message);
    else this.#send(message);
  }

  /** With the first message comes the memory that all processes share. */
  #start(message: ToWorker & { kind: "start" }): void {
    const { tables: parts, ofListener, place } = this.#settings;
    if (this.#ended || this.#taker === undefined) return;
    try {
      const tables = parts.give(this.#taker);
      if (tables !== "busy") this.#send({ ...message, shared: { tables, ofListener, place } });
      else setTimeout(() => this.#start(message), retryInterval);
    } catch (error) {
      this.#end ??= { reason: "failed", message: `the process got no shared memory: ${messageOf(error)}` };
      this.#child.kill("SIGKILL");
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
        this.#memory = new SnapshotMemory(said.sizes, this.#settings.board);
        return this.#owner.received({ kind: "ready", addresses: said.addresses, loop: this.#memory.loop });
      case "took":
        return this.queue.took(said.taken, said.open, said.pressure);
      case "snapshot":
        return this.#memory?.put(said.snapshot);
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
