/**
 * Which workers take turns with accepting from the server's listening socket: see `server/accept_turn.ts`.
 *
 * @module
 */
import { type AcceptTurnMemory, acceptTurnWords, countOn } from "../../server/accept_turn.ts";
import type { WorkerHandle } from "../supervision/worker_handle.ts";

/** A worker and its replacement are there at the same time. */
const placesOfIndex = 2;

export class AcceptTurns {
  readonly #words: SharedArrayBuffer;
  readonly #places: number;

  constructor(workers: number) {
    this.#places = workers * placesOfIndex;
    this.#words = acceptTurnWords(this.#places);
  }

  /** The place of a worker. */
  of({ index, generation }: Pick<WorkerHandle, "index" | "generation">): AcceptTurnMemory {
    return { words: this.#words, place: index * placesOfIndex + generation % placesOfIndex };
  }

  /** These workers serve now or in a moment, and nobody rests for another one. */
  serve(workers: readonly WorkerHandle[]): void {
    const loops = new Map(workers.map((worker) => [this.of(worker).place, worker.loop?.handle]));
    for (let place = 0; place < this.#places; place++) countOn(this.#words, place, loops.get(place));
    for (const worker of workers) worker.wake();
  }
}
