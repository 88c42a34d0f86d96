/**
 * Makes a package for npm of what TypeScript's compiler has written to `.tools/npm/package`.
 *
 * @module
 */
import { TARGETS } from "./targets.ts";

const PACKAGE = ".tools/npm/package";
/** TypeScript rewrites the endings of imports, not those of the workers' entries. */
const ENTRY = /(new URL\("\.{1,2}\/[^"]+)\.ts(", import\.meta\.url\))/g;

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* filesBelow(path);
    else yield path;
  }
}

/** Generated from the docstrings, which the package has as well. */
const REFERENCE = "docs/api/";

async function copyFolder(from: string, to: string): Promise<void> {
  for await (const path of filesBelow(from)) {
    if (path.startsWith(REFERENCE)) continue;
    const target = `${to}${path.slice(from.length)}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(path, target);
  }
}

/** Names each module, so that bundlers take them into a program. */
function shippedModules(): string {
  const cases = TARGETS.map(({ system, architecture }) => {
    const name = `${system}_${architecture}`;
    return `  ${name}: () => import("./shipped/${name}.gen.js"),`;
  });
  return [
    "const modules = {",
    ...cases,
    "};",
    "export async function importShippedModule(name) {",
    '  if (!Object.hasOwn(modules, name)) throw new Error(`there is none for ${name.replace("_", " ")}`);',
    "  return await modules[name]();",
    "}",
    "",
  ].join("\n");
}

async function addLibraries(): Promise<void> {
  for (const { system, architecture, file } of TARGETS) {
    const name = `${system}_${architecture}`;
    try {
      await Deno.stat(`${PACKAGE}/ffi/shipped/${name}.gen.js`);
      await Deno.mkdir(`${PACKAGE}/ffi/shipped/${name}`, { recursive: true });
      await Deno.copyFile(
        `zig/zig-out/${architecture}-${system}/${file}`,
        `${PACKAGE}/ffi/shipped/${name}/${file}`,
      );
    } catch {
      console.error(`the library for ${system} on ${architecture} is missing: run sh tools/pack`);
      Deno.exit(1);
    }
  }
  await Deno.writeTextFile(`${PACKAGE}/ffi/shipped_modules.js`, shippedModules());
}

async function addDescription(): Promise<void> {
  const source = JSON.parse(await Deno.readTextFile("package.json"));
  const { name, version, description, license, type } = source;
  const compiled = Object.entries<string>(source.exports).map(([entry, path]) => {
    const stem = path.replace(/\.ts$/, "");
    return [entry, { types: `${stem}.d.ts`, default: `${stem}.js` }];
  });
  const exports = { ...Object.fromEntries(compiled), "./package.json": "./package.json" };
  const bin = { ringport: "./src/cli.js" };
  const text = JSON.stringify({ name, version, description, license, type, exports, bin }, undefined, 2);
  await Deno.writeTextFile(`${PACKAGE}/package.json`, `${text}\n`);
  for (const file of ["LICENSE", "README.md"]) await Deno.copyFile(file, `${PACKAGE}/${file}`);
  await copyFolder("docs", `${PACKAGE}/docs`);
}

for await (const path of filesBelow(PACKAGE)) {
  if (!path.endsWith(".js")) continue;
  const text = await Deno.readTextFile(path);
  const rewritten = text.replaceAll(ENTRY, "$1.js$2");
  if (rewritten !== text) await Deno.writeTextFile(path, rewritten);
}
await addLibraries();
await addDescription();
