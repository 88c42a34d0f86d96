/** What the classes of a connection must not have, because every idle connection would pay for it. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { readSource } from "./house/files.ts";

/** A method or accessor with a `#`: on V8 a class that has one adds a field to each of its objects. */
const hashMethod = /^ {2}(?:async )?(?:get |set )?#\w+(?:<[^>]*>)?\(.*$/gm;

describe("the classes of a connection", () => {
  for (const path of ["src/stream/socket.ts", "src/stream/connection.ts"]) {
    it(`have no method with a #: ${path}`, async () => {
      expect((await readSource(path)).match(hashMethod)).toBe(null);
    });
  }

  it("would be caught with one", () => {
    expect("class A {\n  get #size(): number {\n".match(hashMethod)).toEqual(["  get #size(): number {"]);
  });
});
