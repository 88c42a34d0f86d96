/** Trailers of requests: fields behind a body in chunks. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type ClientRequest, httpClient } from "../src/client.ts";
import { OptionError } from "../src/mod.ts";
import { TestServer } from "./helpers/http.ts";
import { errorOf } from "./helpers/wait.ts";

const encoder = new TextEncoder();

async function* parts(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(encoder.encode(text));
}

/** Answers with what came: the body, the fields of framing, the trailers. */
function echo(): TestServer {
  return new TestServer({
    async request(request, response) {
      const body = await request.text();
      const framing = ["content-length", "transfer-encoding", "trailer"].map((name) =>
        request.header(name) ?? null
      );
      response.send(JSON.stringify({ body, framing, trailers: await request.trailers }));
    },
  });
}

describe("trailers of a request", () => {
  it("follow a body of any kind, which is sent as chunks", async () => {
    await using server = echo();
    await using client = httpClient();
    const url = `http://127.0.0.1:${server.port}/`;
    const bodies = ["text", encoder.encode("text"), parts("te", "", "xt"), new Response("text").body!];
    for (const body of bodies) {
      const trailers = { "X-Sum": "abc", "X-Many": ["1", "2"] };
      const answer = await client.request({ url, method: "POST", body, trailers });
      expect(await answer.json()).toEqual({
        body: "text",
        framing: [null, "chunked", "x-sum, x-many"],
        trailers: [["x-sum", "abc"], ["x-many", "1"], ["x-many", "2"]],
      });
    }
    expect(client.stats().pool.created).toBe(1);
  });

  it("are asked for once the body is out", async () => {
    await using server = echo();
    await using client = httpClient();
    const order: string[] = [];
    const answer = await client.request({
      url: `http://127.0.0.1:${server.port}/`,
      method: "PUT",
      headers: { Trailer: "X-Length" },
      body: (async function* () {
        yield* parts("a", "b");
        order.push("end of the body");
      })(),
      trailers: async () => {
        await Promise.resolve();
        order.push("trailers");
        return { "X-Length": "2" };
      },
    });
    expect(await answer.json()).toEqual({
      body: "ab",
      framing: [null, "chunked", "X-Length"],
      trailers: [["x-length", "2"]],
    });
    expect(order).toEqual(["end of the body", "trailers"]);
  });

  it("may be none, of a body without bytes too", async () => {
    await using server = echo();
    await using client = httpClient();
    const url = `http://127.0.0.1:${server.port}/`;
    for (const trailers of [{}, () => ({})]) {
      for (const body of ["", parts()]) {
        const answer = await client.request({ url, method: "POST", body, trailers });
        expect(await answer.json()).toEqual({ body: "", framing: [null, "chunked", null], trailers: [] });
      }
    }
  });

  it("fail the request with what their function throws, or with a wrong field", async () => {
    await using server = echo();
    await using client = httpClient();
    const url = `http://127.0.0.1:${server.port}/`;
    const reason = new Error("no sum");
    const failing = () => {
      throw reason;
    };
    expect(await errorOf(() => client.request({ url, method: "POST", body: "a", trailers: failing }))).toBe(
      reason,
    );
    const wrong = () => ({ "x-sum": "a\r\nb: c" });
    expect(await errorOf(() => client.request({ url, method: "POST", body: "a", trailers: wrong })))
      .toBeInstanceOf(OptionError);
    expect(client.stats()).toMatchObject({ failures: 2, active: 0, pool: { leased: 0 } });
  });

  it("are refused where they cannot be sent, or would mean something else", async () => {
    await using client = httpClient();
    const url = "http://127.0.0.1:1/";
    const trailers = { "x-sum": "1" };
    const wrong: [Partial<ClientRequest>, string][] = [
      [{ trailers }, "trailers"],
      [{ trailers, body: parts("a"), bodyLength: 1 }, "trailers"],
      [{ trailers, body: "a", headers: { "content-length": "1" } }, "content-length"],
      [{ trailers: 1 as never, body: "a" }, "trailers"],
      [{ trailers: { "content-length": "1" }, body: "a" }, "content-length"],
      [{ trailers: { Host: "a" }, body: "a" }, "host"],
      [{ trailers: { Authorization: "a" }, body: "a" }, "authorization"],
      [{ trailers: { "Content-Type": "a" }, body: "a" }, "content-type"],
      [{ trailers: { "transfer-encoding": "chunked" }, body: "a" }, "transfer-encoding"],
      [{ trailers: { "a b": "c" }, body: "a" }, "name"],
      [{ headers: { trailer: "x-sum" }, body: "a" }, "trailer"],
    ];
    for (const [options, option] of wrong) {
      const error = await errorOf(() => client.request({ url, method: "POST", ...options }));
      expect(error).toBeInstanceOf(OptionError);
      expect((error as OptionError).key, JSON.stringify(options)).toBe(option);
    }
    expect(client.stats().requests).toBe(0);
  });
});
