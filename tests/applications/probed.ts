/** The application of `commands.ts`, which tells of each connection's end. */
import type { WorkerContext } from "../../src/mod.ts";
import Commands from "./commands.ts";

export default class Probed extends Commands {
  #context: WorkerContext | undefined;

  override start(worker: WorkerContext): void {
    super.start(worker);
    this.#context = worker;
  }

  close(): void {
    this.#context!.log("closed");
  }
}
