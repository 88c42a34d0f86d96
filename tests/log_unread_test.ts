/** A server whose log nobody reads: it serves, counts what it could not log, and ends. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { Folder } from "./helpers/folder.ts";
import { runUnread } from "./helpers/process.ts";
import { scaled, system } from "./helpers/runtime.ts";

const patience = scaled(30_000, 120_000);

const noPipe = system === "windows" && "Windows has no pipe that a shell could fill";

describe("a log that nobody reads", () => {
  it("holds up neither the workers nor the end of the process", { ignore: noPipe }, async () => {
    await using folder = await Folder.make();
    await using child = runUnread("./applications/unread_log.ts", import.meta.url, folder.file("errors"));
    await child.line(/serves/, patience);
    await child.line(/banned 20/, patience);
    await child.line(/answered here/, patience);
    await child.line(/dropped true/, patience);
    const { code, output } = await child.end(patience);
    expect(output).toContain("reason shutdown");
    expect(code).toBe(0);
  });
});
