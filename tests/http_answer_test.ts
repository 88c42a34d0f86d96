/** The small piece of HTTP that hands out figures: every cut of a request, and garbage. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  answerBytes,
  answerFor,
  errorAnswer,
  headMaxBytes,
  readHead,
} from "../src/worker/metrics/http_answer.ts";
import { Random } from "./helpers/random.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const route = (path: string) => path === "/a" ? { status: 200, body: "é\n" } : undefined;

function answerText(request: string): string | undefined {
  const bytes = answerFor(encoder.encode(request), route);
  return bytes === undefined ? undefined : decoder.decode(bytes);
}

function statusOf(request: string): number | undefined {
  const answer = answerText(request);
  return answer === undefined ? undefined : Number(answer.split(" ")[1]);
}

describe("an answer over HTTP", () => {
  it("is whole, with its length in bytes", () => {
    const [head, body] = answerText("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")!.split("\r\n\r\n");
    expect(body).toBe("é\n");
    expect(head.split("\r\n")[0]).toBe("HTTP/1.1 200 OK");
    expect(head).toContain("Content-Length: 3");
    expect(head).toContain("Connection: close");
  });

  it("comes when the head is whole, wherever it is cut", () => {
    const request = encoder.encode("GET /a?x=1 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n");
    for (let cut = 0; cut < request.length; cut += 1) {
      expect(answerFor(request.subarray(0, cut), route), `${cut}`).toBe(undefined);
    }
    expect(decoder.decode(answerFor(request, route))).toContain(" 200 OK");
  });

  it("has no body for HEAD, and the length all the same", () => {
    const answer = answerText("HEAD /a HTTP/1.0\r\n\r\n")!;
    expect(answer).toContain("Content-Length: 3");
    expect(answer.endsWith("\r\n\r\n")).toBe(true);
  });

  it("takes what RFC 9112 says to take", () => {
    expect(statusOf("GET /a HTTP/1.0\r\n\r\n")).toBe(200);
    expect(statusOf("\r\nGET /a HTTP/1.1\r\nHost:\r\n\r\n")).toBe(200);
    expect(statusOf("GET http://x:1/a?b HTTP/1.1\r\nhost: x\r\n\r\n")).toBe(200);
    expect(statusOf("GET http://x HTTP/1.1\r\nhost: x\r\n\r\n")).toBe(404);
    expect(statusOf("GET /a HTTP/1.1\r\nHost: x\r\nX-\u00e9: 1\r\n\r\n")).toBe(400);
    expect(statusOf("GET /a HTTP/1.9\r\nHost: x\r\n\r\nrest")).toBe(200);
  });

  it("says what is wrong", () => {
    const cases: [request: string, status: number][] = [
      ["GET /b HTTP/1.0\r\n\r\n", 404],
      ["POST /a HTTP/1.0\r\n\r\n", 405],
      ["OPTIONS * HTTP/1.0\r\n\r\n", 405],
      ["GET /a HTTP/2.0\r\n\r\n", 505],
      ["GET /a HTTP/1.1\r\n\r\n", 400],
      ["GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
      ["GET  /a HTTP/1.0\r\n\r\n", 400],
      ["GET /a\r\n\r\n", 400],
      ["get\r\n\r\n", 400],
      ["GET /\u0001 HTTP/1.0\r\n\r\n", 400],
      ["GET /a HTTP/1.0\r\nNo colon\r\n\r\n", 400],
      ["GET /a HTTP/1.0\r\nA : b\r\n\r\n", 400],
      ["GET /a HTTP/1.0\r\nA: b\r\n folded\r\n\r\n", 400],
      ["GET /a HTTP/1.0\r\nA: \u0000\r\n\r\n", 400],
      ["GET /a HTTP/1.0\nHost: a\r\n\r\n", 400],
    ];
    for (const [request, status] of cases) expect(statusOf(request), JSON.stringify(request)).toBe(status);
    expect(decoder.decode(answerBytes(errorAnswer(405)))).toContain("Allow: GET, HEAD");
  });

  it("is an error for a head without end", () => {
    const head = encoder.encode(`GET /a HTTP/1.0\r\nA: ${"b".repeat(headMaxBytes)}`);
    expect(readHead(head.subarray(0, headMaxBytes - 1))).toEqual({ kind: "more" });
    expect(readHead(head.subarray(0, headMaxBytes))).toEqual({ kind: "error", status: 431 });
    expect(readHead(head)).toEqual({ kind: "error", status: 431 });
  });

  it("survives garbage", () => {
    const random = new Random(7);
    for (let round = 0; round < 2000; round += 1) {
      const bytes = random.bytes(random.between(0, 200));
      const tail = encoder.encode("\r\n\r\n");
      const garbage = new Uint8Array([...bytes, ...tail]);
      const answer = answerFor(garbage, route);
      expect(answer === undefined ? 400 : Number(decoder.decode(answer).split(" ")[1]))
        .toBeGreaterThanOrEqual(400);
    }
  });
});
