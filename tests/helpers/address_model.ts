/**
 * What the table of addresses should do, in plain words: for one thread, with whole numbers and maps.
 *
 * @module
 */

interface State {
  connections: number[];
  tokens: number;
  grownAt: number;
  offences: number;
  firstOffence: number;
  bannedUntil: number;
}

interface ModelLimits {
  connections: number;
  rate: number;
  burst: number;
  banAfter: number;
  banWindow: number;
  banTime: number;
}

/** The steps in which the table keeps the time of a first offence. */
const offenceStep = 256;

export class AddressModel {
  readonly #limits: ModelLimits;
  readonly #states = new Map<string, State>();

  constructor(limits: ModelLimits) {
    this.#limits = limits;
  }

  admit(name: string, now: number, worker: number): string {
    const state = this.#state(name);
    if (state.bannedUntil > now) return "banned";
    const { rate, burst, connections } = this.#limits;
    state.tokens = Math.min(burst, state.tokens + (now - state.grownAt) * rate / 1000);
    state.grownAt = now;
    if (state.tokens < 1 - 1e-6) return "rate";
    state.tokens -= 1;
    if (connections > 0 && this.connections(name) >= connections) return "connections";
    state.connections[worker] = (state.connections[worker] ?? 0) + 1;
    return "ok";
  }

  leave(name: string, worker: number): void {
    this.#state(name).connections[worker] -= 1;
  }

  offend(name: string, now: number): boolean {
    const state = this.#state(name);
    const { banAfter, banWindow, banTime } = this.#limits;
    if (state.offences === 0 || now - state.firstOffence >= banWindow) {
      state.offences = 0;
      state.firstOffence = Math.floor(now / offenceStep) * offenceStep;
    }
    state.offences += 1;
    if (state.offences < banAfter) return false;
    state.offences = 0;
    state.bannedUntil = now + banTime;
    return true;
  }

  reclaim(worker: number): number {
    let count = 0;
    for (const state of this.#states.values()) {
      count += state.connections[worker] ?? 0;
      state.connections[worker] = 0;
    }
    return count;
  }

  connections(name: string): number {
    return this.#state(name).connections.reduce((sum, count) => sum + (count ?? 0), 0);
  }

  banned(name: string, now: number): boolean {
    return this.#state(name).bannedUntil > now;
  }

  #state(name: string): State {
    let state = this.#states.get(name);
    if (state === undefined) {
      const { burst } = this.#limits;
      state = { connections: [], tokens: burst, grownAt: 0, offences: 0, firstOffence: 0, bannedUntil: 0 };
      this.#states.set(name, state);
    }
    return state;
  }
}
