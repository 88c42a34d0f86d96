/** Relative paths of Unix sockets mean what they meant when they were given, wherever the process goes. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { absoluteUnixPath } from "../src/stream/socket_address.ts";
import { currentFolder } from "../src/loop/native.ts";
import { connect, type Connection, listen, type Listener } from "../src/mod.ts";
import { createPool } from "../src/pool.ts";
import { CommandServer } from "./helpers/commands.ts";
import { Folder } from "./helpers/folder.ts";
import { changeFolder, system } from "./helpers/runtime.ts";
import { within } from "./helpers/wait.ts";

const ignore = system === "windows" && "Wine has no Unix sockets";

/** Two folders; the process begins in the first and is back where it was at the end. */
class TwoFolders implements AsyncDisposable {
  readonly #before = currentFolder()!;

  private constructor(readonly first: Folder, readonly second: Folder) {
    changeFolder(first.path);
  }

  static async make(): Promise<TwoFolders> {
    return new TwoFolders(await Folder.make(), await Folder.make());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    changeFolder(this.#before);
    await this.first[Symbol.asyncDispose]();
    await this.second[Symbol.asyncDispose]();
  }
}

function greeter(unix: string, text: string): Listener {
  return listen({ unix, socket: { open: (connection) => void connection.end(text) } });
}

async function textOf(connection: Connection): Promise<string> {
  let text = "";
  for await (const bytes of connection.readable) text += new TextDecoder().decode(bytes);
  connection.abort();
  return text;
}

describe("the current folder", () => {
  it("is told by the library, and changes with the process", async () => {
    await using folders = await TwoFolders.make();
    const name = (path: string) => path.split(/[/\\]/).at(-1);
    expect(name(currentFolder()!)).toBe(name(folders.first.path));
    changeFolder(folders.second.path);
    expect(name(currentFolder()!)).toBe(name(folders.second.path));
  });

  it("is put in front of relative paths alone", async () => {
    await using _folders = await TwoFolders.make();
    const here = currentFolder()!;
    const separator = system === "windows" ? "\\" : "/";
    for (const path of ["a.sock", "./a.sock", ".//./a.sock"]) {
      expect(absoluteUnixPath(path)).toBe(`${here}${separator}a.sock`);
    }
    expect(absoluteUnixPath("../a.sock")).toBe(`${here}${separator}../a.sock`);
    for (const path of ["/run/a.sock", "\0abstract", "C:\\a.sock", "\\a.sock"]) {
      expect(absoluteUnixPath(path)).toBe(path);
    }
    // From the root it would have no room.
    const long = "x".repeat(100);
    expect(absoluteUnixPath(long)).toBe(long);
  });
});

describe("a relative path survives a change of the folder", () => {
  it("of a listener, whose file goes at its end", { ignore }, async () => {
    await using folders = await TwoFolders.make();
    const { first, second } = folders;
    const listener = greeter("a.sock", "first");
    changeFolder(second.path);
    const other = greeter("a.sock", "second");
    expect(await textOf(await connect({ unix: first.file("a.sock") }))).toBe("first");
    expect(listener.unix).toBe("a.sock");
    await listener.close();
    expect(await first.look("a.sock")).toBe("");
    // That of another listener of the same name is left alone.
    expect(await second.look("a.sock")).toMatch(/^socket /);
    await other.close();
    expect(await second.look("a.sock")).toBe("");
  });

  it("of a connect that has just been called, or that waits and tries again", { ignore }, async () => {
    await using folders = await TwoFolders.make();
    await using _first = greeter("a.sock", "first");
    const pending = connect({ unix: "./a.sock" });
    const retrying = connect({ unix: "late.sock", retry: { attempts: 1000, delay: 20, maxDelay: 20 } });
    changeFolder(folders.second.path);
    expect(await textOf(await within(pending, "the connection"))).toBe("first");
    await using _wrong = greeter("late.sock", "wrong");
    await using _late = greeter(folders.first.file("late.sock"), "late");
    expect(await textOf(await within(retrying, "the late connection"))).toBe("late");
  });

  it("of a pool, to which it is another destination in another folder", { ignore }, async () => {
    await using folders = await TwoFolders.make();
    const echo = (unix: string) =>
      listen({
        unix,
        socket: { data: (connection, window) => void connection.write(`${unix}:${window.text()}`) },
      });
    await using _first = echo(folders.first.file("a.sock"));
    await using _second = echo(folders.second.file("a.sock"));
    await using pool = createPool();
    const ask = () =>
      pool.use({ unix: "a.sock" }, async (connection) => {
        const reader = connection.readable.getReader();
        connection.write("x");
        return new TextDecoder().decode((await reader.read()).value);
      });
    expect(await ask()).toBe(`${folders.first.file("a.sock")}:x`);
    changeFolder(folders.second.path);
    expect(await ask()).toBe(`${folders.second.file("a.sock")}:x`);
    changeFolder(folders.first.path);
    expect(await ask()).toBe(`${folders.first.file("a.sock")}:x`);
    expect(pool.stats().created).toBe(2);
  });

  it("of a server with its metrics", { ignore }, async () => {
    await using folders = await TwoFolders.make();
    const { first, second } = folders;
    {
      const metrics = { unix: "metrics.sock" };
      await using fixture = await CommandServer.start({ unix: "a.sock", workers: 1, metrics });
      changeFolder(second.path);
      const client = await connect({ unix: first.file("a.sock") });
      client.write("who\n");
      const reader = client.readable.getReader();
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("0.0\n");
      client.abort();
      await client.closed;
      (await connect({ unix: first.file("metrics.sock") })).abort();
      await fixture.server.shutdown();
    }
    expect(await first.look("a.sock")).toBe("");
    expect(await first.look("metrics.sock")).toBe("");
  });

  it("where the folder is too deep for the path from the root", { ignore }, async () => {
    await using folders = await TwoFolders.make();
    const deep = "d".repeat(90);
    await folders.first.makeFolder(deep);
    changeFolder(folders.first.file(deep));
    const listener = greeter("a.sock", "deep");
    expect(await textOf(await connect({ unix: "a.sock" }))).toBe("deep");
    await listener.close();
    expect(await folders.first.look(`${deep}/a.sock`)).toBe("");
  });
});
