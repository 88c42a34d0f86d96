/** Tells whether assertions are checked. */
import { ASSERTIONS } from "../../ffi/assert.ts";

console.log(String(ASSERTIONS));
