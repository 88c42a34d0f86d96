/**
 * Ids of connections: slot and generation in one number.
 *
 * @module
 */
import { SLOT_BITS } from "../../ffi/layout.gen.ts";

const slotMask = (1 << SLOT_BITS) - 1;

/** The slot of a connection's id. */
export function slotOf(id: number): number {
  return id & slotMask;
}
