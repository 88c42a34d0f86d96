/** What an idle connection keeps of HTTP between two requests: nothing, however the last one was answered. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { HttpHandlers, HttpResponse } from "../src/http.ts";
import { StreamConnection } from "../src/stream/connection.ts";
import { received, TestServer } from "./helpers/http.ts";
import { delay, until } from "./helpers/wait.ts";

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const post = (path: string, fields: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const length = (bytes: number) => `Content-Length: ${bytes}\r\n`;
const chunked = "Transfer-Encoding: chunked\r\n";

async function inParts(response: HttpResponse): Promise<void> {
  const stream = response.stream();
  stream.write("an");
  await delay(1);
  stream.write("swer");
  stream.end();
}

const handlers: HttpHandlers = {
  request(request, response) {
    switch (request.path) {
      case "/now":
        return void response.send("answer");
      case "/body":
        return request.text().then((text) => void response.send(text));
      case "/thrown":
        throw new Error("on purpose");
      case "/stream":
        return inParts(response);
      default:
        return delay(1).then(() => void response.send("answer"));
    }
  },
};

/** The memory of HTTP on the only connection of the server. */
function memoryOf({ connections }: TestServer): unknown {
  const connection = connections[0];
  if (!(connection instanceof StreamConnection)) throw new Error("the connection is none of this library");
  return (connection as StreamConnection).memory;
}

/** Ways of a request: what is sent, in pieces, and how many answers come back. */
const ways: [name: string, pieces: string[], answers: number][] = [
  ["answered within its callback", [get("/now")], 1],
  ["answered later", [get("/later")], 1],
  ["whose head came in pieces", [get("/now").slice(0, 9), get("/now").slice(9)], 1],
  ["whose head came in pieces and that was answered later", [
    get("/later").slice(0, 9),
    get("/later").slice(9),
  ], 1],
  ["pipelined", [get("/now") + get("/later") + get("/now") + get("/later")], 4],
  ["with a body", [post("/body", length(6)) + "answer"], 1],
  ["whose body came in pieces", [post("/body", length(6)) + "ans", "wer"], 1],
  ["with a chunked body", [post("/body", chunked) + "3\r\nans\r\n", "3\r\nwer\r\n0\r\n\r\n"], 1],
  ["with a body that is not read", [post("/now", length(6)) + "ans", "wer"], 1],
  ["whose handler failed", [get("/thrown")], 1],
  ["answered in parts", [get("/stream")], 1],
];

describe("a connection between two requests keeps nothing behind a request", () => {
  for (const [name, pieces, answers] of ways) {
    it(name, async () => {
      await using server = new TestServer(handlers);
      const client = await server.connect();
      let sent = 0;
      for (const piece of pieces) {
        await client.write(piece);
        sent += piece.length;
        await received(server, sent);
      }
      for (let left = answers; left > 0; left--) await client.answer();
      await until(() => memoryOf(server) === undefined, "the memory is given up");
      expect(server.reasons).toEqual([]);
      client.peer.close();
    });
  }

  it("and something while one is in work", async () => {
    await using server = new TestServer({
      request: async (_request, response) => {
        await delay(1);
        expect(memoryOf(server)).not.toBe(undefined);
        response.send("seen");
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    expect((await client.answer()).body).toBe("seen");
    client.peer.close();
  });
});
