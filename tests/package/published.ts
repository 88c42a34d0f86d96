/**
 * The package as a user gets it: `deno publish` says which files belong to it, a registry on this machine
 * serves them, and an empty folder imports them. Run by the step `package` of tools/test, after tools/pack.
 */
import { expect } from "@std/expect";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { type PackedPackage, type Registry, serveRegistry } from "./registry.ts";

const checkout = new URL("../../", import.meta.url);

const USER_PROGRAM = `
import { connect, listen } from "jsr:@ringport/ringport@0.1.0";
import { lines } from "jsr:@ringport/ringport@0.1.0/framing";
const listener = listen({
  hostname: "127.0.0.1",
  socket: { data: (connection, window) => void connection.write(window) },
});
let received = "";
const { promise: answered, resolve } = Promise.withResolvers<void>();
const connection = await connect({
  hostname: "127.0.0.1",
  port: listener.port,
  socket: {
    data(_, window) {
      received += window.text();
      if (received.length >= 5) resolve();
    },
  },
});
connection.write("hello");
await answered;
connection.end();
await connection.closed;
await listener.close();
console.log("echoed", received, lines().encode("x").length);
`;

/** The files that the dry run of \`deno publish\` lists. */
async function publishedFiles(): Promise<string[]> {
  const dryRun = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty"],
    cwd: checkout,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(dryRun.stdout) + new TextDecoder().decode(dryRun.stderr);
  if (!dryRun.success) throw new Error(text);
  return [...text.matchAll(/^\s+(file:\S+) \(/gm)].map((match) => match[1].slice(checkout.href.length - 1));
}

async function pack(): Promise<PackedPackage> {
  const { name, version, exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", checkout)));
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const path of await publishedFiles()) {
    files.set(path, await Deno.readFile(new URL(`.${path}`, checkout)));
  }
  return { name, version, exports, files };
}

describe("the published package", () => {
  let packed: PackedPackage;
  let registry: Registry;
  let folder: string;

  beforeAll(async () => {
    packed = await pack();
    registry = await serveRegistry(packed);
    folder = await Deno.makeTempDir({ prefix: "ringport_user_" });
    await Deno.writeTextFile(`${folder}/main.ts`, USER_PROGRAM);
  });

  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  });

  async function run(permissions: string[]): Promise<{ output: string; success: boolean }> {
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      // The temporary folder may lie in the checkout, whose own deno.json would stand in for the package.
      args: ["run", "--quiet", "--no-config", ...permissions, "main.ts"],
      cwd: folder,
      clearEnv: true,
      env: {
        DENO_DIR: `${folder}/deno`,
        JSR_URL: registry.url,
        RINGPORT_CACHE: `${folder}/cache`,
        NO_COLOR: "1",
        DENO_NO_UPDATE_CHECK: "1",
        DENO_NO_PACKAGE_JSON: "1",
      },
    }).output();
    return { output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr), success };
  }

  it("holds the sources and the four libraries, and nothing else", () => {
    const paths = [...packed.files.keys()];
    for (const system of ["linux", "windows"]) {
      for (const architecture of ["x86_64", "aarch64"]) {
        expect(paths).toContain(`/ffi/shipped/${system}_${architecture}.gen.ts`);
      }
    }
    for (const path of ["/LICENSE", "/README.md", "/src/mod.ts", "/ffi/mod.ts"]) {
      expect(paths).toContain(path);
    }
    expect(paths.filter((path) => !/^\/((src|ffi)\/.*\.ts|deno\.json|LICENSE|README\.md)$/.test(path)))
      .toEqual([]);
  });

  it("echoes a message in an empty folder, with the library it carries", async () => {
    const { output, success } = await run(["--allow-all"]);
    expect(output).toBe("echoed hello 2\n");
    expect(success).toBe(true);
    const files = [...Deno.readDirSync(`${folder}/cache`)].map(({ name }) => name);
    expect(files).toHaveLength(1);
    expect(files[0]).toMatch(/^[0-9a-f]{32}-libringport\.so$/);
    const shipped = registry.requests.filter((path) => path.includes("/shipped/"));
    expect(shipped).toHaveLength(1);
  });

  it("needs leave for nothing but its cache folder and the library in it", async () => {
    const cache = `${folder}/cache`;
    const { output, success } = await run([
      `--allow-import=${new URL(registry.url).host}`,
      "--allow-env=RINGPORT_CACHE,RINGPORT_LIBRARY",
      `--allow-read=${cache}`,
      `--allow-write=${cache}`,
      `--allow-ffi=${cache}`,
      "--no-prompt",
    ]);
    expect(output).toBe("echoed hello 2\n");
    expect(success).toBe(true);
  });
});
