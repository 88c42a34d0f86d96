/** What the runtime gives beside FFI, each in a process of its own. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { coresOfQuota, usableCores } from "../src/host/cores.ts";
import { host } from "../src/host/mod.ts";
import { Child, runInConsole, runScript } from "./helpers/process.ts";
import { executablePath, pathOf, runtime, system } from "./helpers/runtime.ts";

const SCRIPT = "./children/host.ts";
const noSignals = system === "windows" ? "Windows has no signals to send" : false;

function run(what: string, environment: Record<string, string> = {}): Child {
  return runScript(SCRIPT, import.meta.url, { arguments: [what], environment });
}

describe("the host", () => {
  it("is the runtime and system of the tests", () => {
    expect([host.runtime, host.operatingSystem]).toEqual([runtime, system]);
    expect(Number.isInteger(host.cores) && host.cores >= 1).toBe(true);
  });

  it("tells variables, terminal and process", async () => {
    await using child = run("", { HOST_TEST: "set" });
    const { output, code, errors } = await child.end();
    expect(errors).toBe("");
    expect(output.trim()).toBe("set undefined false true true true true");
    expect(code).toBe(0);
  });

  it("starts a module with arguments and variables, and tells how it ended", async () => {
    await using child = run("parent");
    const { output, code } = await child.end();
    expect(output).toMatch(/spawned \d+/);
    expect(output).toContain('child says ["a b","--c=d"] from the parent');
    expect(output).toContain("child ended with 7, kill says false");
    expect(code).toBe(0);
  });

  it("kills a child", async () => {
    await using child = run("killer");
    expect((await child.end()).output.trim()).toBe("killed true, gone true, again false");
  });

  it("tells which signals there are, and lets a process with handlers end", async () => {
    await using child = run("signals");
    const { output, code } = await child.end();
    const available = system === "windows"
      ? ["SIGINT", "SIGBREAK", "SIGHUP"]
      : ["SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP"];
    for (const name of available) expect(output).toContain(name);
    expect(output.includes("SIGBREAK")).toBe(system === "windows");
    expect(code).toBe(0);
  });

  it("hands over signals until it is told to stop", { ignore: noSignals }, async () => {
    await using child = run("await-signal");
    const [, pid] = await child.line(/waiting as (\d+)/);
    expect(host.kill(Number(pid), "SIGTERM")).toBe(true);
    await child.line(/signal 1/);
    child.signal("SIGTERM");
    await child.line(/signal 2/);
    expect((await child.end()).code).toBe(0);
  });

  const noConsole = system === "windows" ? false : "only Windows has a console";
  it("hands over the events of a console", { ignore: noConsole }, async () => {
    await using child = runInConsole(SCRIPT, import.meta.url, { arguments: ["await-events"] });
    await child.line(/waiting/);
    for (const [event, signal] of [["c", "SIGINT"], ["break", "SIGBREAK"], ["close", "SIGHUP"]]) {
      child.send(`${event}\n`);
      await child.line(new RegExp(`signal ${signal}`));
    }
    expect((await child.end()).code).toBe(0);
  });

  it("says when there is no such process", () => {
    // Beyond what systems number processes with.
    expect(host.kill(0x7fff_fff0, "SIGTERM")).toBe(false);
  });

  it("writes all, in order, before it ends", async () => {
    await using child = run("flood");
    const { output, code } = await child.end();
    const numbers = output.trim().split("\n").map((line) => parseInt(line));
    expect(numbers).toEqual(Array.from({ length: 4096 }, (_, index) => index));
    expect(code).toBe(0);
  });

  it("reads small files, and undefined where there is none", async () => {
    expect(await host.readText(pathOf(SCRIPT, import.meta.url))).toContain("what the runtime gives");
    expect(await host.readText(pathOf("./children/none.ts", import.meta.url))).toBe(undefined);
  });
});

describe("without permissions", () => {
  const noPermissions = runtime === "bun" ? "Bun has no permissions to narrow" : false;

  it("nothing prompts and nothing throws", { ignore: noPermissions }, async () => {
    const path = pathOf(SCRIPT, import.meta.url);
    await using child = new Child([executablePath(), "run", "--quiet", "--no-check", "--no-prompt", path], {
      environment: { HOST_TEST: "set" },
    });
    const { output, errors } = await child.end();
    expect(errors).toBe("");
    expect(output.trim()).toBe("undefined undefined false true true true true");
  });

  it("a child gets those that the parent has", { ignore: noPermissions }, async () => {
    const path = pathOf(SCRIPT, import.meta.url);
    const flags = [
      "run",
      "--quiet",
      "--no-check",
      "--no-prompt",
      "--allow-run",
      "--allow-env",
      "--allow-read",
    ];
    await using child = new Child([executablePath(), ...flags, path, "parent"], {});
    const { output } = await child.end();
    expect(output).toContain('child says ["a b","--c=d"] from the parent');
  });
});

describe("cores", () => {
  it("are lowered to what the control group grants", () => {
    expect(coresOfQuota("max 100000\n")).toBe(undefined);
    expect(coresOfQuota("150000 100000\n")).toBe(2);
    expect(coresOfQuota("50000 100000")).toBe(1);
    expect(coresOfQuota("100000 0")).toBe(undefined);
    expect(coresOfQuota("odd")).toBe(undefined);
    expect(usableCores(8, "150000 100000")).toBe(2);
    expect(usableCores(1, "800000 100000")).toBe(1);
    expect(usableCores(8, undefined)).toBe(8);
    expect(usableCores(undefined, undefined)).toBe(1);
  });
});
