/**
 * The version of this package.
 *
 * @module
 */

/** As in `deno.json` and `package.json`; a test holds them together. */
export const version = "0.1.0";
