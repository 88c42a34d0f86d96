/**
 * Unpacks the library of this machine as a package would, and prints what became of it. The argument is its
 * path.
 */
// deno-lint-ignore-file no-console
import { detectHost } from "../../ffi/host.ts";
import { sha256, unpack } from "../../ffi/shipped.ts";
import { scriptArguments } from "../helpers/runtime.ts";

const { driver } = "Bun" in globalThis ? await import("../../ffi/bun.ts") : await import("../../ffi/deno.ts");
const { files, openingFault } = driver;
const bytes = await files.read(scriptArguments()[0]);
let text = "";
for (let start = 0; start < bytes.length; start += 30_000) {
  text += btoa(String.fromCharCode(...bytes.subarray(start, start + 30_000)));
}
const library = { LIBRARY_BASE64: text, LIBRARY_SHA256: await sha256(bytes) };
console.log(JSON.stringify(await unpack(library, { files, host: detectHost(), openingFault })));
