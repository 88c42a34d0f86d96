/**
 * `describe`, `it` and the hooks over `Deno.test`.
 *
 * @module
 */
import { suitesOver } from "./bdd_suites.ts";

export const bdd = suitesOver({
  test({ name, body, ignore, only }) {
    Deno.test({
      name,
      ignore,
      only,
      // A sleeping loop has a non-blocking native call under way, which is an operation that Deno sees
      // started in one test and ended in another. What a test leaves open is looked for by leaks.ts.
      sanitizeOps: false,
      sanitizeResources: false,
      fn: body,
    });
  },
  afterFile: (body) => Deno.test.afterAll(body),
});
