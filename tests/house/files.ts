/**
 * The checkout's own files, for the tests that read the source. Paths are relative to the checkout, with `/`.
 *
 * @module
 */
import { bun } from "../helpers/runtime.ts";

/** The path of each file and its text. */
export type Sources = Map<string, string>;

interface Glob {
  scan(options: { cwd: string; dot: boolean; absolute: boolean }): AsyncIterable<string>;
}

const root = new URL("../../", import.meta.url);
/** Folders that hold nothing written by hand. */
const SKIPPED_FOLDERS = new Set([
  "node_modules",
  "out",
  "zig-out",
  ".zig-cache",
  "shipped",
  ".tools",
  ".doc_programs",
  ".git",
]);

/** The path of a URL as the system writes it. */
function systemPath(url: URL): string {
  return decodeURIComponent(url.pathname).replace(/^\/(?=[A-Za-z]:)/, "");
}

async function* walk(folder: string): AsyncGenerator<string> {
  if (bun !== undefined) {
    const { Glob } = bun as unknown as { Glob: new (pattern: string) => Glob };
    const pattern = new Glob("**/*");
    const cwd = systemPath(new URL(`${folder}/`, root));
    // Relative paths are not found in folders of folders under Wine.
    for await (const found of pattern.scan({ cwd, dot: true, absolute: true })) {
      yield `${folder}/${found.slice(cwd.length).replaceAll("\\", "/")}`;
    }
    return;
  }
  for await (const entry of Deno.readDir(new URL(`${folder}/`, root))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isFile) yield path;
    if (entry.isDirectory && !SKIPPED_FOLDERS.has(entry.name)) yield* walk(path);
  }
}

/** The text of one file. */
export async function readSource(path: string): Promise<string> {
  const url = new URL(path, root);
  return bun === undefined ? await Deno.readTextFile(url) : await bun.file(systemPath(url)).text();
}

/** All files below the folders whose names match, in alphabetical order. */
export async function readSources(folders: string[], name: RegExp): Promise<Sources> {
  const paths: string[] = [];
  for (const folder of folders) {
    for await (const path of walk(folder)) {
      const skipped = path.split("/").some((part) => SKIPPED_FOLDERS.has(part));
      if (!skipped && name.test(path)) paths.push(path);
    }
  }
  paths.sort();
  return new Map(await Promise.all(paths.map(async (path) => [path, await readSource(path)] as const)));
}
