/**
 * A worker process, from inside: follows its supervisor's messages, publishes its numbers in memory that the
 * supervisor maps, and ends by itself when the supervisor is gone.
 *
 * @module
 */
import { createEventLoop, type EventLoop } from "../../loop/event_loop.ts";
import { host } from "../../host/mod.ts";
import { takeDescriptor, wakeLoop } from "../../loop/native.ts";
import { plainFields } from "../../server/log/values.ts";
import type { Phase } from "../../server/phases.ts";
import type { ChannelHandlers, ProcessChannel } from "./channel.ts";
import { reportToServer } from "./channel_listener.ts";
import { withTimeout } from "../../base/with_timeout.ts";
import type { FromWorker, ToWorker } from "../worker_port.ts";
import { ProcessInbox } from "./inbox.ts";
import type { FromProcess, ProcessMemory, ProcessStart, ToProcess } from "./messages.ts";
import { WorkerMain, type WorkerMeans } from "../worker_main.ts";
import { SharedParts } from "./shared_parts.ts";

/** Sizes of the channel's loop: one connection, a handful of records. */
const loopSizes = { segmentCount: 64, connectionSlots: 16, timers: 64, sendEntries: 256 };
/** Milliseconds for each phase of an end that nobody leads, and for the last bytes on the channel. */
const orphanPhases: readonly [Phase, number][] = [["draining", 1_000], ["closing", 1_000], ["aborting", 250]];
const lastWordsMilliseconds = 1_000;

export class ProcessMain implements ChannelHandlers {
  readonly #start: ProcessStart;
  readonly #loop: EventLoop;
  readonly #inbox: ProcessInbox;
  readonly #main: WorkerMain;
  #channel: ProcessChannel | undefined = undefined;
  /** The handle of the worker's loop. */
  #native: number | undefined = undefined;
  #emptied: (() => void) | undefined = undefined;
  #ending = false;

  constructor(start: ProcessStart) {
    const { library } = start;
    this.#start = start;
    this.#loop = createEventLoop({ ...loopSizes, library });
    this.#inbox = new ProcessInbox({
      take: (ticket) => takeDescriptor(ticket, this.#channel!.lane!),
      tell: (taken) => this.#post({ kind: "took", ...taken }),
      polls: () => this.#loop.engine.turn,
      wake: () => this.#wake(),
    });
    this.#main = new WorkerMain((message) => this.#said(message), () => void this.#end());
  }

  /** Reports to the supervisor. Rejects where there is none. */
  async report(): Promise<void> {
    this.#channel = await reportToServer(this.#loop, this.#start, this);
    this.#post({ kind: "loaded", pid: host.pid });
  }

  /** Something nobody caught. */
  crashed(error: unknown): void {
    this.#main.crashed(error);
  }

  received(message: unknown): void {
    const said = message as ToProcess;
    switch (said.kind) {
      case "handOver": {
        const { kind: _, ticket, ...where } = said;
        return this.#inbox.arrived(ticket, where);
      }
      case "start": {
        const { shared, ...message } = said;
        return this.#begin(message, shared);
      }
      case "message":
        return this.#main.received({ ...said, body: Uint8Array.fromBase64(said.body) }, undefined);
      case "wake":
        return this.#wake();
      case "enter":
      case "stop":
        return void this.#obeyAfterTaking(said);
      default:
        return this.#main.received(said, undefined);
    }
  }

  /** What was taken is served, or at least counted, although the server accepts no more. */
  async #obeyAfterTaking(said: ToProcess & { kind: "enter" | "stop" }): Promise<void> {
    if (said.kind === "stop") this.#inbox.close();
    await this.#inbox.settled();
    this.#main.received(said, undefined);
  }

  /** The supervisor is gone. */
  closed(): void {
    if (!this.#ending) void this.#endAlone();
  }

  #begin(message: ToWorker & { kind: "start" }, shared: ProcessMemory): void {
    let means: WorkerMeans;
    try {
      means = this.#means(shared);
    } catch (error) {
      return this.#main.crashed(error);
    }
    this.#main.received(message, means);
  }

  /** Addresses are judged by the tables of all workers. What is taken here the process's end gives back. */
  #means({ metrics, tables, ofListener, tableIndex }: ProcessMemory): WorkerMeans {
    const taken = [metrics, tables].map((given) =>
      SharedParts.take(given, this.#channel!.lane!, this.#start.library)
    );
    const [[loop, gauges], shared] = taken.map(({ buffers }) => buffers);
    const addressLimits = { tables: [...shared], ofListener: [...ofListener] };
    return { memory: { loop, gauges, addressLimits, tableIndex }, handOver: this.#inbox };
  }

  #post(message: FromProcess): void {
    this.#channel?.post(message);
  }

  #said(message: FromWorker): void {
    switch (message.kind) {
      case "ready":
        this.#native = message.loop.handle;
        return this.#post({ kind: "ready", addresses: message.addresses });
      case "loaded":
        return;
      case "message":
        return this.#post({ ...message, body: message.body.toBase64() });
      case "failed":
        return this.#post({ ...message, ...plainFields({ message: message.message, stack: message.stack }) });
      case "emptied":
        this.#emptied?.();
        break;
    }
    this.#post(message);
  }

  #wake(): void {
    if (this.#native !== undefined) wakeLoop(this.#native, this.#start.library);
  }

  /** Nobody leads any more: what is in flight gets a moment, then all ends. */
  async #endAlone(): Promise<void> {
    for (const [phase, milliseconds] of orphanPhases) {
      if (this.#native === undefined) break;
      const emptied = new Promise<void>((resolve) => this.#emptied = resolve);
      this.#main.received({ kind: "enter", phase }, undefined);
      if (await withTimeout(emptied, milliseconds)) break;
    }
    setTimeout(() => host.exit(1), lastWordsMilliseconds);
    if (this.#native === undefined) host.exit(1);
    this.#main.received({ kind: "stop" }, undefined);
  }

  /** All that was said goes out, then the process is over. */
  async #end(): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    this.#inbox.close();
    if (this.#channel !== undefined) {
      this.#channel.end();
      await withTimeout(this.#channel.closed, lastWordsMilliseconds);
    }
    await withTimeout(Promise.all([host.flush("stdout"), host.flush("stderr")]), lastWordsMilliseconds);
    host.exit(0);
  }
}
