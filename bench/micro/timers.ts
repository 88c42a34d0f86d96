/**
 * The timer wheel through the rings, with 100,000 timers armed all the time.
 *
 * @module
 */
import { Operation } from "../../ffi/layout.gen.ts";
import { openNative } from "../../ffi/mod.ts";
import type { NativeLoop } from "../../ffi/port.ts";
import type { Micro } from "./bench.ts";

const ARMED = 100_000;
const TOY_ARMED = 1000;
/** Timers touched by one sample. */
const BATCH = 1000;
/** Milliseconds: what idle timeouts of a server look like. */
const DELAY_MIN = 60_000;
const DELAY_SPREAD = 60_000;
/** A step that is prime to the number of timers visits them all in an order that looks random. */
const STEP = 7919;

class Wheel {
  readonly #loop: NativeLoop;
  readonly #count: number;
  #next = 0;

  constructor(loop: NativeLoop, count: number) {
    this.#loop = loop;
    this.#count = count;
  }

  pick(): number {
    this.#next = (this.#next + STEP) % this.#count;
    return this.#next;
  }

  arm(index: number, delay: number): void {
    this.#loop.submissions.push(Operation.timer, index, 0, 0, 0, 0, delay, 0);
  }

  armLong(index: number): void {
    this.arm(index, DELAY_MIN + (index * STEP) % DELAY_SPREAD);
  }

  cancel(index: number): void {
    this.#loop.submissions.push(Operation.timerCancel, index, 0, 0, 0, 0, 0, 0);
  }

  /** Arms all of them. */
  fill(): void {
    for (let index = 0; index < this.#count; index++) {
      if (this.#loop.submissions.space === 0) this.#loop.poll(0);
      this.armLong(index);
    }
    this.#loop.poll(0);
  }

  /** Reads what fired and returns how many that were. */
  drain(): number {
    let fired = 0;
    while (this.#loop.completions.next()) fired += 1;
    return fired;
  }
}

function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

async function fire(micro: Micro, loop: NativeLoop, wheel: Wheel, extra: number): Promise<void> {
  const prepare = () => {
    for (let index = 0; index < BATCH; index++) wheel.arm(extra + index, 1);
    loop.poll(0);
    spin(3);
  };
  await micro.addPrepared("timers", "fire, a timer", BATCH, prepare, () => {
    let fired = wheel.drain();
    for (let attempt = 0; fired < BATCH && attempt < BATCH; attempt++) {
      loop.poll(0);
      fired += wheel.drain();
    }
    if (fired < BATCH) throw new Error(`only ${fired} of ${BATCH} timers fired`);
  });
}

/** Arm, cancel and fire. */
export async function timers(micro: Micro): Promise<void> {
  const count = micro.toy ? TOY_ARMED : ARMED;
  const loop = openNative().openLoop({ timers: count + BATCH });
  const wheel = new Wheel(loop, count);
  wheel.fill();
  await micro.add("timers", `arm again, a timer, ${count} armed`, BATCH, () => {
    for (let index = 0; index < BATCH; index++) wheel.armLong(wheel.pick());
    loop.poll(0);
  });
  await micro.add("timers", "cancel and arm, a timer", BATCH, () => {
    for (let index = 0; index < BATCH; index++) {
      const timer = wheel.pick();
      wheel.cancel(timer);
      wheel.armLong(timer);
    }
    loop.poll(0);
  });
  await fire(micro, loop, wheel, count);
  await loop.close();
}
