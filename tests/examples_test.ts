/** Each example is run as a user runs it. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { listen } from "../src/mod.ts";
import { httpClient } from "../src/client.ts";
import { DatagramPeer } from "./helpers/datagram_peer.ts";
import { run, start, stop } from "./helpers/examples.ts";
import { Folder, runCommand } from "./helpers/folder.ts";
import { hashOf } from "./helpers/hash.ts";
import { HttpScript, ok } from "./helpers/http_script.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import {
  closedPort,
  connectPeer,
  listenPeer,
  type Peer,
  readAllText,
  readExactly,
  readText,
} from "./helpers/peer.ts";
import { freePort } from "./helpers/pool.ts";
import { runScript } from "./helpers/process.ts";
import { Random } from "./helpers/random.ts";
import { pathOf, runtime, scaled, system } from "./helpers/runtime.ts";
import { delay, errorOf, standsStill, until, within } from "./helpers/wait.ts";
import { importsOf } from "./house/direction.ts";
import { readSources } from "./house/files.ts";

const onlyLinux = {
  ignore: system === "windows" && "Windows has no signals to send, nor links to a checkout",
};

/** Reads lines from a peer. */
class Lines {
  #rest = "";
  constructor(readonly peer: Peer) {}

  static async connect(port: number): Promise<Lines> {
    return new Lines(await connectPeer({ port }));
  }

  async next(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const bytes = await within(this.peer.read(), "a line");
      if (bytes === null) throw new Error("the example ended the connection");
      this.#rest += new TextDecoder().decode(bytes);
    }
  }

  async ask(...lines: string[]): Promise<string[]> {
    await this.peer.write(lines.map((line) => `${line}\n`).join(""));
    const answers: string[] = [];
    while (answers.length < lines.length) answers.push(await this.next());
    return answers;
  }
}

describe("the examples", () => {
  it("import the package and nothing else, so that each runs when it is copied", async () => {
    const examples = await readSources(["examples"], /\.ts$/);
    expect(examples.size).toBeGreaterThan(8);
    for (const [path, text] of examples) {
      const others = importsOf(path, text).filter((name) => !/^@ringport\/ringport(\/\w+)?$/.test(name));
      // One shows how to use a framework.
      expect(others, path).toEqual(path.endsWith("/hono.ts") ? ["hono", "hono/streaming"] : []);
    }
  });

  it("run from a project that has the package", onlyLinux, async () => {
    await using folder = await Folder.make();
    const root = pathOf("..", import.meta.url);
    await runCommand("cp", "-r", pathOf("../examples", import.meta.url), folder.file("app"));
    if (runtime === "bun") {
      await runCommand("mkdir", "-p", folder.file("node_modules/@ringport"));
      await runCommand("ln", "-s", root, folder.file("node_modules/@ringport/ringport"));
    } else {
      const imports = { "@ringport/ringport": `${root}/src/mod.ts`, "@ringport/ringport/": `${root}/src/` };
      const pages = ["framing", "fetch", "http", "pool", "udp"].map((page) => [
        `@ringport/ringport/${page}`,
        `${root}/src/${page}.ts`,
      ]);
      await folder.write(
        "deno.json",
        JSON.stringify({ imports: { ...imports, ...Object.fromEntries(pages) } }),
      );
    }
    for (const [name, ...args] of [["echo", "0"], ["chat", "--port=0"]]) {
      await using child = runScript(`file://${folder.file("app")}/${name}.ts`, import.meta.url, {
        arguments: args,
      });
      await child.line(/listens on .*:\d+/);
      child.signal("SIGTERM");
      expect((await child.end()).code).toBe(0);
    }
  });
});

describe("examples/echo.ts", () => {
  it("takes its port from the argument and sends back what it gets", async () => {
    const { child, port } = await start("echo", "0");
    const peer = await connectPeer({ port });
    const noise = new Random(1).bytes(100_000);
    const answer = readExactly(peer, noise.length);
    await peer.write(noise);
    expect(hashOf(await answer)).toBe(hashOf(noise));
    // With a client connected.
    await stop(child);
    await within(peer.read().catch(() => null), "the end at the client");
    peer.close();
  });

  it("is for this machine alone, and says how to try and to stop it", async () => {
    await using child = run("echo", "0");
    await child.line(
      /listens on 127\.0\.0\.1:(\d+)\r?\ntry it: {2}nc 127\.0\.0\.1 \1 {4}stop it: {2}Ctrl\+C/,
    );
    expect(child.errors).toBe("");
  });

  it("says in one line that its port is taken, or none", async () => {
    await using taken = listen({ hostname: "127.0.0.1", port: 0 });
    const wrong: [port: string, line: RegExp][] = [
      [
        `${taken.port}`,
        new RegExp(`^echo server: .*127\\.0\\.0\\.1:${taken.port}.*in use: EADDRINUSE.*\\r?\\n$`),
      ],
      ["http", /^echo server: .*port.*\r?\n$/],
      ["70000", /^echo server: .*port.*70000\)?\r?\n$/],
    ];
    for (const [port, line] of wrong) {
      await using child = run("echo", port);
      const { code, output, errors } = await child.end();
      expect(errors).toMatch(line);
      expect(output).toBe("");
      expect(code).toBe(1);
    }
  });

  it("takes its port from PORT", async () => {
    const environment = { PORT: String(await freePort()) };
    await using child = runScript("../examples/echo.ts", import.meta.url, { environment });
    expect((await child.line(/listens on .*:(\d+)/))[1]).toBe(environment.PORT);
  });
});

describe("examples/client.ts", () => {
  it("sends as fast as the server takes, waits for a late one, and checks the answer", async () => {
    const port = await freePort();
    await using client = run("client", String(port), scaled(16, 2).toString());
    // Its first attempts are refused.
    await delay(scaled(300, 1_000));
    const server = await start("echo", String(port));
    const { code, output, errors } = await client.end();
    expect(errors).toBe("");
    expect(output).toMatch(/\d{7,} bytes came back, sha256 [0-9a-f]{64}, [\d.]+ MB\/s/);
    expect(code).toBe(0);
    await stop(server.child);
  });

  it("tells when what comes back is not what was sent", async () => {
    const listener = listenPeer();
    await using client = run("client", String(listener.port), "0.01");
    const peer = await listener.accept();
    const bytes = (await within(peer.read(), "the bytes"))!;
    bytes[0] ^= 1;
    await peer.write(bytes);
    await peer.endWriting();
    const { code, errors } = await client.end();
    expect(errors).toContain("others than were sent");
    expect(code).toBe(1);
    peer.close();
    listener.close();
  });
});

describe("examples/load_balancer.ts", () => {
  const balance = (...ports: number[]) =>
    start(
      "load_balancer",
      "--port=0",
      "--workers=1",
      `--argument=${ports.map((port) => `127.0.0.1:${port}`).join()}`,
    );

  it("gives the targets turns, and passes the end of each side on", async () => {
    const targets = [listenPeer(), listenPeer()];
    const { child, port } = await balance(...targets.map((target) => target.port));
    for (const target of targets) {
      const client = await connectPeer({ port });
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
    }
    await stop(child);
  });

  it("reads no faster than the other side takes", async () => {
    const target = listenPeer();
    const { child, port } = await balance(target.port);
    await using _ = child;
    const client = await connectPeer({ port });
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

  it("leaves out a target that refuses, and closes the client where all do", async () => {
    const target = listenPeer();
    const closed = await closedPort();
    const { child, port } = await balance(closed, target.port);
    const client = await connectPeer({ port });
    const upstream = await target.accept();
    await client.write("served");
    expect(await readText(upstream, "served")).toBe("served");
    for (const one of [client, upstream]) one.close();
    target.close();
    // The end may come before the client knows that it was connected.
    const late = await connectPeer({ port }).catch(() => undefined);
    expect(await within(late?.read().catch(() => null) ?? Promise.resolve(null), "the end")).toBe(null);
    late?.close();
    await until(() => child.errors.includes(`target 127.0.0.1:${closed}`), "it told why");
    await stop(child);
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
    const { child, port } = await start("pool_proxy", "0", String(target.port), "127.0.0.1", "3");
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
    await stop(child);
    if (system === "linux") {
      expect(child.output).toMatch(/stopped: [1-3] connections .*, used again \d+ times/);
    }
  });

  it("passes an answer on no faster than its client takes it, and the others go on", async () => {
    await using target = lineServer();
    const { child, port } = await start("pool_proxy", "0", String(target.port), "127.0.0.1", "2");
    await using _ = child;
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
    const { child, port } = await start("pool_proxy", "0", String(await closedPort()));
    await using _ = child;
    const peer = await connectPeer({ port });
    await peer.write("anybody?\n");
    expect(await readAllText(peer)).toBe("the target does not answer\n");
    peer.close();
  });
});

describe("examples/reverse_proxy.ts", () => {
  it("passes requests and answers on, streamed both ways, without the fields of one connection", async () => {
    const body = new Random(7).fill(new Uint8Array(scaled(3_000_000, 300_000)));
    await using target = new HttpScript((connection, { method, target, bodyHash }) => {
      if (target === "/late") return void connection.abort();
      if (target === "/cut") return void connection.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
      const text = method === "HEAD" ? "" : `${target} ${bodyHash.digest()}`;
      connection.write(ok(text, "X-A: b", "X-Own: c", "Connection: x-own", "Keep-Alive: timeout=5"));
    });
    const { child, port } = await start("reverse_proxy", "0", target.origin);
    await using _ = child;
    await using client = httpClient();
    const url = `http://127.0.0.1:${port}`;
    const parts = async function* () {
      for (let at = 0; at < body.length; at += 50_000) {
        yield await Promise.resolve(body.subarray(at, at + 50_000));
      }
    };
    for (const sent of [body, parts()]) {
      const headers = { connection: "close", te: "trailers", "x-c": "d" };
      const answer = await client.request({ url: `${url}/a?b=c`, method: "POST", body: sent, headers });
      expect([answer.status, await answer.text()]).toEqual([200, `/a?b=c ${hashOf(body)}`]);
      expect([answer.headers.get("x-a"), answer.headers.has("x-own")]).toEqual(["b", false]);
      const { fields } = target.asked.at(-1)!;
      expect([fields.get("x-c"), fields.get("x-forwarded-for"), fields.get("te"), fields.get("connection")])
        .toEqual(["d", "127.0.0.1", undefined, undefined]);
    }
    expect((await client.request({ url, method: "HEAD" })).status).toBe(200);
    const failed = await client.request({ url: `${url}/late`, method: "POST" });
    expect(failed.status).toBe(502);
    expect(await failed.text()).toContain("before an answer");
    // A part is never taken for all of the body.
    const cut = await errorOf(async () => await (await client.request(`${url}/cut`)).text());
    expect(String(cut)).toContain("the connection ended");
    await stop(child);
  });
});

describe("examples/supervised.ts", () => {
  it("serves with workers, replaces one that crashes, hands out metrics, tells how it ended", async () => {
    const { child, port } = await start("supervised");
    await using _ = child;
    const peers = await Promise.all([connectPeer({ port }), connectPeer({ port })]);
    for (const peer of peers) {
      await peer.write("hello\n");
      expect(await readText(peer, "hello\n")).toBe("hello\n");
    }
    await peers[0].write("crash\n");
    await child.errorLine(/"worker\.replaced"/);
    await peers[1].write("still here\n");
    expect(await readText(peers[1], "still here\n")).toBe("still here\n");
    const [, metrics] = await child.errorLine(/"metrics\.listening","address":"([^"]+)"/);
    expect(await (await fetch(`http://${metrics}/metrics`)).text()).toContain("ringport_connections_open");
    await peers[1].write("stop\n");
    const { code, output } = await child.end();
    expect(output).toContain("served 1 to the end, cut 0: application");
    expect(code).toBe(0);
    for (const peer of peers) peer.close();
  });
});

describe("examples/chat.ts", () => {
  it("passes lines to all others", async () => {
    const { child, port } = await start("chat", "--port=0");
    const join = async (name: string) => {
      const guest = await Lines.connect(port);
      expect(await guest.next()).toBe("* your name?");
      await guest.peer.write(`${name}\n`);
      return guest;
    };
    const anna = await join("anna");
    expect(await anna.next()).toBe("* welcome, anna; 1 here");
    const berta = await join("anna");
    expect(await berta.next()).toBe("* anna is taken, choose another name");
    await berta.peer.write("berta\n");
    expect(await berta.next()).toBe("* welcome, berta; 2 here");
    expect(await anna.next()).toBe("* berta came");
    await anna.peer.write("hel");
    await delay(20);
    await anna.peer.write("lo\nand more\n");
    expect(await berta.next()).toBe("anna: hello");
    expect(await berta.next()).toBe("anna: and more");
    berta.peer.close();
    expect(await anna.next()).toBe("* berta left");
    await anna.peer.write("x".repeat(2000));
    await within(readAllText(anna.peer).catch(() => ""), "the end for one who sends no end of line");
    anna.peer.close();
    await stop(child);
  });

  it("serves many, and goes on without one who does not read", async () => {
    const { child, port } = await start("chat", "--port=0");
    await using _ = child;
    const guests = await Promise.all(Array.from({ length: scaled(100, 20) }, async (_, index) => {
      const guest = await Lines.connect(port);
      await guest.next();
      await guest.peer.write(`guest-${index}\n`);
      return guest;
    }));
    // The first one never reads again; the last one speaks until the chat has shown the first one out.
    const speaker = guests.at(-1)!;
    const heard = guests[1];
    const line = `${"x".repeat(900)}\n`;
    for (let round = 0; round < 50; round++) await speaker.peer.write(line);
    let got = 0;
    while (got < 50) if ((await heard.next()).startsWith(`guest-${guests.length - 1}: x`)) got += 1;
    for (const guest of guests) guest.peer.close();
  });
});

describe("examples/key_value.ts", () => {
  it("answers commands that come at once, in order, also behind one that waits", async () => {
    const { child, port } = await start("key_value", "--port=0", "--argument=secret");
    const client = await Lines.connect(port);
    expect(await client.ask("get a")).toEqual(['error: send "auth TOKEN" first']);
    expect(await client.ask("auth secret", "set a some words", "get a", "get b", "nothing")).toEqual([
      "ok",
      "ok",
      "some words",
      "(none)",
      'error: unknown command "nothing"',
    ]);
    const other = await Lines.connect(port);
    await other.peer.write("auth secret\nwait b\nge");
    expect(await other.next()).toBe("ok");
    await other.peer.write("t a\n");
    expect(await client.ask("set b soon")).toEqual(["ok"]);
    // The answers are in the order of the commands.
    expect([await other.next(), await other.next()]).toEqual(["soon", "some words"]);
    expect(await client.ask("delete a", "delete a", "quit", "get b").catch(() => "ended")).toBe("ended");
    expect(await other.ask("count")).toEqual(["1"]);
    await other.peer.write("x".repeat(5000));
    await other.peer.endWriting();
    expect(await other.next()).toBe("error: a message is longer than the 4096 bytes allowed");
    for (const { peer } of [client, other]) peer.close();
    await stop(child);
  });

  it("bans a client that goes on guessing", async () => {
    const { child, port } = await start("key_value", "--port=0", "--argument=secret");
    await using _ = child;
    const client = await Lines.connect(port);
    for (let guess = 0; guess < 3; guess++) {
      expect(await client.ask(`auth ${guess}`)).toEqual(["error: wrong token"]);
    }
    await child.errorLine(/"address\.banned"/);
    const late = await connectPeer({ port }).catch(() => undefined);
    expect(await within(late?.read().catch(() => null) ?? Promise.resolve(null), "the end")).toBe(null);
    late?.close();
    client.peer.close();
  });
});

describe("examples/udp_echo.ts", () => {
  it("sends back what it gets, and tells of it", async () => {
    const { child, port } = await start("udp_echo", "0");
    using peer = await DatagramPeer.open();
    const noise = new Random(9).bytes(1200);
    await peer.send(noise, port);
    expect((await peer.receive()).bytes).toEqual(noise);
    expect((await child.line(/(\d+) datagrams, (\d+) bytes/)).slice(1)).toEqual(["1", "1200"]);
    await stop(child);
  });
});

describe("examples/udp_collector.ts", () => {
  it("passes datagrams on as lines, to a sink that may come late and go", async () => {
    const sinkPort = await freePort();
    const { child, port } = await start(
      "udp_collector",
      `--udp=${JSON.stringify([{ hostname: "127.0.0.1", port: 0 }])}`,
      `--argument=127.0.0.1:${sinkPort}`,
    );
    using peer = await DatagramPeer.open();
    for (const round of [1, 2]) {
      const sink = listenPeer({ port: sinkPort });
      const lines = new Lines(await sink.accept());
      const connected = () => child.errors.split(`connected to 127.0.0.1:${sinkPort}`).length - 1;
      await until(() => connected() === round, "it is connected");
      for (const text of ["one", "two\n"]) await peer.send(new TextEncoder().encode(`${text}`), port);
      expect([await lines.next(), await lines.next()]).toEqual(["one", "two"]);
      lines.peer.close();
      sink.close();
    }
    await stop(child);
  });
});

describe("examples/file_drop.ts", () => {
  const header = (fields: object) => {
    const text = new TextEncoder().encode(JSON.stringify(fields));
    return new Uint8Array([0, 0, text.length >> 8, text.length & 255, ...text]);
  };

  it("stores the files that follow their headers", async () => {
    await using folder = await Folder.make();
    const { child, port } = await start("file_drop", "--port=0", `--argument=${folder.path}`);
    const client = await Lines.connect(port);
    const noise = new Random(4).bytes(scaled(3_000_000, 300_000));
    for (const name of ["a.bin", "b.bin"]) {
      await client.peer.write(header({ name, size: noise.length }));
      await client.peer.write(noise);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", noise as Uint8Array<ArrayBuffer>));
      expect(await client.next()).toBe(`${name} ${noise.length} ${digest.toHex()}`);
    }
    if (system === "linux") expect(await runCommand("ls", folder.path)).toBe("a.bin\nb.bin");
    await client.peer.write(header({ name: "../c.bin", size: 1 }));
    expect(await client.next()).toBe("error: the name");
    client.peer.close();
    await stop(child);
  });
});

describe("examples/unix_socket.ts", () => {
  it("talks to itself and ends", onlyLinux, async () => {
    await using folder = await Folder.make();
    await using child = run("unix_socket", folder.file("u"));
    const { code, output } = await child.end();
    expect(output).toContain("you sent hello");
    expect(output).toContain("unix server stopped");
    expect(code).toBe(0);
  });
});
