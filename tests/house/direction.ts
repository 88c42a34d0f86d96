/**
 * Imports point down: the layers, and the check of a module graph against them.
 *
 * @module
 */
import { blankSource } from "./blank.ts";
import type { Sources } from "./files.ts";

/** Files that may import one another and all that stands after them. */
export interface Layer {
  name: string;
  files: RegExp;
}

const layer = (name: string, files: RegExp): Layer => ({ name, files });

/** `src/` and `ffi/`, highest first. */
export const TYPESCRIPT_LAYERS: Layer[] = [
  layer("the public pages", /^src\/(mod|udp|pool|framing|http|fetch|client|admission|metrics|trace)\.ts$/),
  layer("the command line's page", /^src\/cli\.ts$/),
  layer("command line", /^src\/cli\//),
  layer("worker", /^src\/worker\//),
  layer("server", /^src\/server\//),
  layer("http", /^src\/http\//),
  layer("framing", /^src\/framing\//),
  layer("connect", /^src\/connect\//),
  layer("listen", /^src\/listen\//),
  layer("udp", /^src\/udp\//),
  layer("stream", /^src\/stream\//),
  layer("loop", /^src\/loop\//),
  layer("memory", /^src\/memory\//),
  layer("host", /^src\/host\/mod\.ts$/),
  layer("drivers of the host", /^src\/host\/(bun|deno)\.ts$/),
  layer("parts of the host", /^src\/host\//),
  layer("base", /^src\/base\//),
  layer("the page of the boundary", /^ffi\/mod\.ts$/),
  layer("drivers", /^ffi\/(bun|deno)\.ts$/),
  layer("parts of the drivers", /^ffi\/(bun_bell_line|bun_doorbell|bun_files|bun_types|deno_doorbell)\.ts$/),
  layer(
    "library and loop",
    /^ffi\/(library|shipped|load_check|native_loop|memory|counters|files|passing|shared_memory)\.ts$/,
  ),
  layer("parts of unpacking", /^ffi\/(trusted_folder|shipped_modules)\.ts$/),
  layer("what a driver is", /^ffi\/(driver|host_name)\.ts$/),
  layer("port", /^ffi\/port\.ts$/),
  layer("rings", /^ffi\/(completion_ring|submission_ring|ring_look)\.ts$/),
  layer("status", /^ffi\/(status|host|system_error|library_error)\.ts$/),
  layer("assertions", /^ffi\/(assert|host_variable)\.ts$/),
  layer("generated", /^ffi\/.*\.gen\.ts$/),
];

/** `zig/src/`, highest first. */
export const ZIG_LAYERS: Layer[] = [
  layer(
    "programs and tests",
    /^zig\/src\/(tests|exports_test|bindings|console|wheel_bench|fuzz|fuzz\/.*|io\/test|io\/test\/.*)\.zig$/,
  ),
  layer("library", /^zig\/src\/(lib|panic)\.zig$/),
  layer("symbols", /^zig\/src\/symbols\.zig$/),
  layer("exports", /^zig\/src\/(exports|doorbell)\.zig$/),
  layer("loop", /^zig\/src\/(loop|loop\/.*|registry)\.zig$/),
  layer(
    "HTTP/1.1",
    /^zig\/src\/(http1|http1\/(bytes|chunked|field|framing|head|host|names|request|response|target))\.zig$/,
  ),
  layer("socket, files", /^zig\/src\/(socket|files)\.zig$/),
  layer("io, ring, pool, wheel", /^zig\/src\/(io|io\/.*|clock|ring|pool|segments|ticks|timer_wheel)\.zig$/),
  layer("what builds it", /^zig\/src\/zig_version\.zig$/),
  layer("hash of the layout", /^zig\/src\/layout_hash\.zig$/),
  layer("records of HTTP/1.1", /^zig\/src\/http1\/records\.zig$/),
  layer("constants", /^zig\/src\/constants\.zig$/),
  layer("abi", /^zig\/src\/abi(\/.*)?\.zig$/),
];

/** Doors between `src/` and `ffi/`: who may import what of the boundary. The rest is its own business. */
export const DOORS: { from: RegExp; to: RegExp }[] = [
  { from: /^src\/loop\//, to: /^ffi\/(mod|port|completion_ring|submission_ring|status|layout\.gen)\.ts$/ },
  { from: /^src\/base\//, to: /^ffi\/(layout\.gen|assert)\.ts$/ },
  { from: /^src\/http\//, to: /^ffi\/(layout\.gen|port)\.ts$/ },
];

/** The path that `specifier` means in the file `path`. */
function resolve(path: string, specifier: string): string {
  return decodeURIComponent(new URL(specifier, `file:///${path}`).pathname.slice(1));
}

const TYPESCRIPT_IMPORT = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)["'`]([^"'`]+)["'`]/g;
const ZIG_IMPORT = /@import\("([^"]+\.zig)"\)/g;

/** What a file imports: paths of the checkout, and bare names as they stand there. */
export function importsOf(path: string, text: string): string[] {
  const source = blankSource(path, text, "keep strings");
  const zig = path.endsWith(".zig");
  return [...source.matchAll(zig ? ZIG_IMPORT : TYPESCRIPT_IMPORT)]
    .map((match) => match[1])
    .map((specifier) => zig || /^\.\.?\//.test(specifier) ? resolve(path, specifier) : specifier);
}

function faultsOfImport(path: string, target: string, sources: Sources, layers: Layer[]): string[] {
  if (target.includes("${")) return [];
  if (!sources.has(target)) return [`${path} imports ${target}, which is no file of this graph`];
  const from = layers.findIndex(({ files }) => files.test(path));
  const to = layers.findIndex(({ files }) => files.test(target));
  if (to >= 0 && to < from) {
    return [`${path} (${layers[from].name}) imports ${target} (${layers[to].name}): imports point down`];
  }
  const crossing = path.startsWith("src/") && target.startsWith("ffi/");
  if (crossing && !DOORS.some((door) => door.from.test(path) && door.to.test(target))) {
    return [`${path} imports ${target}: that part of ffi/ is not open to it`];
  }
  return [];
}

/** All that is wrong with the graph of these files. */
export function directionFaults(sources: Sources, layers: Layer[]): string[] {
  return [...sources].flatMap(([path, text]) => {
    if (!layers.some(({ files }) => files.test(path))) return [`${path} stands in no layer`];
    return importsOf(path, text).flatMap((target) => faultsOfImport(path, target, sources, layers));
  });
}
