/** On Deno the library needs permission for its own file and for nothing else. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { openNative } from "../ffi/mod.ts";
import { executablePath, pathOf, runtime } from "./helpers/runtime.ts";
import { Child } from "./helpers/process.ts";

const SCRIPT = pathOf("./children/permission.ts", import.meta.url);

function runWith(permissions: string[]): Child {
  const flags = ["run", "--quiet", "--no-check", "--no-prompt", ...permissions, SCRIPT];
  return new Child([executablePath(), ...flags], {});
}

describe("with permission for the library's file alone", () => {
  it.skipIf(runtime !== "deno")("everything works (Bun has no permissions to narrow)", async () => {
    const library = openNative().libraryPath;
    await using child = runWith([`--allow-ffi=${library}`, `--allow-read=${library}`]);
    const { code, output, errors } = await child.end();
    expect(errors).toBe("");
    expect(output).toContain("listened and rung");
    expect(code).toBe(0);
  });

  it.skipIf(runtime !== "deno")("a missing one is named (Bun has no permissions to narrow)", async () => {
    const library = openNative().libraryPath;
    await using unread = runWith([`--allow-ffi=${library}`]);
    expect((await unread.end()).errors).toContain(`${library}: no permission to read it`);
    await using unopened = runWith([`--allow-read=${library}`]);
    const { errors, code } = await unopened.end();
    expect(errors).toContain("ERR_LIBRARY_OPEN");
    expect(errors).toContain("--allow-ffi");
    expect(code).not.toBe(0);
  });
});
