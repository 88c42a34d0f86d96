/**
 * What the parser of HTTP/1.1 costs a head, its crossing included, alone and with others in one window.
 *
 * @module
 */
import { openNative } from "../../ffi/mod.ts";
import { HeadRecord, Http1Parser } from "../../src/http/parser.ts";
import type { Micro } from "./bench.ts";

const SMALL = "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
const BROWSER = [
  "GET /index.html HTTP/1.1",
  "Host: localhost:8080",
  "Connection: keep-alive",
  "Cache-Control: max-age=0",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) " +
  "Chrome/120.0.0.0 Safari/537.36",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "Accept-Encoding: gzip, deflate, br",
  "Accept-Language: en-US,en;q=0.9",
  "Cookie: session=0123456789abcdef0123456789abcdef",
].map((line) => `${line}\r\n`).join("") + "\r\n";
const PIPELINED = [1, 16];
/** Calls of one sample, so that the sampler costs nothing beside them. */
const CALLS = 100;

const LIMITS = {
  headBytesMax: 16_384,
  targetBytesMax: 8_192,
  fieldsMax: 100,
  chunkExtensionBytesMax: 4_096,
  trailerBytesMax: 8_192,
};

export async function http1(micro: Micro): Promise<void> {
  const loop = openNative().openLoop();
  const parser = new Http1Parser(loop.http1(), loop.bytes);
  const head = new HeadRecord(parser.words, parser.ring);
  for (const [name, text] of [["small", SMALL], ["browser", BROWSER]]) {
    for (const count of PIPELINED) {
      const bytes = new TextEncoder().encode(text.repeat(count));
      parser.ring.set(bytes, 0);
      const parse = () => {
        for (let call = 0; call < CALLS; call++) parser.parse(0, bytes.length, LIMITS);
      };
      await micro.add(
        "http1",
        `${name} head of ${text.length} bytes, ${count} a window`,
        count * CALLS,
        parse,
      );
    }
  }
  await micro.add("http1", "a record's cursor, ten readings", 1, () => {
    head.pointTo(parser.firstRecord, parser.ring);
    return head.method + head.flags + head.fields + head.pathOffset + head.pathBytes + head.pathHash +
      head.hostOffset + head.hostBytes + head.length + head.recordWords;
  });
  await loop.close();
}
