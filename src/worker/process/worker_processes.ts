/**
 * The worker processes of a server: where they report, and that none is left behind.
 *
 * @module
 */
import { RingportError } from "../../base/errors.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import { withTimeout } from "../../base/with_timeout.ts";
import { host } from "../../host/mod.ts";
import { loopOptionsOf } from "../../server/options/loop_options.ts";
import type { ResolvedServerOptions } from "../../server/options/mod.ts";
import { listenForChannels } from "./channel_listener.ts";
import type { ChannelListener } from "./channel_listener.ts";
import { ProcessPort, type ProcessSettings } from "./process_port.ts";
import { channelVariable } from "./messages.ts";
import type { SharedParts } from "./shared_parts.ts";
import type { PortEvent } from "../worker_port.ts";

/** Milliseconds a process that has said its last word may take to be gone. */
const exitMilliseconds = 3_000;

export class WorkerProcesses {
  readonly #application: string;
  readonly #options: ResolvedServerOptions;
  readonly #listener: ChannelListener;
  readonly #tables: SharedParts;
  readonly #lost: ProcessSettings["lost"];
  /** Those that are not gone. */
  readonly #ports = new Set<ProcessPort>();

  /**
   * @param tables the memory of the tables of addresses.
   * @param lost called for sockets that did not arrive at their worker.
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

  /** Starts one, which has a number in the tables and asks for each listener the table of a number. */
  start(
    tableIndex: number,
    ofListener: readonly number[],
    emit: (event: PortEvent) => void,
  ): ProcessPort {
    const { library, listeners } = this.#options;
    const modules = [this.#application, ...listeners.map(({ application }) => application)];
    const port = new ProcessPort({
      listener: this.#listener,
      loop: loopOptionsOf(this.#options),
      application: this.#application,
      paths: [...modules, library].filter((path) => path !== undefined),
      library,
      tables: this.#tables,
      ofListener,
      tableIndex,
      lost: this.#lost,
    }, emit);
    this.#ports.add(port);
    void port.gone.then(() => this.#ports.delete(port));
    return port;
  }

  /** Resolves when all processes are gone; those that do not go are killed. */
  async close(): Promise<void> {
    const gone = Promise.all([...this.#ports].map(({ gone }) => gone));
    if (!(await withTimeout(gone, exitMilliseconds))) {
      for (const port of this.#ports) port.kill();
      await gone;
    }
    await this.#listener.close();
  }
}

function notAWorker(): RingportError {
  const message = "server: this process was started as a worker and runs the program itself: a compiled " +
    'program cannot have workers in processes (option "isolation")';
  return new RingportError(message, { code: "ERR_NOT_SUPPORTED", operation: "start", origin: "application" });
}
