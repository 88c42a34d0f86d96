/**
 * The requests of the load generator and the bodies of their answers, as files.
 *
 * @module
 */
import { BODY_BYTES, HELLO, type Kind, LARGE_BYTES, letters, PAGE, WORK_ID, WORK_TARGET } from "./work.ts";

/** The heads: that of a tool, and one as browsers send it. */
export type HeadKind = "small" | "browser";

/** Bytes of a browser's head. */
const BROWSER_HEAD_BYTES = 430;

const BROWSER_FIELDS = [
  "Connection: keep-alive",
  'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
  "sec-ch-ua-mobile: ?0",
  "Upgrade-Insecure-Requests: 1",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0",
  "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
  "Accept-Encoding: gzip, deflate, br",
  "Accept-Language: en-US,en;q=0.9",
];

const TARGETS: Record<Kind, string> = {
  hello: "/",
  json: "/json",
  work: WORK_TARGET,
  body: "/body",
  download: "/download",
  upload: "/upload",
};

function headOf(kind: Kind, head: HeadKind): string {
  const lines = [`${kind === "upload" ? "POST" : "GET"} ${TARGETS[kind]} HTTP/1.1`, "Host: 127.0.0.1:3000"];
  if (kind === "work") lines.push(`X-Request-Id: ${WORK_ID}`);
  if (kind === "upload") {
    lines.push("Content-Type: application/octet-stream", `Content-Length: ${LARGE_BYTES}`);
  }
  if (head === "small") return lines.join("\r\n") + "\r\n\r\n";
  lines.push(...BROWSER_FIELDS);
  const cookie = "Cookie: session=";
  const room = BROWSER_HEAD_BYTES - lines.join("\r\n").length - cookie.length - 6;
  if (room < 0) throw new Error(`a browser's head is ${-room} bytes too long`);
  lines.push(cookie + "0123456789abcdef".repeat(room / 16 + 1).slice(0, room));
  return lines.join("\r\n") + "\r\n\r\n";
}

function answerOf(kind: Kind): string | Uint8Array {
  switch (kind) {
    case "hello":
      return HELLO;
    case "json":
      return JSON.stringify(PAGE);
    case "work":
      return JSON.stringify({ path: WORK_TARGET.split("?")[0], name: "Ada", id: WORK_ID });
    case "body":
      return letters(BODY_BYTES);
    case "download":
      return letters(LARGE_BYTES);
    case "upload":
      return String(LARGE_BYTES);
  }
}

/** The files of one request. */
export interface RequestFiles {
  request: string;
  answer: string;
}

/** Writes the files into `folder`. */
export async function writeRequest(folder: string, kind: Kind, head: HeadKind): Promise<RequestFiles> {
  const request = `${folder}/${kind}-${head}.request`;
  const answer = `${folder}/${kind}.answer`;
  const body = kind === "upload" ? letters(LARGE_BYTES) : new Uint8Array(0);
  await Bun.write(request, new Uint8Array([...new TextEncoder().encode(headOf(kind, head)), ...body]));
  await Bun.write(answer, answerOf(kind));
  return { request, answer };
}
