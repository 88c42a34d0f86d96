/**
 * The npm package as a user gets it: made by tools/npm, served by a registry on this machine, installed by
 * Bun and by Deno into an empty folder, checked by TypeScript's compiler, and run. Run by the step `package`
 * of tools/test.
 */
import { expect } from "@std/expect";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { type NpmRegistry, serveNpm } from "./npm_registry.ts";
import { run } from "./run.ts";

const checkout = new URL("../../", import.meta.url).pathname;
const made = `${checkout}.tools/npm`;
const TSC = `${checkout}node_modules/.bin/tsc`;
const NAME = "@ringport/ringport";
const USER_FILES = ["app.ts", "start.ts"];

const ANSWERS = ["listen echoed hello", "thread echoed hello", "process echoed hello", ""].join("\n");

/** Every flag of the compiler that a strict project may have. */
const STRICT = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noImplicitOverride: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitReturns: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  skipLibCheck: false,
};

describe("the npm package", () => {
  let registry: NpmRegistry;
  let folder: string;

  beforeAll(async () => {
    const description = JSON.parse(await Deno.readTextFile(`${made}/package/package.json`));
    registry = await serveNpm(await Deno.readFile(`${made}/package.tgz`), description);
    folder = await Deno.makeTempDir({ prefix: "ringport_npm_" });
    for (const runtime of ["bun", "deno"]) {
      const project = `${folder}/${runtime}`;
      await Deno.mkdir(project);
      for (const file of USER_FILES) {
        await Deno.copyFile(`${checkout}tests/package/user/${file}`, `${project}/${file}`);
      }
      const dependencies = { [NAME]: description.version };
      await Deno.writeTextFile(`${project}/package.json`, JSON.stringify({ type: "module", dependencies }));
      const npmrc = `registry=${registry.url}\n`;
      await Deno.writeTextFile(`${project}/.npmrc`, npmrc);
    }
  });

  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  });

  it("holds JavaScript with declarations, the libraries as files and modules, and the guides", async () => {
    const { output } = await run(folder, ["tar", "--list", "--file", `${made}/package.tgz`]);
    const paths = output.split("\n");
    for (const system of ["linux_x86_64", "linux_aarch64", "windows_x86_64", "windows_aarch64"]) {
      const file = system.startsWith("linux") ? "libringport.so" : "ringport.dll";
      expect(paths).toContain(`package/ffi/shipped/${system}/${file}`);
      expect(paths).toContain(`package/ffi/shipped/${system}.gen.js`);
    }
    for (
      const path of ["LICENSE", "README.md", "docs/server.md", "src/mod.js", "src/mod.d.ts", "src/cli.js"]
    ) {
      expect(paths).toContain(`package/${path}`);
    }
    expect(paths.filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))).toEqual([]);
  });

  it("is not made where a library is missing", async () => {
    await using _ = await without(`${made}/package/ffi/shipped/linux_aarch64.gen.js`);
    const permissions = ["--allow-read", "--allow-write"];
    const script = "tools/npm_package.ts";
    const { output, success } = await run(checkout, [
      Deno.execPath(),
      "run",
      "--quiet",
      "--no-config",
      ...permissions,
      script,
    ], { DENO_DIR: `${folder}/deno_cache` });
    expect(output).toBe("the library for linux on aarch64 is missing: run sh tools/pack\n");
    expect(success).toBe(false);
  });

  it("is installed by Bun, and serves by listen, threads and processes", async () => {
    const cache = { BUN_INSTALL_CACHE_DIR: `${folder}/bun_cache` };
    const installed = await run(`${folder}/bun`, ["bun", "install"], cache);
    expect(installed.success, installed.output).toBe(true);
    const { output, success } = await run(`${folder}/bun`, ["bun", "run", "start.ts"]);
    expect(output).toBe(ANSWERS);
    expect(success).toBe(true);
  });

  it("is installed by Deno into node_modules, and serves by listen, threads and processes", async () => {
    const project = `${folder}/deno`;
    const installed = await run(project, [Deno.execPath(), "install", "--node-modules-dir=auto"]);
    expect(installed.success, installed.output).toBe(true);
    const flags = ["run", "--quiet", "--node-modules-dir=manual", "--allow-all"];
    const { output, success } = await run(project, [Deno.execPath(), ...flags, "start.ts"]);
    expect(output).toBe(ANSWERS);
    expect(success).toBe(true);
  });

  for (const [module, moduleResolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
    it(`passes the compiler's strict checks, resolved as ${moduleResolution} does`, async () => {
      const project = `${folder}/bun`;
      const compilerOptions = {
        ...STRICT,
        module,
        moduleResolution,
        target: "es2022",
        lib: ["esnext", "dom"],
        types: [],
        noEmit: true,
      };
      const files = USER_FILES;
      await Deno.writeTextFile(`${project}/tsconfig.json`, JSON.stringify({ compilerOptions, files }));
      const { output, success } = await run(project, [TSC, "--project", "."]);
      expect(output).toBe("");
      expect(success).toBe(true);
    });
  }

  for (const runtime of ["bun", "deno"]) {
    it(`has a command line that runs a server on ${runtime}`, async () => {
      const project = `${folder}/${runtime}`;
      const cli = `node_modules/${NAME}/src/cli.js`;
      const start = runtime === "bun"
        ? ["bun", cli]
        : [Deno.execPath(), "run", "--quiet", "--node-modules-dir=manual", "--allow-all", cli];
      const child = new Deno.Command("timeout", {
        args: [
          "60",
          ...start,
          "run",
          "app.ts",
          "--port=0",
          "--hostname=127.0.0.1",
          "--workers=1",
          "--log=json",
        ],
        cwd: project,
        env: { NO_COLOR: "1", DENO_DIR: `${project}/deno_cache` },
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      let log = "";
      for await (const bytes of child.stderr.pipeThrough(new TextDecoderStream())) {
        log += bytes;
        if (log.includes('"server.listening"')) break;
      }
      child.kill("SIGTERM");
      expect(log).toContain('"server.listening"');
      expect((await child.status).code).toBe(0);
      await child.stdout.cancel();
    });
  }
});

/** Takes a file away until the end of the scope. */
async function without(path: string): Promise<AsyncDisposable> {
  await Deno.rename(path, `${path}.away`);
  return { [Symbol.asyncDispose]: () => Deno.rename(`${path}.away`, path) };
}
