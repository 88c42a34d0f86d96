/** Assertions: on in tests, also in the processes they start, and off in production. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { assert, AssertionError, ASSERTIONS } from "../ffi/assert.ts";
import { HEADER_SEGMENTS_HELD } from "../src/base/layout.ts";
import { Segments } from "../src/memory/segments.ts";
import { Child } from "./helpers/process.ts";
import { executablePath, pathOf } from "./helpers/runtime.ts";
import { readSources } from "./house/files.ts";
import { importsOf } from "./house/direction.ts";

const SCRIPT = pathOf("./children/assertions.ts", import.meta.url);

async function assertionsOf(environment: Record<string, string>): Promise<string> {
  const flags = "Deno" in globalThis ? ["run", "--quiet", "--no-check", "--allow-env"] : ["run"];
  await using child = new Child([executablePath(), ...flags, SCRIPT], { environment });
  const { output, errors } = await child.end();
  return output.trim() + errors;
}

function segments(): { ring: Segments; header: Int32Array; holds: Uint16Array } {
  const header = new Int32Array(64);
  const holds = new Uint16Array(4);
  const bytes = new Uint8Array(4 * 64);
  return {
    ring: new Segments({ bytes, holds, header, segmentSize: 64, segmentCount: 4 }, false),
    header,
    holds,
  };
}

describe("assertions", () => {
  it("are checked in tests", () => {
    expect(ASSERTIONS).toBe(true);
    expect(() => assert(1 + 1 === 3, "one and one is three")).toThrow(AssertionError);
    expect(() => assert(1 + 1 === 3, "one and one is three")).toThrow("one and one is three");
    assert(1 + 1 === 2, "one and one is two");
  });

  it("are checked in processes that a test starts, and in development mode", async () => {
    expect(await assertionsOf({})).toBe("true");
    expect(await assertionsOf({ RINGPORT_ASSERTIONS: "", RINGPORT_DEVELOPMENT: "true" })).toBe("true");
  });

  it("are not checked in production", async () => {
    expect(await assertionsOf({ RINGPORT_ASSERTIONS: "", RINGPORT_DEVELOPMENT: "" })).toBe("false");
    expect(await assertionsOf({ RINGPORT_ASSERTIONS: "0" })).toBe("false");
  });
});

describe("the invariants of the segments", () => {
  it("see a segment that is released too often", () => {
    const { ring } = segments();
    const segment = ring.takeRun(1);
    ring.release(segment, 0, 64);
    expect(() => ring.release(segment, 0, 64)).toThrow("once for each hold");
  });

  it("see a header that counts wrong", () => {
    const { ring, header } = segments();
    ring.takeRun(2);
    ring.invariants();
    header[HEADER_SEGMENTS_HELD] -= 1;
    expect(() => ring.invariants()).toThrow("counts the segments");
  });

  it("see a hold that nobody counted", () => {
    const { ring, holds } = segments();
    holds[3] = 1;
    expect(() => ring.invariants()).toThrow("counts the segments");
  });

  it("see small writes whose segment was taken from them", () => {
    const { ring } = segments();
    const position = ring.copySpace(8);
    ring.copied(8);
    ring.invariants();
    ring.releaseAt(position, 8);
    expect(() => ring.invariants()).toThrow("small writes");
  });
});

describe("the assertions of the tests", () => {
  it("are on before the library is loaded, whichever file comes first", async () => {
    const late = [...await readSources(["tests"], /_test\.ts$/)].filter(([path, text]) => {
      const [first] = importsOf(path, text);
      return first !== undefined && !first.startsWith("@std/");
    });
    expect(late.map(([path]) => path)).toEqual([]);
  });
});
