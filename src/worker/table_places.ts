/**
 * The places of workers in the tables of addresses. A replacement gets another one than the worker it
 * replaces, so that what was counted for that one can be taken back.
 *
 * @module
 */
import { addressWorkersMax } from "../base/limits.ts";

/** The place of the server's own thread, which only asks for bans. */
export const ownPlace = 0;

/** Places of a server's tables. With more workers the last ones share one, whose counts are then kept. */
export const tablePlaces = addressWorkersMax;

export class TablePlaces {
  readonly #free: number[] = Array.from({ length: tablePlaces - 2 }, (_, index) => tablePlaces - 2 - index);
  readonly #taken = new Map<object, number>();

  /** A place for a worker. */
  take(worker: object): number {
    const place = this.#free.pop() ?? tablePlaces - 1;
    this.#taken.set(worker, place);
    return place;
  }

  /** The worker is gone. Its place, for its counts to be taken back; the own one where it had none. */
  give(worker: object): number {
    const place = this.#taken.get(worker);
    if (place === undefined || place === tablePlaces - 1) return ownPlace;
    this.#taken.delete(worker);
    this.#free.push(place);
    return place;
  }
}
