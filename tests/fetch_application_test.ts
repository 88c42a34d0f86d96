/** A module that exports `fetch` is an application. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { OptionError, Server } from "../src/mod.ts";
import { applicationOf } from "../src/server/application.ts";

const module = new URL("./applications/fetch.ts", import.meta.url).href;
const quiet = { hostname: "127.0.0.1", port: 0, log: () => {} };

describe("a module that exports fetch", () => {
  for (const workers of [1, 2]) {
    it(`is served by ${workers} worker(s), with its own options`, async () => {
      await using server = await Server.start(module, { ...quiet, workers });
      const at = (path: string) => `http://127.0.0.1:${server.port}${path}`;
      expect(await (await fetch(at("/a?b"))).text()).toBe("GET /a  1 127.0.0.1");
      const post = (body: string) => fetch(at("/p"), { method: "POST", body });
      expect(await (await post("body")).text()).toBe("POST /p body 1 127.0.0.1");
      expect((await post("x".repeat(101))).status).toBe(413);
      const failed = await fetch(at("/throw"));
      expect([failed.status, await failed.text()]).toEqual([503, "failed: on purpose"]);
    });
  }

  it("answers requests in work before it stops", async () => {
    const server = await Server.start(module, { ...quiet, workers: 1 });
    const answers = Array.from({ length: 20 }, () => fetch(`http://127.0.0.1:${server.port}/x`));
    const texts = await Promise.all(answers.map(async (answer) => (await answer).text()));
    await server.shutdown();
    expect(texts.every((text) => text.startsWith("GET /x"))).toBe(true);
  });

  it("may be a class, or an object that a framework has made", () => {
    class Own {
      fetch() {
        return new Response("x");
      }
      stop() {}
      data2() {}
    }
    const own = applicationOf(Own, "file:///a.ts");
    expect([typeof own.data, typeof own.stop]).toEqual(["function", "function"]);
    // Of a framework's object nothing but fetch is used: its onError is something else.
    class Framework {
      onError() {}
      stop() {}
      fetch = () => new Response("x");
    }
    const framework = applicationOf(new Framework(), "file:///a.ts");
    expect([typeof framework.data, framework.stop, framework.error]).toEqual([
      "function",
      undefined,
      undefined,
    ]);
  });

  it("is refused with options that belong to the server", () => {
    const handler = () => new Response("x");
    for (
      const [key, hint] of [["port", /--port/], ["idleTimeout", /--timeouts\.idle/], [
        "data",
        /fetch or data/,
      ]] as const
    ) {
      const program = () => applicationOf({ fetch: handler, [key]: 3000 }, "file:///a.ts");
      expect(program, key).toThrow(OptionError);
      expect(program, key).toThrow(hint);
    }
    const wrong: [key: string, message: RegExp][] = [
      ["routes", /framework/],
      ["websocket", /info\.upgrade/],
      ["development", /--development/],
      ["maxRequestBodySiz", /did you mean "maxRequestBodySize"/],
      ["onerror", /did you mean "onError"/],
    ];
    for (const [key, message] of wrong) {
      expect(() => applicationOf({ fetch: handler, [key]: 3000 }, "file:///a.ts"), key).toThrow(message);
    }
    // Handlers of other hosts, and the fields of a class.
    expect(typeof applicationOf({ fetch: handler, scheduled() {}, queue() {} }, "file:///a.ts").data).toBe(
      "function",
    );
    class Own {
      fetch = handler;
      id = 1;
      path = "/";
    }
    expect(typeof applicationOf(Own, "file:///a.ts").data).toBe("function");
    expect(() => applicationOf({ fetch: handler, onError: 1 }, "file:///a.ts")).toThrow(/onError/);
    expect(() => applicationOf({ fetch: handler, http: { x: 1 } }, "file:///a.ts")).toThrow(/http\.x/);
  });
});
