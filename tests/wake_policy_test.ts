/** When the loop polls, yields and sleeps. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { Company, turnsAlone } from "../src/loop/company.ts";
import {
  completionsPerYieldMax,
  pollsBeforeSleep,
  pollsPerYieldMax,
  restMicroseconds,
  restsMax,
  restWorth,
  shortIdleMilliseconds,
  shortSleepMilliseconds,
  sleepsBeforeTrialMax,
  spinPollsAfterRing,
  spinPollsAtFirst,
  spinPollsMax,
  spinPollsMin,
  WakePolicy,
} from "../src/loop/wake_policy.ts";
import { Random } from "./helpers/random.ts";

/** Polls with nothing until the policy sleeps, with the yields it asks for on the way. */
function spin(policy: WakePolicy): { polls: number; yields: number } {
  let polls = 0;
  let yields = 0;
  for (;;) {
    policy.polled(0);
    polls += 1;
    const verdict = policy.decide(0, false);
    if (verdict === "sleep") return { polls, yields };
    if (verdict === "yield") {
      yields += 1;
      policy.beginTurn();
    }
    if (polls > spinPollsMax * 2) throw new Error("it never sleeps");
  }
}

describe("the wake policy", () => {
  it("polls on while little has come, and yields after enough", () => {
    const policy = new WakePolicy();
    policy.polled(1);
    expect(policy.decide(0, false)).toBe("poll");
    policy.polled(completionsPerYieldMax - 1);
    expect(policy.decide(0, false)).toBe("yield");
    policy.beginTurn();
    for (let poll = 1; poll < pollsPerYieldMax; poll++) {
      policy.polled(1);
      expect(policy.decide(0, false)).toBe("poll");
    }
    policy.polled(1);
    expect(policy.decide(0, false)).toBe("yield");
  });

  it("yields at once while a handler waits for its promise", () => {
    const policy = new WakePolicy();
    policy.polled(1);
    expect(policy.decide(1, false)).toBe("yield");
  });

  it("sleeps after a spin with nothing, and yields during it", () => {
    const { polls, yields } = spin(new WakePolicy());
    expect(polls).toBe(spinPollsAtFirst);
    expect(yields).toBe(Math.floor((spinPollsAtFirst - 1) / pollsPerYieldMax));
  });

  it("sleeps although a handler waits, once nothing comes", () => {
    const policy = new WakePolicy();
    for (let poll = 1; poll < spinPollsAtFirst; poll++) {
      policy.polled(0);
      expect(policy.decide(1, false)).toBe("yield");
    }
    policy.polled(0);
    expect(policy.decide(1, false)).toBe("sleep");
  });

  it("does not sleep on work that needs no event", () => {
    const policy = new WakePolicy();
    for (let poll = 0; poll < spinPollsMax * 2; poll++) {
      policy.polled(0);
      expect(policy.decide(0, true)).not.toBe("sleep");
    }
  });

  it("spins anew after a completion", () => {
    const policy = new WakePolicy();
    for (let poll = 1; poll < spinPollsAtFirst; poll++) policy.polled(0);
    policy.polled(1);
    policy.beginTurn();
    expect(spin(policy).polls).toBe(spinPollsAtFirst);
  });

  it("spins longer after short sleeps, up to its most", () => {
    const policy = new WakePolicy();
    for (let sleep = 0; sleep < 10; sleep++) policy.rang(shortSleepMilliseconds / 2);
    expect(policy.spinPolls).toBe(spinPollsMax);
  });

  it("spins less after long sleeps, down to its least", () => {
    const policy = new WakePolicy();
    for (let sleep = 0; sleep < 10; sleep++) policy.rang(shortSleepMilliseconds * 2);
    expect(policy.spinPolls).toBe(spinPollsMin);
  });

  it("spins little where messages come at random and seldom", () => {
    const policy = new WakePolicy();
    const random = new Random(7);
    const pollMilliseconds = 0.0005;
    let spun = 0;
    let time = 0;
    for (let message = 0; message < 5000; message++) {
      // The gaps of one message a millisecond on average, as independent clients make them.
      const gap = -Math.log(random.between(1, 1_000_000) / 1_000_000);
      time += gap;
      const spin = policy.spinPolls * pollMilliseconds;
      spun += Math.min(gap, spin);
      if (gap > spin) policy.rang(gap - spin);
    }
    expect(spun / time).toBeLessThan(0.03);
  });

  it("hardly spins after a ring with nothing to do, and fully when something was submitted", () => {
    const policy = new WakePolicy();
    policy.rang(shortSleepMilliseconds * 2);
    policy.beginTurn();
    expect(spin(policy).polls).toBe(spinPollsAfterRing);
    policy.roused();
    policy.beginTurn();
    expect(spin(policy).polls).toBe(spinPollsAtFirst / 2);
  });
});

/** Microseconds, as they are about on a machine of today. */
const pollCost = 0.6;
const yieldCost = 1.2;
const messageCost = 6;
/** Until the host's loop has come round after a sleep. */
const ringCost = 30;

/** A loop as the engine runs it, on a clock of the test's: what it did with its time. */
class Machine {
  readonly policy: WakePolicy;
  /** Microseconds. */
  now = 0;
  /** Of those: spent by polling with nothing. */
  spun = 0;
  rests = 0;
  rings = 0;
  messages = 0;
  /** The longest time between two turns of the host. */
  stall = 0;
  /** Handlers that wait, in each poll. */
  promises = 0;
  restsWhilePromises = 0;
  restsBeforeHost = 0;
  readonly #arrivals: number[];
  #next = 0;
  #hostTurn = 0;
  #hostOwed = false;

  constructor(arrivals: number[], canRest = true) {
    this.#arrivals = arrivals;
    this.policy = new WakePolicy(canRest);
  }

  run(): this {
    this.#beginTurn();
    let rests = false;
    let flushes = false;
    while (this.#next < this.#arrivals.length) {
      const count = flushes ? this.#flush() : this.#poll(rests);
      this.policy.polled(count, rests);
      const verdict = this.policy.decide(this.promises, false);
      rests = verdict === "rest";
      flushes = verdict === "flush";
      if (verdict === "yield") rests = this.#yield();
      if (verdict === "sleep") this.#sleep();
    }
    return this;
  }

  #poll(rests: boolean): number {
    this.now += pollCost;
    if (rests) {
      this.rests += 1;
      if (this.promises > 0) this.restsWhilePromises += 1;
      if (this.#hostOwed) this.restsBeforeHost += 1;
      this.now = Math.max(this.now, Math.min(this.now + restMicroseconds, this.#arrivals[this.#next]));
    }
    let count = 0;
    while (this.#arrivals[this.#next] <= this.now) {
      this.#next += 1;
      count += 1;
    }
    if (count === 0 && !rests) this.spun += pollCost;
    this.messages += count;
    this.now += count * messageCost;
    if (count > 0) this.#hostOwed = true;
    return count;
  }

  #flush(): number {
    this.now += pollCost / 2;
    return 0;
  }

  #yield(): boolean {
    this.now += yieldCost;
    this.#beginTurn();
    return this.policy.restsFirst(this.promises, false);
  }

  #sleep(): void {
    const begin = this.now;
    this.now = Math.max(this.now, this.#arrivals[this.#next]) + ringCost;
    this.rings += 1;
    this.policy.rang((this.now - begin) / 1_000);
    this.#hostTurn = this.now;
    this.#beginTurn();
  }

  #beginTurn(): void {
    this.stall = Math.max(this.stall, this.now - this.#hostTurn);
    this.#hostTurn = this.now;
    this.#hostOwed = false;
    this.policy.beginTurn();
  }
}

/** Moments of messages so many microseconds apart. */
function every(microseconds: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (index + 1) * microseconds);
}

/** The same on average, as independent clients make them. */
function random(microseconds: number, count: number): number[] {
  const numbers = new Random(7);
  let now = 0;
  return Array.from(
    { length: count },
    () => now += -Math.log(numbers.between(1, 1_000_000) / 1_000_000) * microseconds,
  );
}

describe("the wake policy of a loop that can rest", () => {
  it("meets a message a millisecond, and faster ones, without a ring and without spinning", () => {
    for (const gap of [20, 50, 200, 1_000, 1_100, 1_900]) {
      const machine = new Machine(every(gap, 2_000)).run();
      expect(machine.messages, `${gap} us`).toBe(2_000);
      expect(machine.rings, `${gap} us`).toBeLessThanOrEqual(1);
      // A poll to send the answer, one after the host's turn: no more of them, however long the gap is.
      expect(machine.spun / machine.messages, `${gap} us`).toBeLessThan(3 * pollCost);
    }
  });

  it("sleeps where messages are rare, after a few rests in vain", () => {
    for (const gap of [5_000, 100_000, 1_000_000]) {
      const machine = new Machine(every(gap, 500)).run();
      expect(machine.messages, `${gap} us`).toBe(500);
      expect(machine.rings, `${gap} us`).toBeGreaterThanOrEqual(499);
      expect(machine.rests, `${gap} us`).toBeLessThanOrEqual(restWorth * restsMax);
    }
  });

  it("rests again as soon as messages come faster, and gives it up when they no longer do", () => {
    const rare = every(50_000, 50);
    const last = rare.at(-1)!;
    const fast = every(1_000, 200).map((moment) => last + moment);
    const rareAgain = every(50_000, 50).map((moment) => fast.at(-1)! + moment);
    const machine = new Machine([...rare, ...fast, ...rareAgain]).run();
    expect(machine.rings).toBeGreaterThan(95);
    expect(machine.rings).toBeLessThan(110);
  });

  it("rings seldom at a thousand random messages a second, and burns nothing at a hundred", () => {
    const fast = new Machine(random(1_000, 5_000)).run();
    expect(fast.rings / fast.messages).toBeLessThan(0.2);
    expect(fast.spun / fast.now).toBeLessThan(0.003);
    const slow = new Machine(random(10_000, 5_000)).run();
    expect(slow.spun / slow.now).toBeLessThan(0.0005);
  });

  it("never keeps the host from its turn for much longer than a rest", () => {
    for (const gap of [7, 30, 500, 999, 1_500]) {
      const machine = new Machine(random(gap, 5_000)).run();
      expect(machine.stall, `${gap} us`).toBeLessThan(restMicroseconds + 500);
    }
  });

  it("rests only when the host has had its turn since the last message", () => {
    for (const gap of [10, 100, 1_000]) {
      const machine = new Machine(random(gap, 5_000)).run();
      expect(machine.rests).toBeGreaterThan(0);
      expect(machine.restsBeforeHost).toBe(0);
    }
  });

  it("never rests while a handler waits for its promise, and sleeps after a few turns of the host", () => {
    const machine = new Machine(every(1_000, 500));
    machine.promises = 1;
    machine.run();
    expect([machine.messages, machine.restsWhilePromises]).toEqual([500, 0]);
    expect(machine.rings).toBeGreaterThanOrEqual(499);
    expect(machine.spun / machine.messages).toBeLessThanOrEqual((pollsBeforeSleep + 2) * pollCost);
  });

  it("does not rest on work that needs no event, nor while somebody waits for the next poll", () => {
    const policy = new WakePolicy(true);
    for (let poll = 0; poll < 100; poll++) {
      policy.polled(0);
      expect(["poll", "yield"]).toContain(policy.decide(0, true));
      expect(policy.restsFirst(0, true)).toBe(false);
    }
    const other = new WakePolicy(true);
    for (let poll = 1; poll < spinPollsMin; poll++) {
      other.polled(0);
      expect(["poll", "yield"]).toContain(other.decide(0, false, true));
    }
  });

  it("gives up resting where the events come from the host, which it keeps from causing them", () => {
    const policy = new WakePolicy(true);
    let rests = 0;
    for (let exchange = 0; exchange < 5_000; exchange++) {
      policy.beginTurn();
      policy.polled(1);
      policy.decide(0, false);
      // Each rest is in vain, and right behind the last the doorbell rings.
      for (let poll = 0; poll < 10; poll++) {
        policy.polled(0, false);
        if (policy.decide(0, false) === "sleep") break;
        policy.beginTurn();
        while (policy.restsFirst(0, false)) {
          rests += 1;
          policy.polled(0, true);
          policy.beginTurn();
        }
      }
      policy.rang(0.02);
    }
    expect(rests).toBeGreaterThan(restWorth);
    expect(rests).toBeLessThan((restWorth + Math.log2(sleepsBeforeTrialMax) + 5) * restsMax);
  });

  it("polls at once what was submitted while it slept, and rests for the answer", () => {
    const policy = new WakePolicy(true);
    policy.rang(shortIdleMilliseconds / 2);
    policy.beginTurn();
    policy.roused();
    expect(policy.restsFirst(0, false)).toBe(false);
    policy.polled(0);
    expect(policy.decide(0, false)).toBe("rest");
  });

  it("still spins where the system cannot wait as briefly", () => {
    const machine = new Machine(every(20, 2_000), false).run();
    expect([machine.messages, machine.rests]).toEqual([2_000, 0]);
    expect(machine.rings).toBeLessThanOrEqual(1);
    expect(machine.spun / machine.now).toBeGreaterThan(0.3);
  });
});

describe("the loops of one thread", () => {
  it("leave the rests to one that has the thread to itself", () => {
    const company = new Company();
    const [first, second] = [{}, {}];
    expect(company.isAlone(first)).toBe(false);
    company.active(first);
    expect([company.isAlone(first), company.isAlone(second)]).toEqual([true, false]);
    for (let turn = 0; turn < 2 * turnsAlone; turn++) {
      company.active(turn % 2 === 0 ? second : first);
      expect([company.isAlone(first), company.isAlone(second)]).toEqual([false, false]);
    }
    for (let turn = 0; turn < turnsAlone; turn++) company.active(first);
    expect(company.isAlone(first)).toBe(true);
    company.active(second);
    company.left(second);
    company.active(first);
    expect(company.isAlone(first)).toBe(true);
  });
});
