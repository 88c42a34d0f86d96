/**
 * The application of `commands.ts` in a bad mood: its argument is a list of what it does at a moment of its
 * life, `"draining hang, stop throw"`. Moments are `start`, `stop` and the phases; it may hang, throw, shut
 * the server down, or take some milliseconds.
 */
import type { Connection, WorkerContext } from "../../src/mod.ts";
import Commands, { type State } from "./commands.ts";

export default class Moody extends Commands {
  #worker: WorkerContext | undefined;

  override async start(worker: WorkerContext): Promise<void> {
    this.#worker = worker;
    super.start(worker);
    await this.#act("start");
  }

  override async stopping(phase: string): Promise<void> {
    super.stopping(phase);
    await this.#act(phase);
  }

  override async stop(): Promise<void> {
    super.stop();
    await this.#act("stop");
  }

  /** A peer that has said all gets its stream to the end. */
  async end(connection: Connection<State>): Promise<void> {
    while (connection.data.streaming) await new Promise((resolve) => setTimeout(resolve, 5));
    connection.end();
  }

  async #act(moment: string): Promise<void> {
    for (const wish of this.#worker!.argument?.split(",") ?? []) {
      const [when, what, milliseconds] = wish.trim().split(" ");
      if (when === moment) await act(this.#worker!, what, Number(milliseconds));
    }
  }
}

function act(worker: WorkerContext, what: string, milliseconds: number): Promise<void> {
  switch (what) {
    case "hang":
      return new Promise(() => {});
    case "throw":
      throw new Error("in a bad mood");
    case "later":
      return new Promise((resolve) => setTimeout(resolve, milliseconds));
    case "later-replaced":
      // The first worker of a place starts at once.
      if (worker.generation === 0) return Promise.resolve();
      return new Promise((resolve) => setTimeout(resolve, milliseconds));
    case "hang-replaced":
      return worker.generation === 0 ? Promise.resolve() : new Promise(() => {});
    case "fail-first-replaced":
      if (worker.generation === 1) throw new Error("the first replacement does not start");
      return Promise.resolve();
    case "shutdown":
      worker.shutdown();
      return Promise.resolve();
    default:
      throw new Error(`nobody knows how to ${what}`);
  }
}
