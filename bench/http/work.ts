/**
 * What the servers of the HTTP benchmark answer, the same bytes from each: plain objects and arrays, so that
 * any runtime can use them.
 *
 * @module
 */

/** What a server is asked for; it is started for one of them. */
export type Kind = "hello" | "json" | "work" | "body" | "download" | "upload";

/** Every kind, in the order of the tables. */
export const KINDS: Kind[] = ["hello", "json", "work", "body", "download", "upload"];

/** The shortest answer. */
export const HELLO = "Hello, World!";
/** The media type of it. */
export const TEXT_TYPE = "text/plain;charset=utf-8";
/** Bytes of the answer of the kind `json`, once it is text. */
export const JSON_BYTES = 1024;
/** Bytes of the answer of the kind `body`. */
export const BODY_BYTES = 64 * 1024;
/** Bytes that the kinds `download` and `upload` move. */
export const LARGE_BYTES = 1024 * 1024;

/** The request of the kind `work`: the answer tells its path, one parameter and one field. */
export const WORK_TARGET = "/users/search?name=Ada&limit=20";
/** The field the answer tells. */
export const WORK_FIELD = "x-request-id";
/** Its value. */
export const WORK_ID = "7f4df82b-9b5a-4a7c";

/** The answer of the kind `work`. */
export interface WorkAnswer {
  path: string;
  name: string | null;
  id: string | null;
}

/** The answer of the kind `json`: an object that is serialised for each request. */
export interface Page {
  title: string;
  items: { id: number; name: string; price: number; tags: string[] }[];
  rest: string;
}

function makePage(): Page {
  const items = Array.from({ length: 12 }, (_, id) => ({
    id,
    name: `item ${id}`,
    price: 100 + id,
    tags: ["small", "blue"],
  }));
  const page = { title: "A page of items", items, rest: "" };
  page.rest = "x".repeat(JSON_BYTES - JSON.stringify(page).length);
  return page;
}

/** What the kind `json` answers. */
export const PAGE = makePage();

/** The bytes of a large answer. */
export function letters(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => 97 + index % 26);
}

/** The kind a server program was started for: the last word of its command line. */
export function kindAsked(): Kind {
  const runtime = globalThis as unknown as { Deno?: { args: string[] }; process?: { argv: string[] } };
  const word = (runtime.Deno?.args ?? runtime.process?.argv ?? []).at(-1);
  const kind = KINDS.find((one) => one === word);
  if (kind === undefined) throw new TypeError(`the server wants one of ${KINDS.join(", ")}, not "${word}"`);
  return kind;
}
