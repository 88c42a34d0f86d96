/** When the loop polls, yields and sleeps. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  completionsPerYieldMax,
  pollsPerYieldMax,
  shortSleepMilliseconds,
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
