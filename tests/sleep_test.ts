/** A loop that falls asleep and whose doorbell, or whose kernel's queue, fails it. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { NO_TIMER } from "../ffi/layout.gen.ts";
import type { Doorbell } from "../ffi/port.ts";
import { Sleep } from "../src/loop/sleep.ts";
import { runScript } from "./helpers/process.ts";
import { runtime, system } from "./helpers/runtime.ts";
import { delay, until } from "./helpers/wait.ts";

/** A doorbell that cannot be armed as long as the test says so. */
class BrokenDoorbell implements Doorbell {
  broken = false;
  armed = false;
  attempts = 0;
  ring: (() => void) | undefined = undefined;

  arm(ring: () => void): void {
    this.attempts += 1;
    if (this.broken) throw new Error("no doorbell");
    this.armed = true;
    this.ring = ring;
  }

  ref(): void {}
  unref(): void {}
}

describe("a sleep", () => {
  for (const [name, next] of [["no timer", NO_TIMER], ["a timer", 5]] as const) {
    it(`ends by the host's clock while the doorbell cannot be armed (${name})`, async () => {
      const doorbell = new BrokenDoorbell();
      const failures: unknown[] = [];
      let rings = 0;
      const sleep: Sleep = new Sleep(doorbell, {
        ring() {
          rings += 1;
          sleep.begin(next);
        },
        wake() {},
        failed: (thrown) => void failures.push(thrown),
      });
      doorbell.armed = false;
      doorbell.broken = true;
      sleep.begin(next);
      await until(() => rings >= 3, "the loop looked for itself");
      expect(failures.length).toBeGreaterThanOrEqual(3);
      expect(String(failures[0])).toContain("no doorbell");
      // As soon as it can be armed again it is, and the clock is no longer asked.
      doorbell.broken = false;
      await until(() => doorbell.armed, "the doorbell is armed again");
      const before = rings;
      await delay(50);
      expect(rings).toBe(before);
      doorbell.armed = false;
      doorbell.ring!();
      expect(rings).toBe(before + 1);
      sleep.end();
    });
  }
});

describe("a loop whose queue in the kernel is gone", () => {
  // Deno closes no descriptor that it has not opened itself.
  it.skipIf(runtime !== "bun" || system !== "linux")("ends loudly (needs Bun on Linux)", async () => {
    await using child = runScript("./children/lost_queue.ts", import.meta.url, {});
    const { code, output } = await child.end();
    expect(output).toContain("queues 1");
    expect(output).toContain("closed error ERR_LOOP_BROKEN 1");
    expect(output).toContain("the listener is gone");
    expect(output).toContain("the loop is gone");
    expect(code).toBe(0);
  });
});
