/** `docs/errors.md` lists each code of an error with its class, and no code that does not exist. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { Status, STATUS_NAMES } from "../ffi/layout.gen.ts";
import { errorOfStatus } from "../src/loop/native_errors.ts";
import * as page from "../src/mod.ts";
import { limitTable, timeoutCode } from "../src/stream/time_limits/table.ts";
import type { TimeoutKind } from "../src/mod.ts";
import { blankSource } from "./house/blank.ts";
import { readSource, readSources } from "./house/files.ts";

/** Names of the systems' own numbers, which are no codes. */
const SYSTEM_NAMES = "ffi/system_error.ts";
/** Errors of the language, which say neither what failed nor where. */
const FOREIGN = /new (Error|TypeError|RangeError|SyntaxError|DOMException)\(/;
/** Caught where they are thrown and told in a RingportError, or those that the Fetch standard asks for. */
const CAUGHT = /^(ffi\/(bun_files|deno)|src\/cli\/.*|src\/http\/client\/fetch|src\/http\/fetch\/\w+)\.ts$/;

const documented = new Map(
  [...(await readSource("docs/errors.md")).matchAll(/^\| `(E[A-Z_]+)` \| (?:`(\w+)` )?\| (.+) \| (.+) \|$/gm)]
    .map(([, code, name = "RingportError"]) => [code, name]),
);
const sources = await readSources(["src", "ffi"], /(?<!\.gen)\.ts$/);

describe("the page of errors", () => {
  it("lists every code of the sources and no other", () => {
    const codes = new Set((Object.keys(limitTable) as TimeoutKind[]).map(timeoutCode));
    for (const [path, text] of sources) {
      if (path === SYSTEM_NAMES) continue;
      const source = blankSource(path, text, "keep strings");
      for (const [, code] of source.matchAll(/["'.](ERR_[A-Z_]+)\b/g)) codes.add(code);
      for (const [, code] of source.matchAll(/"(E[A-Z]{3,})"/g)) codes.add(code);
    }
    codes.delete("ERRORS");
    expect([...codes].filter((code) => !documented.has(code))).toEqual([]);
    expect([...documented.keys()].filter((code) => !codes.has(code))).toEqual([]);
  });

  it("names the class of every status", () => {
    for (const status of Object.values(Status)) {
      if (status === Status.ok) continue;
      const error = errorOfStatus(status, 0, { operation: "test" });
      expect(documented.get(error.code), STATUS_NAMES[status]).toBe(error.name);
    }
  });

  it("names classes of the public page", () => {
    const names = Object.keys(page).filter((name) => name.endsWith("Error"));
    for (const [code, name] of documented) expect(names, code).toContain(name);
    // Each class has a code, but for the one of which there is a more exact one for each.
    expect(names.filter((name) => ![...documented.values()].includes(name))).toEqual([]);
  });
});

describe("errors of other classes", () => {
  it("are made nowhere but where they are caught", () => {
    const found = [...sources].filter(([path, text]) =>
      !CAUGHT.test(path) && FOREIGN.test(blankSource(path, text, "blank strings"))
    );
    expect(found.map(([path]) => path)).toEqual([]);
  });
});
