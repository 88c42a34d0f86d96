/** `docs/system_calls.md` tells of every call to the system, and of no other. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { readSources } from "./house/files.ts";
import { callsInPage, callsInSources } from "./house/system_calls.ts";

describe("the page of the system calls", () => {
  it("has a row for each call of each file of the library", async () => {
    const calls = callsInSources(await readSources(["zig/src"], /\.zig$/));
    const pages = await readSources(["docs"], /system_calls\.md$/);
    expect(calls.length).toBeGreaterThan(140);
    const told = callsInPage(pages.get("docs/system_calls.md")!);
    expect({
      untold: calls.filter((call) => !told.includes(call)),
      gone: told.filter((call) => !calls.includes(call)),
      twice: told.filter((call, index) => told.indexOf(call) !== index),
    }).toEqual({ untold: [], gone: [], twice: [] });
  });

  it("is compared by what is called, not by what is declared, tested or commented", () => {
    const sources = new Map([
      [
        "zig/src/io/a_linux.zig",
        `// linux.dup(\nfn f() void {\n    _ = linux.close(3);\n    _ = linux.errno(3);\n}\n` +
        `test "b" {\n    _ = linux.pipe(3);\n}\n`,
      ],
      ["zig/src/io/a_windows.zig", `extern "k" fn CloseHandle(h: u32) callconv(.winapi) i32;\n`],
      [
        "zig/src/io/b_windows.zig",
        `fn g() void {\n    _ = windows.CloseHandle(3);\n    windows.mine(3);\n}\n`,
      ],
      ["zig/src/io/test/c.zig", `fn h() void {\n    _ = linux.fork();\n}\n`],
    ]);
    expect(callsInSources(sources)).toEqual(["CloseHandle io/b_windows.zig", "close io/a_linux.zig"]);
    expect(callsInPage("### `io/x.zig`\n\n| call | errors |\n| --- | --- |\n| `a` | status |\n| `b` | |\n"))
      .toEqual(["a io/x.zig"]);
  });
});
