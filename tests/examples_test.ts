/** Each example is run as a user runs it. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  closedPort,
  connectPeer,
  listenPeer,
  type Peer,
  readAllText,
  readExactly,
  readText,
} from "./helpers/peer.ts";
import { type Child, runScript } from "./helpers/process.ts";
import { Random } from "./helpers/random.ts";
import { listen } from "../src/mod.ts";
import { hashOf } from "./helpers/hash.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { bun, pathOf, scaled, system } from "./helpers/runtime.ts";
import { delay, standsStill, until, within } from "./helpers/wait.ts";

/** Milliseconds after which an example stops by itself, should a test leave it running. */
const BOUND_MS = "60000";

async function start(name: string, args: string[], environment: Record<string, string> = {}): Promise<Child> {
  const child = runScript(`../examples/${name}.ts`, import.meta.url, {
    arguments: args,
    environment: { STOP_AFTER_MS: BOUND_MS, ...environment },
  });
  await child.line(/listens on/);
  return child;
}

async function portOf(child: Child): Promise<number> {
  return Number((await child.line(/listens on .*:(\d+)/))[1]);
}

const noSignals = system === "windows" ? "Windows has no signals to send" : false;

describe("examples/echo.ts", () => {
  it("takes its port from the argument and sends back what it gets", async () => {
    await using child = await start("echo", ["0"]);
    const peer = await connectPeer({ port: await portOf(child) });
    const noise = new Random(1).bytes(100_000);
    const answer = readExactly(peer, noise.length);
    await peer.write(noise);
    expect(hashOf(await answer)).toBe(hashOf(noise));
    peer.close();
  });

  it("is for this machine alone, says how to try and to stop it, and nothing else", async () => {
    await using child = await start("echo", ["0"], { STOP_AFTER_MS: "500" });
    const { output, errors } = await child.end();
    expect(output).toMatch(
      /listens on 127\.0\.0\.1:(\d+)\r?\ntry it: {2}nc 127\.0\.0\.1 \1 {4}stop it: {2}Ctrl\+C/,
    );
    expect(errors).toBe("");
  });

  it("says in one line that its port is taken, or none", async () => {
    await using taken = listen({ hostname: "127.0.0.1", port: 0 });
    const wrong: [port: string, line: RegExp][] = [
      [
        String(taken.port),
        new RegExp(`^echo server: .*127\\.0\\.0\\.1:${taken.port}.*in use: EADDRINUSE.*\\r?\\n$`),
      ],
      ["http", /^echo server: the port is a number from 0 to 65535, not "http"\r?\n$/],
      ["70000", /^echo server: the port is a number .*, not "70000"\r?\n$/],
    ];
    for (const [port, line] of wrong) {
      await using child = runScript("../examples/echo.ts", import.meta.url, { arguments: [port] });
      const { code, output, errors } = await child.end();
      expect(errors).toMatch(line);
      expect(output).toBe("");
      expect(code).toBe(1);
    }
  });

  it("takes its port from PORT", async () => {
    const free = listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = free;
    await free.close();
    await using child = await start("echo", [], { PORT: String(port) });
    expect(await portOf(child)).toBe(port);
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`stops cleanly on ${signal} with a client connected`, { ignore: noSignals }, async () => {
      await using child = await start("echo", ["0"]);
      const peer = await connectPeer({ port: await portOf(child) });
      await peer.write("before");
      expect(await readText(peer, "before")).toBe("before");
      child.signal(signal);
      const { code, output, errors } = await child.end();
      expect(errors).toBe("");
      expect(output).toContain("stopped");
      expect(code).toBe(0);
      await within(peer.read().catch(() => null), "the end at the client");
      peer.close();
    });
  }

  it("stops by itself when asked to", async () => {
    await using child = await start("echo", ["0"], { STOP_AFTER_MS: "200" });
    const { code, output } = await child.end();
    expect(output).toContain("stopped");
    expect(code).toBe(0);
  });
});

describe("examples/echo_client.ts", () => {
  it("pumps a file through and verifies it", async () => {
    await using server = await start("echo", ["0"]);
    const port = await portOf(server);
    const path = pathOf(`./scratch-${port}.bin`, import.meta.url);
    const noise = new Random(2).bytes(scaled(20_000_000, 2_000_000));
    await writeFile(path, noise);
    try {
      await using client = runScript("../examples/echo_client.ts", import.meta.url, {
        arguments: [path, String(port)],
      });
      const { code, output, errors } = await client.end(30_000);
      expect(errors).toBe("");
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", noise as Uint8Array<ArrayBuffer>));
      const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
      expect(output).toContain(`${noise.length} bytes there and back, sha256 ${hex}`);
      expect(output).toMatch(/[\d.]+ MB\/s/);
      expect(code).toBe(0);
    } finally {
      await removeFile(path);
    }
  });

  it("tells when what comes back is not what was sent", async () => {
    const listener = listenPeer();
    const path = pathOf("../deno.json", import.meta.url);
    await using client = runScript("../examples/echo_client.ts", import.meta.url, {
      arguments: [path, String(listener.port)],
    });
    const peer = await listener.accept();
    const bytes = (await within(peer.read(), "the file"))!;
    bytes[0] ^= 1;
    await peer.write(bytes);
    await peer.endWriting();
    const { code, errors } = await client.end();
    expect(errors).toContain("not the ones sent");
    expect(code).toBe(1);
    peer.close();
    listener.close();
  });
});

describe("examples/proxy.ts", () => {
  it("forwards both ways and passes the end of each side on", async () => {
    const target = listenPeer();
    await using child = await start("proxy", ["0", String(target.port)]);
    const client = await connectPeer({ port: await portOf(child) });
    const upstream = await target.accept();
    await client.write("question");
    expect(await readText(upstream, "question")).toBe("question");
    await client.endWriting();
    expect(await readAllText(upstream)).toBe("");
    await upstream.write("answer after the end of the question");
    await upstream.endWriting();
    expect(await readAllText(client)).toBe("answer after the end of the question");
    client.close();
    upstream.close();
    target.close();
  });

  it("reads no faster than the other side takes", async () => {
    const target = listenPeer();
    await using child = await start("proxy", ["0", String(target.port)]);
    const client = await connectPeer({ port: await portOf(child) });
    const upstream = await target.accept();
    const total = scaled(64 << 20, 8 << 20);
    const noise = new Random(3).bytes(1 << 20);
    let written = 0;
    const writing = (async () => {
      while (written < total) {
        await client.write(noise);
        written += noise.length;
      }
      await client.endWriting();
    })();
    if (system === "linux") {
      // Nobody reads at the target: the client stands still, far from done.
      await standsStill(() => written, "the client");
      expect(written).toBeLessThan(total);
    }
    let read = 0;
    for (;;) {
      const bytes = await within(upstream.read(), "forwarded bytes");
      if (bytes === null) break;
      read += bytes.length;
    }
    await writing;
    expect(read).toBe(total);
    client.close();
    upstream.close();
    target.close();
  });

  it("closes the client when the target refuses", async () => {
    const port = await closedPort();
    await using child = await start("proxy", ["0", String(port)]);
    const proxy = await portOf(child);
    // The end may come before the client knows that it was connected.
    const client = await connectPeer({ port: proxy }).catch(() => undefined);
    expect(await within(client?.read().catch(() => null) ?? Promise.resolve(null), "the end")).toBe(null);
    client?.close();
    // The proxy itself goes on: it says so about each client in turn.
    await until(() => child.errors.includes("target 127.0.0.1"), "the proxy told why");
  });
});

/** A target that answers each line by one line: `big` by a million letters, all others by themselves. */
function lineServer(): TestServer {
  const rest = new WeakMap<Log, string>();
  return new TestServer({
    data(connection, window) {
      const lines = ((rest.get(connection.data) ?? "") + window.text()).split("\n");
      rest.set(connection.data, lines.pop()!);
      for (const line of lines) connection.write(line === "big" ? `${"b".repeat(BIG)}\n` : `${line}\n`);
    },
  });
}
const BIG = scaled(4_000_000, 400_000);

describe("examples/pool_proxy.ts", () => {
  it("serves many clients by few connections", async () => {
    await using target = lineServer();
    await using child = await start("pool_proxy", ["0", String(target.port), "127.0.0.1", "3"], {
      STOP_AFTER_MS: String(scaled(2_000, 12_000)),
    });
    const port = await portOf(child);
    const rounds = scaled(20, 5);
    await Promise.all(Array.from({ length: 10 }, async (_, name) => {
      const peer = await connectPeer({ port });
      for (let round = 0; round < rounds; round++) {
        const questions = `question ${name}.${round}\nanother ${name}.${round}\n`;
        await peer.write(questions);
        expect(await readText(peer, questions)).toBe(questions);
      }
      await peer.endWriting();
      expect(await readAllText(peer)).toBe("");
      peer.close();
    }));
    expect(target.logs.length).toBeLessThanOrEqual(3);
    const { code, output, errors } = await child.end(30_000);
    expect(errors).toBe("");
    expect(output).toMatch(/stopped: [1-3] connections to the target, \d+ times/);
    expect(code).toBe(0);
  });

  it("passes an answer on no faster than its client takes it, and the others go on", async () => {
    await using target = lineServer();
    await using child = await start("pool_proxy", ["0", String(target.port), "127.0.0.1", "2"]);
    const port = await portOf(child);
    const slow = await connectPeer({ port });
    await slow.write("big\nafter\n");
    await delay(200);
    const quick = await connectPeer({ port });
    for (let round = 0; round < 5; round++) {
      await quick.write("quick\n");
      expect(await readText(quick, "quick\n")).toBe("quick\n");
    }
    const answer = await readText(slow, `${"b".repeat(BIG)}\nafter\n`);
    expect(answer.length).toBe(BIG + 7);
    expect(answer.endsWith("b\nafter\n")).toBe(true);
    slow.close();
    quick.close();
  });

  it("tells its clients when the target does not answer", async () => {
    await using child = await start("pool_proxy", ["0", String(await closedPort())]);
    const peer = await connectPeer({ port: await portOf(child) });
    await peer.write("anybody?\n");
    expect(await readAllText(peer)).toBe("the target does not answer\n");
    peer.close();
  });
});

describe("examples/supervised.ts", () => {
  it("serves with workers, replaces one that crashes, hands out figures, tells how it ended", async () => {
    await using child = await start("supervised", [], { STOP_AFTER_MS: String(scaled(2_500, 12_000)) });
    const port = await portOf(child);
    const peers = await Promise.all([connectPeer({ port }), connectPeer({ port })]);
    for (const peer of peers) {
      await peer.write("hello\n");
      expect(await readText(peer, "hello\n")).toBe("hello\n");
    }
    await peers[0].write("crash\n");
    await untilErrors(child, /"worker\.replaced"/);
    await peers[1].write("still here\n");
    expect(await readText(peers[1], "still here\n")).toBe("still here\n");
    const [, metrics] = await untilErrors(child, /"metrics\.listening","address":"([^"]+)"/);
    expect(await (await fetch(`http://${metrics}/metrics`)).text()).toContain("ringport_connections_open");
    const { code, output } = await child.end(30_000);
    expect(output).toContain("served 1 to the end, cut 0: shutdown");
    expect(code).toBe(0);
    for (const peer of peers) peer.close();
  });
});

/** Waits for a line of the standard error that matches. */
async function untilErrors(child: Child, pattern: RegExp): Promise<RegExpMatchArray> {
  await until(() => pattern.test(child.errors), `the log tells ${pattern}`, 30_000);
  return child.errors.match(pattern)!;
}

/** Reads lines from a peer. */
class Lines {
  #rest = "";
  constructor(readonly peer: Peer) {}

  async next(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const bytes = await within(this.peer.read(), "a line");
      if (bytes === null) throw new Error("the chat ended");
      this.#rest += new TextDecoder().decode(bytes);
    }
  }
}

describe("examples/chat.ts", () => {
  it("passes lines to all others", async () => {
    await using child = await start("chat", ["0"]);
    const port = await portOf(child);
    const join = async (name: string) => {
      const guest = new Lines(await connectPeer({ port }));
      expect(await guest.next()).toBe("* your name?");
      await guest.peer.write(`${name}\n`);
      expect(await guest.next()).toMatch(new RegExp(`welcome, ${name}`));
      return guest;
    };
    const anna = await join("anna");
    const berta = await join("berta");
    expect(await anna.next()).toBe("* berta came");
    await anna.peer.write("hel");
    await delay(20);
    await anna.peer.write("lo\nand more\n");
    expect(await berta.next()).toBe("anna: hello");
    expect(await berta.next()).toBe("anna: and more");
    berta.peer.close();
    expect(await anna.next()).toBe("* berta left");
    anna.peer.close();
  });

  it("serves many, and goes on without one who does not read", async () => {
    await using child = await start("chat", ["0"]);
    const port = await portOf(child);
    const guests = await Promise.all(Array.from({ length: scaled(100, 20) }, async (_, index) => {
      const guest = new Lines(await connectPeer({ port }));
      await guest.next();
      await guest.peer.write(`guest-${index}\n`);
      return guest;
    }));
    // The first one never reads again; the last one speaks until the chat has shown the first one out.
    const [, speaker] = [guests[0], guests.at(-1)!];
    const heard = guests[1];
    let wanted = 0;
    const line = `${"x".repeat(900)}\n`;
    for (let round = 0; round < 50; round++) {
      await speaker.peer.write(line);
      wanted += 1;
    }
    let got = 0;
    while (got < wanted) if ((await heard.next()).startsWith(`guest-${guests.length - 1}: x`)) got += 1;
    expect(got).toBe(wanted);
    for (const guest of guests) guest.peer.close();
  });
});

describe("examples/line_server.ts", () => {
  it("answers commands that come at once, in order", async () => {
    await using child = await start("line_server", ["0"]);
    const peer = await connectPeer({ port: await portOf(child) });
    await peer.write("wait 30\necho a b\r\nsum 1 2 3.5\nfail\nwait x\nupp");
    await delay(20);
    await peer.write("er word\nnothing\nquit\necho never\n");
    expect(await readAllText(peer)).toBe(
      "waited 30 ms\na b\n6.5\nerror: asked to fail\nerror: at most 10000 ms\nWORD\n" +
        "unknown command: nothing\ngoodbye\n",
    );
    peer.close();
  });

  it("answers before it ends after its client, and shows out who sends no line's end", async () => {
    await using child = await start("line_server", ["0"]);
    const port = await portOf(child);
    const polite = await connectPeer({ port });
    await polite.write("wait 30\necho last\n");
    await polite.endWriting();
    expect(await readAllText(polite)).toBe("waited 30 ms\nlast\n");
    const endless = await connectPeer({ port });
    await endless.write("x".repeat(4097));
    await endless.endWriting();
    expect(await readAllText(endless)).toBe("error: a message is longer than the 4096 bytes allowed\n");
    for (const peer of [polite, endless]) peer.close();
  });

  it("stops by itself when asked to", async () => {
    await using child = await start("line_server", ["0"], { STOP_AFTER_MS: "200" });
    const { code, output } = await child.end();
    expect(output).toContain("line server stopped");
    expect(code).toBe(0);
  });
});

async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  if (bun === undefined) await Deno.writeFile(path, bytes);
  else await bun.write(path, bytes);
}

async function removeFile(path: string): Promise<void> {
  if (bun === undefined) return await Deno.remove(path);
  await (bun.file(path) as unknown as { delete(): Promise<void> }).delete();
}
