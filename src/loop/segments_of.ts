/**
 * The segments of an opened loop.
 *
 * @module
 */
import type { NativeLoop } from "../../ffi/port.ts";
import { Segments } from "../memory/segments.ts";

/** Makes the view on them. */
export function segmentsOf(native: NativeLoop, development: boolean): Segments {
  const { segmentSize, segmentCount } = native.sizes;
  const bytes = native.bytes as Uint8Array<ArrayBuffer>;
  const { segmentHolds: holds, header } = native;
  return new Segments({ bytes, holds, header, segmentSize, segmentCount }, development);
}
