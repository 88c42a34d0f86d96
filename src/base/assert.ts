/**
 * Assertions, as the whole of `src/` uses them. They are defined below the boundary, because its rings assert
 * as well.
 *
 * @module
 */
export { assert, ASSERTIONS } from "../../ffi/assert.ts";
