/**
 * Other users of the machine: they must neither reach what the processes of a server give each other, nor
 * hold up a server or its successor. Silent connections of the server's own user are bounded as well.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { host } from "../src/host/mod.ts";
import { Server } from "../src/mod.ts";
import { listenForChannels, reportToServer } from "../src/worker/process/channel_listener.ts";
import { rendezvousAt } from "../src/worker/restart/rendezvous.ts";
import { restartProtocol } from "../src/worker/restart/messages.ts";
import { CommandServer } from "./helpers/commands.ts";
import { Child } from "./helpers/process.ts";
import { environment, setEnvironment } from "./helpers/runtime.ts";
import { noStranger, sameUser, stranger } from "./helpers/stranger.ts";
import { errorOf, until } from "./helpers/wait.ts";

const ignore = noStranger;
const patience = 30_000;
const silent = { received() {}, closed() {} };

async function run(...command: string[]): Promise<string> {
  await using child = new Child(command, {});
  const { code, output, errors } = await child.end(patience);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${errors}`);
  return output.trim();
}

/** A folder that everybody may enter and write to, as /tmp is. */
class OpenFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<OpenFolder> {
    const path = await run("mktemp", "-d", "-p", "/tmp", "rp.XXXXXX");
    await run("chmod", "1777", path);
    return new OpenFolder(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("rm", "-rf", this.path);
  }
}

/** Connects to a path, sends one message, and prints what comes of it. */
const visit = `
sock = socket.socket(socket.AF_UNIX)
try:
    sock.connect(sys.argv[1])
    body = sys.argv[2].encode()
    try: sock.sendall(struct.pack("<I", len(body)) + body)
    except OSError: pass
    print("came in and got", *receive(sock, 5.0))
except OSError as error:
    print("stayed outside:", type(error).__name__)
`;

async function visitAsStranger(path: string, message: unknown): Promise<string> {
  await using child = stranger(visit, path, JSON.stringify(message));
  return (await child.end(patience)).output.trim();
}

const nothing = /^came in and got (b''|ConnectionResetError) 0$/;

describe("another user of the machine", () => {
  it("finds no name of a server's processes to send to", { ignore }, async () => {
    await using fixture = await CommandServer.start({ isolation: "process", workers: 2 });
    const clients = [await fixture.connect(), await fixture.connect()];
    const pids = [String(host.pid)];
    for (const client of clients) pids.push(await client.ask("pid", patience));
    // As root, since descriptors of others are nobody's business.
    await using look = sameUser(
      `
inodes = set()
for pid in sys.argv[1:]:
    for entry in glob.glob("/proc/" + pid + "/fd/*"):
        try: inodes.update(re.findall(r"socket:\\[(\\d+)\\]", os.readlink(entry)))
        except OSError: pass
lines = [line.split() for line in open("/proc/net/unix")]
print("sockets", sum(line[6] in inodes for line in lines))
print("names", [line[7] for line in lines if line[6] in inodes and len(line) > 7 and "@" in line[7]])
`,
      ...pids,
    );
    const { output } = await look.end(patience);
    expect(Number(output.match(/sockets (\d+)/)![1])).toBeGreaterThan(4);
    expect(output).toContain("names []");
    for (const client of clients) expect(await client.ask("echo here", patience)).toBe("here");
  });

  it("does not get to where workers report, nor in with a token", { ignore }, async () => {
    await using folder = await OpenFolder.make();
    await using loop = createEventLoop({ segmentCount: 64 });
    const before = environment("XDG_RUNTIME_DIR");
    setEnvironment("XDG_RUNTIME_DIR", folder.path);
    try {
      const door = listenForChannels(loop, undefined);
      let arrivals = 0;
      const token = door.expect(() => {
        arrivals += 1;
        return silent;
      });
      const path = door.address.path!;
      expect(path.startsWith(folder.path)).toBe(true);
      expect(await visitAsStranger(path, { token })).toBe("stayed outside: PermissionError");
      // Even where the permissions were opened by mistake.
      await run("chmod", "0777", path, path.slice(0, -2));
      expect(await visitAsStranger(path, { token })).toMatch(nothing);
      expect(arrivals).toBe(0);
      const channel = await reportToServer(loop, { ...door.address, token, server: host.pid }, silent);
      await until(() => arrivals === 1, "the one that was expected came in");
      // Nothing is left when nobody is expected any more.
      await until(async () => await run("ls", "-A", folder.path) === "", "the folder is gone");
      channel.end();
      await door.close();
    } finally {
      setEnvironment("XDG_RUNTIME_DIR", before);
    }
  });

  it("does not take a server's place", { ignore }, async () => {
    await using folder = await OpenFolder.make();
    const path = `${folder.path}/h`;
    await using fixture = await CommandServer.start({ restartPath: path });
    const hello = { kind: "hello", protocol: restartProtocol, pid: host.pid };
    expect(await visitAsStranger(path, hello)).toBe("stayed outside: PermissionError");
    await run("chmod", "0777", path);
    expect(await visitAsStranger(path, hello)).toMatch(nothing);
    expect(fixture.events("successor.come")).toEqual([]);
    const client = await fixture.connect();
    expect(await client.ask("echo here", patience)).toBe("here");
  });

  it("is not taken for a server that runs", { ignore }, async () => {
    await using folder = await OpenFolder.make();
    const path = `${folder.path}/h`;
    await using impostor = stranger(
      `
sock = socket.socket(socket.AF_UNIX)
sock.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
sock.listen(8)
print("listening", flush=True)
peer, _ = sock.accept()
print("got", *receive(peer, 5.0), flush=True)
time.sleep(60)
`,
      path,
    );
    await impostor.line(/listening/, patience);
    const application = new URL("./applications/commands.ts", import.meta.url);
    const options = { hostname: "127.0.0.1", port: 0, workers: 1, segmentCount: 256, log: "off" as const };
    const error = await errorOf(() => Server.start(application, { ...options, restartPath: path }));
    expect(error).toMatchObject({ code: "ERR_RESTART" });
    expect(String(error)).toContain("a process of another user listens there");
    await impostor.line(/got b'' 0/, patience);
  });
});

describe("silent visitors of the same user", () => {
  it("do not keep a successor from its predecessor", { ignore }, async () => {
    await using folder = await OpenFolder.make();
    const path = `${folder.path}/h`;
    await using fixture = await CommandServer.start({ restartPath: path });
    await using crowd = sameUser(
      `
socks = []
while len(socks) < 500:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(sys.argv[1])
    socks.append(sock)
print("there", flush=True)
time.sleep(60)
`,
      path,
    );
    await crowd.line(/there/, patience);
    await using loop = createEventLoop({ segmentCount: 64 });
    const heard: { kind: string }[] = [];
    const channel = await rendezvousAt(path).dial(loop, {
      received: (message) => heard.push(message as { kind: string }),
      closed() {},
    });
    channel!.post({ kind: "hello", protocol: restartProtocol, pid: host.pid });
    await until(() => heard.some(({ kind }) => kind === "all"), "the sockets were given", patience);
    channel!.abort();
    await fixture.event("successor.failed", patience);
  });
});
