/** Replies in the order of their messages, whatever order they are given in, and a bounded number in work. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { StateError } from "../src/mod.ts";
import { crlfLines, dotTerminated, lengthPrefixed, lines, type Reply } from "../src/framing.ts";
import { FramedServer, framesOf } from "./helpers/framed.ts";
import { readAllText, readExactly, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { type Deferred, deferred, delay, errorOf, until, within } from "./helpers/wait.ts";

const KIBIBYTE = 1024;
const numbers = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => String(from + index));
const linesOf = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join("");

describe("replies", () => {
  it("given later leave in the order of their messages", async () => {
    for (let seed = 1; seed <= scaled(12, 3); seed++) {
      const random = new Random(seed * 17);
      const owed: { text: string; reply: Reply }[] = [];
      await using server = new FramedServer(lines(), {
        message(_connection, window, reply) {
          // Some at once, some at once after all, most of them later.
          const draw = random.next() % 4;
          if (draw === 0) reply.send(window);
          else if (draw === 1) reply.later().send(window.text());
          else owed.push({ text: window.text(), reply: reply.later() });
        },
      }, { loop: { development: seed % 2 === 0 } });
      const { peer } = await server.connect();
      const texts = numbers(50);
      await peer.write(linesOf(texts));
      let whole = false;
      const answer = readText(peer, linesOf(texts)).finally(() => whole = true);
      while (!whole) {
        await delay(0);
        if (owed.length === 0) continue;
        const [{ text, reply }] = owed.splice(random.next() % owed.length, 1);
        expect(reply.done).toBe(false);
        expect(["sent", "queued"]).toContain(reply.send(text));
        expect(reply.done).toBe(true);
      }
      expect(await answer, `seed ${seed}`).toBe(linesOf(texts));
      peer.close();
    }
  });

  it("of async handlers leave in order too", async () => {
    const random = new Random(3);
    await using server = new FramedServer(lines(), {
      async message(_connection, window, reply) {
        const text = window.text();
        if (random.oneIn(3)) await delay(random.between(0, 20));
        if (text === "17") return reply.skip();
        if (text !== "23") reply.send(text);
      },
    });
    const { peer } = await server.connect();
    const texts = numbers(60);
    await peer.write(linesOf(texts));
    // Two messages are answered by nothing; the others do not wait for them.
    const wanted = linesOf(texts.filter((text) => text !== "17" && text !== "23"));
    expect(await readText(peer, wanted)).toBe(wanted);
    expect(server.loop.stats().handlersWaiting).toBe(0);
    peer.close();
  });

  it("refuse to be given twice, or when their time is over", async () => {
    const errors: unknown[] = [];
    let kept: Reply | undefined;
    await using server = new FramedServer(lines(), {
      async message(_connection, window, reply) {
        const text = window.text();
        if (text === "twice") {
          reply.send("once");
          errors.push(await errorOf(() => reply.send("again")));
        } else if (text === "forgotten") {
          kept = reply;
          reply.skip();
        } else {
          reply.later();
          reply.send("later");
          errors.push(await errorOf(() => reply.later()), await errorOf(() => reply.send("again")));
        }
      },
    });
    const { peer, log } = await server.connect();
    await peer.write("twice\nlater\nforgotten\n");
    expect(await readText(peer, "once\nlater\n")).toBe("once\nlater\n");
    await until(() => kept !== undefined, "the last message came");
    errors.push(await errorOf(() => kept!.send("late")));
    expect(errors.length).toBe(4);
    for (const error of errors) {
      expect(error).toBeInstanceOf(StateError);
      expect((error as StateError).message).toContain("already answered");
    }
    expect(log.reason).toBe(undefined);
    peer.close();
  });

  it("may be framed in another way, or not at all", async () => {
    await using mails = new FramedServer(dotTerminated(), {
      message: (_connection, window, reply) => void reply.send(`250 ${window.length} bytes`),
    }, { replyFramer: crlfLines() });
    const mail = await mails.connect();
    await mail.peer.write("one\r\n..two\r\n.\r\n");
    expect(await readText(mail.peer, "250 11 bytes\r\n")).toBe("250 11 bytes\r\n");
    mail.peer.close();
    await using raw = new FramedServer(lines(), {
      async message(_connection, window, reply) {
        const text = window.text();
        if (text === "slow") await delay(5);
        reply.send(`<${text}>`);
      },
    }, { replyFramer: null });
    const { peer } = await raw.connect();
    await peer.write("slow\nquick\n");
    expect(await readText(peer, "<slow><quick>")).toBe("<slow><quick>");
    peer.close();
  });

  it("the last one closes the connection in its turn, and nothing is read after it", async () => {
    const seen: string[] = [];
    const slow = deferred();
    await using server = new FramedServer(lines(), {
      async message(_connection, window, reply) {
        const text = window.text();
        seen.push(text);
        if (text === "slow") await slow.promise;
        if (text === "quit") reply.end("bye");
        else reply.send(text);
      },
    });
    const { peer, log } = await server.connect();
    await peer.write("slow\nquit\nmore\n");
    await until(() => seen.length === 2, "two messages came");
    await delay(20);
    expect(log.connection.state).toBe("open");
    slow.resolve();
    expect(await within(readAllText(peer), "the end")).toBe("slow\nbye\n");
    peer.close();
    const reason = await log.closed();
    expect([reason.by, reason.flushed, reason.error]).toEqual(["local", true, undefined]);
    expect(seen).toEqual(["slow", "quit"]);
  });
});

describe("failing handlers of messages", () => {
  it("abort their connection alone", async () => {
    for (const way of ["throw", "reject", "reject later"]) {
      await using server = new FramedServer(lines(), {
        message(_connection, window, reply) {
          const text = window.text();
          if (text !== "bad") return void reply.send(text);
          if (way === "throw") throw new TypeError(way);
          return (way === "reject" ? Promise.resolve() : delay(5)).then(() => {
            throw new TypeError(way);
          });
        },
      });
      const other = await server.connect();
      const { peer, log } = await server.connect();
      await peer.write("bad\nnext\n");
      const reason = await log.closed();
      expect(reason.error, way).toBeInstanceOf(TypeError);
      expect(log.errors.length, way).toBe(1);
      expect(server.loop.stats().handlerErrors).toBe(1);
      await other.peer.write("good\n");
      expect(await readText(other.peer, "good\n")).toBe("good\n");
      other.peer.close();
      peer.close();
    }
  });

  it("are answered for by errorReply, in order", async () => {
    await using server = new FramedServer(lines(), {
      async message(_connection, window, reply) {
        const text = window.text();
        if (text.startsWith("slow")) await delay(10);
        if (text.endsWith("bad")) throw new TypeError(text);
        reply.send(text);
      },
      errorReply: (_connection, error) => `error: ${(error as Error).message}`,
    });
    const { peer, log } = await server.connect();
    await peer.write("slow bad\nbad\ngood\nslow\nbad\n");
    const wanted = "error: slow bad\nerror: bad\ngood\nslow\nerror: bad\n";
    expect(await readText(peer, wanted)).toBe(wanted);
    expect(log.errors).toEqual([]);
    expect(server.loop.stats().handlerErrors).toBe(3);
    peer.close();
  });

  it("end the connection when errorReply has nothing to say or fails itself", async () => {
    for (const fails of [false, true]) {
      await using server = new FramedServer(lines(), {
        message() {
          throw new TypeError("first");
        },
        errorReply() {
          if (fails) throw new RangeError("second");
          return undefined;
        },
      });
      const { peer, log } = await server.connect();
      await peer.write("a\n");
      expect((await log.closed()).error).toBeInstanceOf(fails ? RangeError : TypeError);
      peer.close();
    }
  });
});

describe("messages in work", () => {
  it("are bounded: then nothing more is read, until half of them are answered", async () => {
    const owed: Deferred<void>[] = [];
    await using server = new FramedServer(lines(), {
      async message(_connection, window, reply) {
        const text = window.text();
        const answer = deferred();
        owed.push(answer);
        await answer.promise;
        reply.send(text);
      },
    }, { maxPipeline: 8, loop: { development: true } });
    const { peer } = await server.connect();
    const texts = numbers(100);
    await peer.write(linesOf(texts.slice(0, 50)));
    await until(() => owed.length === 8, "eight messages were handed over");
    await peer.write(linesOf(texts.slice(50)));
    await delay(30);
    expect(owed.length).toBe(8);
    for (let index = 0; index < 3; index++) owed[index].resolve();
    await delay(30);
    expect(owed.length).toBe(8);
    owed[3].resolve();
    await until(() => owed.length === 12, "four more were handed over");
    const answering = (async () => {
      for (let index = 4; index < 100; index++) {
        await until(() => owed.length > index, `message ${index} was handed over`);
        expect(owed.length).toBeLessThan(index + 9);
        owed[index].resolve();
        if (index % 7 === 0) await delay(1);
      }
    })();
    expect(await readText(peer, linesOf(texts))).toBe(linesOf(texts));
    await answering;
    peer.close();
  });

  it("one at a time is possible", async () => {
    let inWork = 0;
    let most = 0;
    await using server = new FramedServer(lengthPrefixed("u16le"), {
      async message(_connection, window, reply) {
        const text = window.text();
        most = Math.max(most, ++inWork);
        await delay(0);
        inWork -= 1;
        reply.send(text);
      },
    }, { maxPipeline: 1, loop: { segmentSize: 512, development: true } });
    const { peer } = await server.connect();
    const stream = framesOf(lengthPrefixed("u16le"), numbers(scaled(300, 60)).map((text) => text.repeat(20)));
    const answer = readExactly(peer, stream.length);
    await peer.write(stream);
    expect(await answer).toEqual(stream);
    expect(most).toBe(1);
    peer.close();
  });

  it("one at a time is possible also where a handler works on after its reply", async () => {
    let inWork = 0;
    let most = 0;
    let handled = 0;
    await using server = new FramedServer(lines(), {
      async message(_connection, window, reply) {
        most = Math.max(most, ++inWork);
        reply.send(window);
        await delay(1);
        inWork -= 1;
        handled += 1;
      },
    }, { maxPipeline: 1 });
    const { peer } = await server.connect();
    await peer.write("line\n".repeat(20));
    await until(() => handled === 20, "all were handled");
    expect(most).toBe(1);
    peer.close();
  });

  it("a handler that waits for the end of its connection lets the next ones come", async () => {
    const texts: string[] = [];
    await using server = new FramedServer(lines(), {
      async message(connection, window, reply) {
        texts.push(window.text());
        reply.skip();
        if (texts.length === 1) await connection.closed;
      },
    }, { maxPipeline: 1 });
    const { peer } = await server.connect();
    await peer.write("subscribe\nping\n");
    await until(() => texts.length === 2, "both came");
    peer.close();
  });

  it("that the peer was owed at its end are still answered", async () => {
    const ends: number[] = [];
    for (const handled of [false, true]) {
      await using server = new FramedServer(lines(), {
        async message(_connection, window, reply) {
          const text = window.text();
          await delay(text === "0" ? 40 : 5);
          reply.send(text);
        },
        ...(handled
          ? {
            end(connection, incompleteBytes) {
              ends.push(incompleteBytes);
              connection.end("the end\n");
            },
          }
          : {}),
      });
      const { peer, log } = await server.connect();
      await peer.write(`${linesOf(numbers(20))}rest`);
      await peer.endWriting();
      expect(await readAllText(peer)).toBe(linesOf(numbers(20)) + (handled ? "the end\n" : ""));
      const reason = await log.closed();
      expect([reason.by, reason.flushed]).toEqual(["peer", true]);
      peer.close();
    }
    expect(ends).toEqual([4]);
  });

  it("are forgotten with their connection", async () => {
    const owed: Reply[] = [];
    await using server = new FramedServer(lines(), {
      message: (_connection, _window, reply) => void owed.push(reply.later()),
    });
    const { peer, log } = await server.connect();
    await peer.write("a\nb\nc\n");
    await until(() => owed.length === 3, "three messages came");
    expect(owed[1].send("second")).toBe("queued");
    log.connection.abort();
    await log.closed();
    for (const reply of [owed[0], owed[2]]) {
      expect(reply.done).toBe(true);
      expect(reply.send("late")).toBe("refused");
      reply.skip();
    }
    peer.close();
  });

  it("are lost without harm when the application ends the connection itself", async () => {
    const owed: Reply[] = [];
    await using server = new FramedServer(lines(), {
      message: (_connection, _window, reply) => void owed.push(reply.later()),
    });
    const { peer, log } = await server.connect();
    await peer.write("a\nb\n");
    await until(() => owed.length === 2, "two messages came");
    log.connection.end("bye");
    expect(owed[1].send("second")).toBe("queued");
    expect(owed[0].send("first")).toBe("refused");
    expect(await readAllText(peer)).toBe("bye");
    peer.close();
    expect((await log.closed()).flushed).toBe(true);
  });
});

describe("a peer that reads slowly", () => {
  it("is given no more answers than it takes, and all of them in the end", async () => {
    const answer = new Random(4).bytes(64 * KIBIBYTE);
    const count = scaled(800, 200);
    for (const later of [false, true]) {
      let handled = 0;
      let most = 0;
      await using server = new FramedServer(lines(), {
        message(connection, _window, reply) {
          handled += 1;
          most = Math.max(most, connection.bufferedBytes);
          if (!later) return void reply.send(answer);
          return Promise.resolve().then(() => void reply.send(answer));
        },
      }, { replyFramer: null, maxPipeline: 4 });
      const { peer } = await server.connect();
      await peer.write("x\n".repeat(count));
      let before = -1;
      await until(async () => {
        const still = handled === before;
        before = handled;
        await delay(50);
        return still && handled > 0;
      }, "the server stood still");
      // What the kernel's buffers take is answered; the rest is not even looked at.
      expect(handled).toBeLessThan(count);
      expect(most).toBeLessThan(1024 * KIBIBYTE);
      const all = await readExactly(peer, count * answer.length);
      expect(handled).toBe(count);
      for (let at = 0; at < all.length; at += answer.length * 97) {
        expect(all.subarray(at, at + 64)).toEqual(answer.subarray(0, 64));
      }
      peer.close();
    }
  });

  it("has what waits in turn counted against its limit", async () => {
    const owed: Reply[] = [];
    await using server = new FramedServer(lines(), {
      message: (_connection, _window, reply) => void owed.push(reply.later()),
    }, { replyFramer: null, listen: { bufferLimit: 100_000 } });
    const { peer } = await server.connect();
    await peer.write("a\nb\nc\n");
    await until(() => owed.length === 3, "three messages came");
    expect(owed[1].send(new Uint8Array(90_000))).toBe("queued");
    expect(owed[2].send(new Uint8Array(20_000))).toBe("refused");
    expect(owed[2].done).toBe(false);
    expect(owed[2].send(new Uint8Array(10_000))).toBe("queued");
    expect(["sent", "queued"]).toContain(owed[0].send("x"));
    expect((await readExactly(peer, 100_001)).length).toBe(100_001);
    peer.close();
  });
});
