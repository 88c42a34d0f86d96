/**
 * Decides the number of workers from measurements, with a dead zone and a hold time, so that a load near a
 * limit does not add and retire workers in turn.
 *
 * @module
 */

/** The limits; see the options of the server. */
interface ScalingLimits {
  minWorkers: number;
  maxWorkers: number;
  /** Mean utilisation, 0 to 1, above which a worker is added. */
  high: number;
  /** Mean utilisation under which one is retired. */
  low: number;
  /** Readings in a row above or below before anything is done. */
  holdUp: number;
  holdDown: number;
}

/** One reading. */
interface Load {
  /** Workers that serve now. */
  workers: number;
  /** Mean utilisation of their loops. */
  utilisation: number;
  /** Connections in the kernel's queues that nobody has accepted yet. */
  backlog: number;
}

/** Connections waiting for each worker above which a server counts as busy whatever its loops say. */
const backlogPerWorkerMax = 16;

/** What one server does about its load. */
export class Scaling {
  readonly #limits: ScalingLimits;
  #above = 0;
  #below = 0;

  constructor(limits: ScalingLimits) {
    this.#limits = limits;
  }

  /** 1: add a worker. -1: retire one. 0: leave it. */
  decide({ workers, utilisation, backlog }: Load): -1 | 0 | 1 {
    const { minWorkers, maxWorkers, high, low, holdUp, holdDown } = this.#limits;
    const busy = utilisation >= high || backlog > backlogPerWorkerMax * workers;
    // The remaining workers must not be busy with the work of the retired one.
    const spare = workers > 1 && !busy && utilisation <= low && utilisation * workers / (workers - 1) < high;
    this.#above = busy ? this.#above + 1 : 0;
    this.#below = spare ? this.#below + 1 : 0;
    if (workers < minWorkers || (this.#above >= holdUp && workers < maxWorkers)) return this.#decided(1);
    if (workers > maxWorkers || (this.#below >= holdDown && workers > minWorkers)) return this.#decided(-1);
    return 0;
  }

  #decided(change: -1 | 1): -1 | 1 {
    this.#above = 0;
    this.#below = 0;
    return change;
  }
}
