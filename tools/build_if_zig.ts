/**
 * Runs after `bun install` in the checkout: builds the native library where Zig is on PATH.
 *
 * @module
 */

interface BunSpawn {
  env: Record<string, string | undefined>;
  which(name: string): string | null;
  spawnSync(
    command: string[],
    options: { cwd: string; env: Record<string, string | undefined>; stdout: "inherit"; stderr: "inherit" },
  ): { exitCode: number };
}

const bun = (globalThis as unknown as { Bun?: BunSpawn }).Bun;
if (bun === undefined) throw new Error("this script is run by `bun install`");

const folder = decodeURIComponent(new URL("../zig", import.meta.url).pathname)
  .replace(
    /^\/(?=[A-Za-z]:)/,
    "",
  );
const zig = bun.which("zig");
if (zig === null) {
  console.log("Zig is not on PATH, so the native library was not built. Install the version that");
  console.log(".tool-versions names, or another patch of it, and run `zig build` in the folder zig, or");
  console.log("start the server with `sh tools/echo`.");
} else {
  const { exitCode } = bun.spawnSync([zig, "build"], {
    cwd: folder,
    // See tools/common.
    env: { ...bun.env, ZIG_DEBUG_CMD: "1" },
    stdout: "inherit",
    stderr: "inherit",
  });
  if (exitCode !== 0) throw new Error(`zig build in ${folder} ended with ${exitCode}`);
}
