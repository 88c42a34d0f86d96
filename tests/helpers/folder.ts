/**
 * A folder for the files of one test, and what the system knows of files there. Unix sockets need paths of
 * less than 108 bytes, so the names stay short.
 *
 * @module
 */
import { Child } from "./process.ts";
import { bun, environment, fileExists, system } from "./runtime.ts";

/** Runs a command to its end and gives what it printed; throws where it fails. */
export async function runCommand(...command: string[]): Promise<string> {
  await using child = new Child(command, {});
  const { code, output, errors } = await child.end();
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${errors}`);
  return output.trim();
}

/** A folder of its own, gone with the scope. `write` and `move` are for Linux only. */
export class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Folder> {
    if (system === "windows") {
      const path = `${environment("TEMP")}\\rp-${crypto.randomUUID()}`;
      await runCommand("cmd", "/d", "/c", "mkdir", path);
      return new Folder(path);
    }
    const parent = environment("TMPDIR") ?? "/tmp";
    return new Folder(await runCommand("mktemp", "-d", `${parent}/rp.XXXXXX`));
  }

  file(name: string): string {
    return system === "windows" ? `${this.path}\\${name}` : `${this.path}/${name}`;
  }

  /** Kind and permissions, as "socket 600", of which Windows tells "file" alone; "" where nothing is. */
  async look(name: string): Promise<string> {
    if (system === "windows") return await fileExists(this.file(name)) ? "file" : "";
    const text = await runCommand("sh", "-c", `stat -c '%F %a' "$1" || true`, "sh", this.file(name));
    return text.replace(/^regular (empty )?file/, "file");
  }

  /** Writes a file of one letter, on Windows as well. */
  async mark(name: string): Promise<string> {
    const path = this.file(name);
    if (bun !== undefined) await bun.write(path, "x");
    else await Deno.writeTextFile(path, "x");
    return path;
  }

  /** Writes a text file. */
  async write(name: string, text: string): Promise<void> {
    await runCommand("sh", "-c", `printf %s "$2" > "$1"`, "sh", this.file(name), text);
  }

  async read(name: string): Promise<string> {
    if (bun !== undefined) return await bun.file(this.file(name)).text();
    return await Deno.readTextFile(this.file(name));
  }

  async makeFolder(name: string): Promise<void> {
    await runCommand("mkdir", this.file(name));
  }

  async move(from: string, to: string): Promise<void> {
    await runCommand("mv", this.file(from), this.file(to));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (system === "windows") await runCommand("cmd", "/d", "/c", "rmdir", "/s", "/q", this.path);
    else await runCommand("rm", "-r", this.path);
  }
}
