/** A bug of the library ends the process with one line that users can report. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { ignoreFake } from "./helpers/fake.ts";
import { runScript } from "./helpers/process.ts";
import { version } from "../src/base/version.ts";

describe("a broken invariant of the library", () => {
  it("is named, with its place in the library and the layout", { ignore: ignoreFake }, async () => {
    await using child = runScript("./children/broken_library.ts", import.meta.url);
    const { code, output, errors } = await child.end();
    expect(output).toContain("broken");
    const line = /^ringport: bug in the native library (\S+): send queue: .* \(at 0x\w+, layout 0x\w+\)\./m;
    expect(errors).toMatch(line);
    expect(line.exec(errors)?.[1]).toBe(version);
    expect(code).not.toBe(0);
  });
});
