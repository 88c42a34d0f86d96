/**
 * What one crossing costs, and a turn by the number of records it carries.
 *
 * @module
 */
import { Operation } from "../../ffi/layout.gen.ts";
import { openNative } from "../../ffi/mod.ts";
import type { Micro } from "./bench.ts";

const BATCHES = [1, 4, 16, 64, 256];
/** An id no connection has: the record goes all the way, is looked up, and is answered. */
const NOBODY = 0x0000_ffff;

/** A poll that finds nothing: the call, the look at the kernel's queue and the way back. */
export async function crossing(micro: Micro): Promise<void> {
  const native = openNative();
  const loop = native.openLoop();
  await micro.add("crossing", "poll, nothing there (one system call)", 1, () => loop.poll(0));
  await micro.add("crossing", "empty call (wake of no loop)", 1, () => native.wakeLoop(0));
  await loop.close();
}

/** Records submitted, taken, answered and read, without any socket behind them. */
export async function turns(micro: Micro): Promise<void> {
  const loop = openNative().openLoop();
  const { submissions, completions } = loop;
  let read = 0;
  const turn = (batch: number) => {
    for (let index = 0; index < batch; index++) {
      submissions.push(Operation.pause, NOBODY, 0, 0, 0, index, 0, 0);
    }
    loop.poll(0);
    while (completions.next()) read += completions.tag;
  };
  for (const batch of BATCHES) {
    await micro.add("turn", `${batch} records out and back, a turn`, 1, () => turn(batch));
  }
  await micro.add("turn", "256 records out and back, a record", 256, () => turn(256));
  if (read === 0) throw new Error("no record came back");
  await loop.close();
}
