/** Where the package's library is unpacked to: never to a folder that another user could change. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { openNative } from "../ffi/mod.ts";
import { Folder, runCommand } from "./helpers/folder.ts";
import { Child, commandOf, runScript } from "./helpers/process.ts";
import { system } from "./helpers/runtime.ts";

const library = openNative().libraryPath;
const OTHER_USER = 4321;

async function isRoot(): Promise<boolean> {
  return system === "linux" && await runCommand("id", "-u") === "0";
}

async function mayMount(): Promise<boolean> {
  return await isRoot() &&
    await runCommand("unshare", "--mount", "true").then(() => true, () => false);
}

const onlyLinux = system === "windows" ? "Windows has a folder for each user" : false;
const needsRoot = onlyLinux || (await isRoot() ? false : "only root gives folders to another user");
const needsMount = onlyLinux || (await mayMount() ? false : "only root mounts file systems");

type Answer = { path: string } | { reason: string };

/**
 * Unpacks in a process of its own with nothing but these variables. `before` is run in front of it, as a
 * shell does.
 */
async function unpackedWith(variables: Record<string, string>, before = ""): Promise<Answer> {
  const pass = ["PATH", "DENO_DIR", "DENO_NO_UPDATE_CHECK"].map((name) => `${name}="$${name}"`).join(" ");
  const given = Object.entries(variables).map(([name, value]) => `${name}='${value}'`).join(" ");
  const command = commandOf("./children/unpack.ts", import.meta.url, { arguments: [library] });
  const run = `${before} exec env -i ${pass} ${given} "$@"`;
  const mounts = before.startsWith("mount");
  const shell = mounts ? ["unshare", "--mount", "--propagation", "private", "sh"] : ["sh"];
  await using child = new Child([...shell, "-c", run, "sh", ...command], {});
  const { output, errors } = await child.end();
  const line = output.trim().split("\n").at(-1)!;
  if (!line.startsWith("{")) throw new Error(`nothing was told: ${output}\n${errors}`);
  return JSON.parse(line);
}

function pathOf(answer: Answer): string {
  if ("reason" in answer) throw new Error(answer.reason);
  return answer.path;
}

describe("the folder of the unpacked library", () => {
  it("is the variable's on every system", async () => {
    await using folder = await Folder.make();
    const cache = folder.file("made");
    for (let round = 0; round < 2; round++) {
      await using child = runScript("./children/unpack.ts", import.meta.url, {
        arguments: [library],
        environment: { RINGPORT_CACHE: cache },
      });
      const path = pathOf(JSON.parse((await child.end()).output));
      expect(path.startsWith(cache)).toBe(true);
    }
  });

  it("is the variable's, made for this user alone", { ignore: onlyLinux }, async () => {
    await using folder = await Folder.make();
    const cache = folder.file("a/b");
    const first = pathOf(await unpackedWith({ RINGPORT_CACHE: cache }, "umask 000;"));
    expect(first.startsWith(`${cache}/`)).toBe(true);
    expect(await folder.look("a/b")).toBe("directory 700");
    expect(await runCommand("stat", "-c", "%a", first)).toBe("600");
    expect(pathOf(await unpackedWith({ RINGPORT_CACHE: cache }))).toBe(first);
  });

  it("is not one that others can write", { ignore: onlyLinux }, async () => {
    await using folder = await Folder.make();
    const [open, home] = [folder.file("open"), folder.file("home")];
    await runCommand("mkdir", "-p", `${open}/below`, home);
    await runCommand("chmod", "777", open);
    for (const cache of [open, `${open}/below`]) {
      const path = pathOf(await unpackedWith({ RINGPORT_CACHE: cache, HOME: home }));
      expect(path.startsWith(`${home}/.cache/ringport/`)).toBe(true);
    }
    // Not even through a link that is this user's own.
    await runCommand("ln", "-s", open, folder.file("link"));
    const linked = await unpackedWith({ RINGPORT_CACHE: folder.file("link"), HOME: home });
    expect(pathOf(linked).startsWith(`${home}/.cache/ringport/`)).toBe(true);
  });

  it("is not one of another user, nor below one", { ignore: needsRoot }, async () => {
    await using folder = await Folder.make();
    const [theirs, home] = [folder.file("theirs"), folder.file("home")];
    await runCommand("mkdir", "-p", `${theirs}/below`, home);
    await runCommand("chown", String(OTHER_USER), theirs);
    for (const cache of [theirs, `${theirs}/below`]) {
      const path = pathOf(await unpackedWith({ RINGPORT_CACHE: cache, HOME: home }));
      expect(path.startsWith(`${home}/.cache/ringport/`)).toBe(true);
    }
  });

  it("has no file of another user in it", { ignore: needsRoot }, async () => {
    await using folder = await Folder.make();
    const cache = folder.file("cache");
    const path = pathOf(await unpackedWith({ RINGPORT_CACHE: cache }));
    await runCommand("chown", String(OTHER_USER), path);
    expect(pathOf(await unpackedWith({ RINGPORT_CACHE: cache }))).toBe(path);
    expect(await runCommand("stat", "-c", "%u", path)).not.toBe(String(OTHER_USER));
  });

  it("is a private one among the temporary files without a home", { ignore: onlyLinux }, async () => {
    await using folder = await Folder.make();
    await runCommand("chmod", "1777", folder.path);
    const first = pathOf(await unpackedWith({ TMPDIR: folder.path }));
    const user = await runCommand("id", "-u");
    expect(first.startsWith(`${folder.path}/ringport-${user}/`)).toBe(true);
    expect(await folder.look(`ringport-${user}`)).toBe("directory 700");
  });

  it("is another one where somebody has taken the name of that", { ignore: needsRoot }, async () => {
    await using folder = await Folder.make();
    await runCommand("chmod", "1777", folder.path);
    const taken = folder.file(`ringport-${await runCommand("id", "-u")}`);
    await runCommand("mkdir", taken);
    await runCommand("chown", String(OTHER_USER), taken);
    const path = pathOf(await unpackedWith({ TMPDIR: folder.path }));
    expect(path.startsWith(`${folder.path}/ringport-`)).toBe(true);
    expect(path.startsWith(`${taken}/`)).toBe(false);
  });

  for (const option of ["noexec", "ro"]) {
    it(`is not on a file system that is mounted ${option}`, { ignore: needsMount }, async () => {
      await using folder = await Folder.make();
      const [cache, home] = [folder.file("cache"), folder.file("home")];
      await runCommand("mkdir", cache, home);
      const mount = `mount -t tmpfs -o ${option} tmpfs '${cache}' &&`;
      const path = pathOf(await unpackedWith({ RINGPORT_CACHE: cache, HOME: home }, mount));
      expect(path.startsWith(`${home}/.cache/ringport/`)).toBe(true);
      const nowhere = await unpackedWith({ RINGPORT_CACHE: cache, TMPDIR: cache }, mount);
      expect("reason" in nowhere && nowhere.reason).toContain(`the variable RINGPORT_CACHE: ${cache}`);
      expect("reason" in nowhere && nowhere.reason).toContain("the variable HOME: not set");
    });
  }
});
