/**
 * The loops of one thread. A resting loop keeps the others from their events, so none rests while another one
 * has recently had some.
 *
 * @module
 */

/** Polls with completions a loop must have had to itself before it is alone again. */
export const turnsAlone = 64;

/** Knows which loop of the thread had completions last, and for how long. */
export class Company {
  #last: object | undefined = undefined;
  #turnsLeft = 0;

  /** A poll of this loop has brought completions. */
  active(loop: object): void {
    if (loop === this.#last) {
      if (this.#turnsLeft > 0) this.#turnsLeft -= 1;
      return;
    }
    // The first loop of a thread has no other beside it.
    this.#turnsLeft = this.#last === undefined ? 0 : turnsAlone;
    this.#last = loop;
  }

  /** Whether no other loop of the thread is likely to have events. */
  isAlone(loop: object): boolean {
    return this.#turnsLeft === 0 && loop === this.#last;
  }

  /** The loop is gone. */
  left(loop: object): void {
    if (loop === this.#last) this.#last = undefined;
  }
}

/** That of this thread: each thread has modules of its own. */
export const company: Company = new Company();
