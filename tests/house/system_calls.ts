/**
 * The system calls in `zig/src`, and those that `docs/system_calls.md` tells of.
 *
 * @module
 */
import { blankSource } from "./blank.ts";
import type { Sources } from "./files.ts";

/** Files that are no part of the library: tests, programs, and the fake kernel. */
const notLibrary =
  /(^|\/)(tests|console|bindings|wheel_bench|fake|fuzz|test|\w+_test)\.zig$|\/(fuzz|test|fake)\//;
/** Functions of the standard library's module that ask the kernel for nothing. */
const noCalls: ReadonlySet<string> = new Set(["errno", "sigfillset"]);
/** Calls that Winsock gives out by pointer, by the names they have here. */
const byPointer = ["accept_ex", "accept_addresses", "connect_ex", "transmit_file"];

const testBlock = /^test "[\s\S]*?^}$/gm;
const external = /extern "\w+" fn (\w+)\(/g;

/** Every call as `call file`, in order. */
export function callsInSources(sources: Sources): string[] {
  const found = new Set<string>();
  const files = [...sources].filter(([path]) => !notLibrary.test(path)).map(([path, text]) => ({
    file: path.replace("zig/src/", ""),
    source: blankSource(path, text.replace(testBlock, ""), "keep strings"),
  }));
  const externals = new Set(
    files.flatMap(({ source }) => [...source.matchAll(external)].map(([, name]) => name)),
  );
  for (const { file, source } of files) {
    const own = new Set([...source.matchAll(external)].map(([, name]) => name));
    for (const [, call] of source.matchAll(/\blinux\.([a-z_0-9]+)\(/g)) {
      if (!noCalls.has(call) && !/^syscall\d$/.test(call)) found.add(`${call} ${file}`);
    }
    // Those the standard library has no function for, by their numbers' names.
    for (const [, call] of source.matchAll(/\blinux\.syscall\d\(\s*\.(\w+)/g)) found.add(`${call} ${file}`);
    for (const [, call] of source.matchAll(/\b(?:windows|driver)\.(\w+)\(/g)) {
      if (externals.has(call)) found.add(`${call} ${file}`);
    }
    for (const call of own) {
      if (new RegExp(`(?<!fn |\\.)\\b${call}\\(`).test(source)) found.add(`${call} ${file}`);
    }
    for (const [, call] of source.matchAll(/\.name = "(\w+)", \.linkage/g)) found.add(`${call} ${file}`);
    for (const call of byPointer) {
      if (new RegExp(`\\b${call}\\(`).test(source)) found.add(`${call} ${file}`);
    }
  }
  return [...found].sort();
}

/** What the page tells of, in the same form; a row without a word on errors does not count. */
export function callsInPage(page: string): string[] {
  const found: string[] = [];
  let file = "";
  for (const line of page.split("\n")) {
    file = /^### `(.+)`$/.exec(line)?.[1] ?? file;
    const row = /^\| `(\w+)`\s*\| *\S.*\|$/.exec(line);
    if (row !== null) found.push(`${row[1]} ${file}`);
  }
  return found.sort();
}
