/**
 * The assertions that all of `src/` uses. They are defined below the boundary, because its rings assert too.
 *
 * @module
 */
export { assert, ASSERTIONS } from "../../ffi/assert.ts";
