/**
 * Taking segments out of the ring, holding them and giving them back.
 *
 * @module
 */
import { openNative } from "../../ffi/mod.ts";
import { Segments } from "../../src/memory/segments.ts";
import type { Micro } from "./bench.ts";

const MESSAGE_BYTES = 64;

/** The ring's operations on the TypeScript side. */
export async function segments(micro: Micro): Promise<void> {
  const loop = openNative().openLoop();
  const ring = new Segments({
    bytes: loop.bytes as Uint8Array<ArrayBuffer>,
    holds: loop.segmentHolds,
    header: loop.header,
    segmentSize: loop.sizes.segmentSize,
    segmentCount: loop.sizes.segmentCount,
  }, false);
  const { size } = ring;
  await micro.add("segments", "take and release one", 1, () => ring.release(ring.takeRun(1), 0, size));
  await micro.add("segments", "take and release a run of sixteen", 1, () => {
    ring.release(ring.takeRun(16), 0, 16 * size);
  });
  const fixed = ring.takeRun(1);
  await micro.add("segments", "take and release one, ring goes round", 1, () => {
    ring.release(ring.takeRun(1), 0, size);
  });
  await micro.add("segments", "hold and release once more", 1, () => {
    ring.hold(fixed, 0, MESSAGE_BYTES);
    ring.release(fixed, 0, MESSAGE_BYTES);
  });
  await micro.add("segments", "borrow a window, look at it, end it", 1, () => {
    ring.hold(fixed, 0, MESSAGE_BYTES);
    const window = ring.borrow(fixed, 0, MESSAGE_BYTES);
    const first = window.at(0);
    window.endBorrow();
    return first;
  });
  ring.release(fixed, 0, size);
  await loop.close();
}
