/**
 * The clock of the address table.
 *
 * @module
 */
import { systemNow } from "../../loop/native.ts";

/**
 * Milliseconds on a clock that all threads and processes of the machine read alike, the lower 32 bits of
 * them. The runtime's own begin with each process and thread, by a clock of the day that may be set
 * meanwhile.
 */
export function tableNow(): number {
  return systemNow() | 0;
}
