/**
 * The processes of a server whose workers are processes: where they report, and that none is left behind.
 *
 * @module
 */
import type { EventLoop } from "../connection/event_loop.ts";
import type { ResolvedServerOptions } from "../server/options.ts";
import { ChannelListener } from "./channel_listener.ts";
import { ProcessLink } from "./process_link.ts";
import type { WorkerHandle } from "./worker_handle.ts";

/** Milliseconds a process that has said its last word may take to be gone. */
const exitMilliseconds = 3_000;

export class WorkerProcesses {
  readonly #application: string;
  readonly #options: ResolvedServerOptions;
  readonly #listener: ChannelListener;
  /** Those that are not gone. */
  readonly #links = new Set<ProcessLink>();

  constructor(loop: EventLoop, application: string, options: ResolvedServerOptions) {
    this.#application = application;
    this.#options = options;
    this.#listener = new ChannelListener(loop);
  }

  /** Starts one. */
  makeLink(handle: WorkerHandle): ProcessLink {
    const { library, listeners } = this.#options;
    const modules = [this.#application, ...listeners.map(({ application }) => application)];
    const link = new ProcessLink({
      listener: this.#listener,
      board: handle.board,
      application: this.#application,
      paths: [...modules, library].filter((path) => path !== undefined),
      library,
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
    this.#listener.close();
  }
}
