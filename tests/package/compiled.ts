/**
 * Programs of users in one file, made by `bun build --compile` and `deno compile` from the npm package, and
 * run where neither the package nor a runtime is. Run by the step `package` of tools/test.
 */
import { expect } from "@std/expect";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { run } from "./run.ts";

const checkout = new URL("../../", import.meta.url).pathname;
const NAME = "@ringport/ringport";
const ENTRY = `node_modules/${NAME}/src/worker/thread/entry.js`;
const USER_FILES = ["compiled.ts", "compiled_listen.ts", "ringport_worker.ts"];

/** Why `deno compile` does not work here; false where it does. */
async function denoFault(): Promise<string | false> {
  const folder = await Deno.makeTempDir({ prefix: "ringport_denort_" });
  try {
    await Deno.writeTextFile(`${folder}/nothing.ts`, "");
    const { success } = await run(folder, [Deno.execPath(), "compile", "--output", "nothing", "nothing.ts"]);
    return success
      ? false
      : "deno compile needs denort, the runtime without tools: only Deno's own server has it";
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const withoutDenort = await denoFault();

describe("a program in one file", () => {
  let project: string;
  let away: string;

  beforeAll(async () => {
    project = await Deno.makeTempDir({ prefix: "ringport_compile_" });
    away = await Deno.makeTempDir({ prefix: "ringport_away_" });
    await Deno.mkdir(`${project}/node_modules/@ringport`, { recursive: true });
    await run(project, ["cp", "-r", `${checkout}.tools/npm/package`, `node_modules/${NAME}`]);
    for (const file of USER_FILES) {
      await Deno.copyFile(`${checkout}tests/package/user/${file}`, `${project}/${file}`);
    }
    const dependencies = { [NAME]: "0.1.0" };
    await Deno.writeTextFile(`${project}/package.json`, JSON.stringify({ type: "module", dependencies }));
  });

  afterAll(async () => {
    for (const folder of [project, away]) await Deno.remove(folder, { recursive: true });
  });

  /** Compiles, takes the program to another folder, and runs it there with the package out of reach. */
  async function answerOf(command: string[], program: string): Promise<string> {
    const compiled = await run(project, command);
    if (!compiled.success) throw new Error(compiled.output);
    await Deno.rename(`${project}/${program}`, `${away}/${program}`);
    await Deno.rename(`${project}/node_modules`, `${project}/hidden`);
    try {
      const variables = { RINGPORT_CACHE: `${away}/cache_${program}` };
      const { output, success } = await run(away, [`${away}/${program}`], variables, true);
      if (!success) throw new Error(output);
      return output;
    } finally {
      await Deno.rename(`${project}/hidden`, `${project}/node_modules`);
    }
  }

  it("made by Bun listens and connects", async () => {
    const command = ["bun", "build", "--compile", "compiled_listen.ts", "--outfile", "listening"];
    expect(await answerOf(command, "listening")).toBe("echoed hello\n");
  });

  it("made by Bun serves with threads", async () => {
    const sources = ["compiled.ts", "ringport_worker.ts"];
    const command = ["bun", "build", "--compile", ...sources, "--outfile", "serving"];
    expect(await answerOf(command, "serving")).toBe("echoed hello\n");
  });

  it("made by Deno listens and connects", { ignore: withoutDenort }, async () => {
    const flags = ["--node-modules-dir=manual", "--no-check", "--allow-all", "--output", "d_listening"];
    const command = [Deno.execPath(), "compile", ...flags, "compiled_listen.ts"];
    expect(await answerOf(command, "d_listening")).toBe("echoed hello\n");
  });

  it("made by Deno serves with threads", { ignore: withoutDenort }, async () => {
    const flags = ["--node-modules-dir=manual", "--no-check", "--allow-all", "--output", "d_serving"];
    const included = ["--include", ENTRY, "--include", "compiled.ts"];
    const command = [Deno.execPath(), "compile", ...flags, ...included, "compiled.ts"];
    expect(await answerOf(command, "d_serving")).toBe("echoed hello\n");
  });
});
