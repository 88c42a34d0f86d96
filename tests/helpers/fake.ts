/**
 * The library over a kernel in memory, where it was built.
 *
 * Its network answers the addresses set aside for documentation in its own ways: `192.0.2.0/24` and
 * `2001:db8::/33` never, `203.0.113.n` after n times ten milliseconds; `2001:db8:8000::/33` cannot be
 * reached; `198.51.100.n` fails with status n in the system call, and `198.18.0.n` later. Every other address
 * is this machine.
 *
 * @module
 */
import { fileExists, pathOf, system } from "./runtime.ts";

const file = system === "windows" ? "ringport_fake.dll" : "libringport_fake.so";
const places = [`x86_64-${system}`, `aarch64-${system}`, "lib", "bin"]
  .map((folder) => pathOf(`../../zig/zig-out/${folder}/${file}`, import.meta.url));
const found: string[] = [];
for (const place of places) if (await fileExists(place)) found.push(place);

/** The path of the library; undefined where it was not built. */
export const fakeLibrary: string | undefined = found[0];
/** Why tests over the kernel in memory are skipped; false where they run. */
export const ignoreFake: string | false = fakeLibrary === undefined
  ? `${file} was not built; cd zig && zig build fake makes it`
  : false;
