/**
 * The processes of a server whose workers are processes: where they report, and that none is left behind.
 *
 * @module
 */
import { RingportError } from "../../base/errors.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import { host } from "../../host/mod.ts";
import { loopOptionsOf } from "../../server/options/loop_options.ts";
import type { ResolvedServerOptions } from "../../server/options/mod.ts";
import { listenForChannels } from "./channel_listener.ts";
import type { ChannelListener } from "./channel_listener.ts";
import { ProcessPort, type ProcessSettings } from "./process_port.ts";
import { channelVariable } from "./messages.ts";
import type { SharedParts } from "./shared_parts.ts";
import type { WorkerHandle } from "../supervision/worker_handle.ts";

/** Milliseconds a process that has said its last word may take to be gone. */
const exitMilliseconds = 3_000;

export class WorkerProcesses {
  readonly #application: string;
  readonly #options: ResolvedServerOptions;
  readonly #listener: ChannelListener;
  readonly #tables: SharedParts;
  readonly #lost: ProcessSettings["lost"];
  /** Those that are not gone. */
  readonly #links = new Set<ProcessPort>();

  /**
   * @param tables the memory of the tables of addresses.
   * @param lost told of sockets that did not arrive at their worker.
   */
  constructor(
    loop: EventLoop,
    application: string,
    options: ResolvedServerOptions,
    tables: SharedParts,
    lost: ProcessSettings["lost"],
  ) {
    this.#tables = tables;
    this.#lost = lost;
    // A program that was compiled starts itself in place of the module it names, again and again.
    if (host.variable(channelVariable) !== undefined) throw notAWorker();
    this.#application = application;
    this.#options = options;
    this.#listener = listenForChannels(loop, options.library);
  }

  /** Starts one, which has a place in the tables and asks for each listener the one of a number. */
  makeLink(handle: WorkerHandle, place: number, ofListener: readonly number[]): ProcessPort {
    const { library, listeners } = this.#options;
    const modules = [this.#application, ...listeners.map(({ application }) => application)];
    const link = new ProcessPort({
      listener: this.#listener,
      loop: loopOptionsOf(this.#options),
      application: this.#application,
      paths: [...modules, library].filter((path) => path !== undefined),
      library,
      tables: this.#tables,
      ofListener,
      place,
      lost: this.#lost,
    }, handle);
    this.#links.add(link);
    void link.gone.then(() => this.#links.delete(link));
    return link;
  }

  /** Resolves when all processes are gone; those that do not go are killed. */
  async close(): Promise<void> {
    const late = setTimeout(() => this.#links.forEach((link) => link.kill()), exitMilliseconds);
    await Promise.all([...this.#links].map(({ gone }) => gone));
    clearTimeout(late);
    await this.#listener.close();
  }
}

function notAWorker(): RingportError {
  const message = "server: this process was started as a worker and runs the program itself: a compiled " +
    'program cannot have workers in processes (option "isolation")';
  return new RingportError(message, { code: "ERR_NOT_SUPPORTED", operation: "start", origin: "application" });
}
