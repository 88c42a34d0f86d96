/** A process that only waits for its doorbell: does it stay, does it end, what does it cost? */
// deno-lint-ignore-file no-console
import { openNative } from "../../ffi/mod.ts";
import { scriptArguments } from "../helpers/runtime.ts";

/** Processor time of this process, in milliseconds. */
function processorMilliseconds(): number {
  const { process } = globalThis as unknown as { process: { cpuUsage(): { user: number; system: number } } };
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const mode = scriptArguments()[0];
const loop = openNative().openLoop({ segmentCount: 64, slots: 64, timers: 64, sendEntries: 64 });
if (mode === "unref") loop.doorbell.unref();
let started = 0;

function rang(): void {
  if (mode === "idle") console.log(`spent ${Math.round(processorMilliseconds() - started)}`);
  console.log("rung");
  loop.close().then(() => console.log("ended"));
}

if (mode === "idle") {
  // What starting costs is over by then.
  setTimeout(() => {
    started = processorMilliseconds();
    loop.doorbell.arm(rang, 2000);
  }, 500);
} else {
  loop.doorbell.arm(rang, 1500);
}
console.log("armed");
