/** Limits of HTTP at their last byte, counters, and ends that cross: what other tests let pass by one. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { OptionError } from "../src/mod.ts";
import { TestServer } from "./helpers/http.ts";

const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;

describe("a stream", () => {
  it("refuses wrong options and trailers, and the request can still be answered", async () => {
    const wrong: [options: unknown, message: RegExp][] = [
      [{ length: "3" }, /"length" must be a whole number of bytes/],
      [{ length: -1 }, /"length" must be/],
      [{ length: NaN }, /"length" must be/],
      [{ length: 1.5 }, /"length" must be/],
      [{ lenght: 3 }, /unknown option "lenght"/],
      [{ trailers: ["a b"] }, /"a b" is not the name/],
      [{ trailers: "ab" }, /"trailers" must be a list/],
    ];
    await using server = new TestServer({
      request(_request, response) {
        for (const [options, message] of wrong) {
          expect(() => response.stream(options as never)).toThrow(OptionError);
          expect(() => response.stream(options as never)).toThrow(message);
        }
        response.header("Content-Length", 3);
        expect(() => response.stream({ length: 4 })).toThrow(/Content-Length says 3/);
        response.stream({ length: 3 }).end("abc");
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    expect((await client.answer()).body).toBe("abc");
    client.peer.close();
    expect(server.errors).toEqual([]);
  });

  it("sends no field as a trailer that frames a message", async () => {
    await using server = new TestServer({
      request(_request, response) {
        const stream = response.stream();
        for (const name of ["Host", "content-length", "Trailer", "Connection", "Transfer-Encoding"]) {
          expect(() => stream.end("", { "X-A": "1", [name]: name === "Connection" ? "close" : "5" }), name)
            .toThrow(OptionError);
        }
        stream.end("x", { "X-Sum": "1" });
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    const { body, trailers } = await client.answer();
    expect([body, [...trailers]]).toEqual(["x", [["x-sum", "1"]]]);
    client.peer.close();
    expect(server.errors).toEqual([]);
  });
});
