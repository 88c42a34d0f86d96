/** Timers by number: used again with another tag, so that a late completion reaches nobody. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { TimerTable } from "../src/loop/timers.ts";

function table(capacity: number) {
  const submitted: [index: number, delay: number, tag: number][] = [];
  const canceled: number[] = [];
  const timers = new TimerTable({
    submitTimer: (index, delay, tag) => void submitted.push([index, delay, tag]),
    submitTimerCancel: (index) => void canceled.push(index),
  }, capacity);
  const due: number[] = [];
  const target = { timerDue: (timer: number) => void due.push(timer) };
  return { timers, submitted, canceled, due, target };
}

describe("the timers of a loop", () => {
  it("tell their target once", () => {
    const { timers, submitted, due, target } = table(4);
    const timer = timers.arm(50, target);
    expect(submitted).toEqual([[timer, 50, 0]]);
    timers.fired(timer, 0);
    timers.fired(timer, 0);
    expect(due).toEqual([timer]);
    expect(timers.armed).toBe(0);
  });

  it("use a number again with another tag", () => {
    const { timers, submitted, canceled, due, target } = table(4);
    const first = timers.arm(1, target);
    timers.cancel(first);
    const second = timers.arm(2, target);
    expect(second).toBe(first);
    expect(canceled).toEqual([first]);
    timers.fired(first, submitted[0][2]);
    expect(due).toEqual([]);
    timers.fired(second, submitted[1][2]);
    expect(due).toEqual([second]);
  });

  it("say when there is none left, and have one again after", () => {
    const { timers, target } = table(2);
    const timer = timers.arm(1, target);
    timers.arm(1, target);
    expect(timers.arm(1, target)).toBe(-1);
    timers.cancel(timer);
    expect(timers.arm(1, target)).toBe(timer);
  });

  it("may be armed anew by the one who is told", () => {
    const { timers, submitted } = table(1);
    let told = 0;
    const target = {
      timerDue: () => {
        told += 1;
        if (told === 1) timers.arm(9, target);
      },
    };
    timers.arm(1, target);
    timers.fired(0, submitted[0][2]);
    timers.fired(0, submitted[1][2]);
    expect(told).toBe(2);
  });
});
