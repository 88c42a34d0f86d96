/**
 * Handlers of the fetch style, the same for this project's fetch door and for the runtimes' own servers.
 *
 * @module
 */
import {
  BODY_BYTES,
  HELLO,
  type Kind,
  LARGE_BYTES,
  letters,
  PAGE,
  WORK_FIELD,
  type WorkAnswer,
} from "./work.ts";

/** A handler without promises, or one that gives a promise for an upload alone. */
export type FetchHandler = (request: Request) => Response | Promise<Response>;

function work(request: Request): Response {
  const url = new URL(request.url);
  const answer: WorkAnswer = {
    path: url.pathname,
    name: url.searchParams.get("name"),
    id: request.headers.get(WORK_FIELD),
  };
  return Response.json(answer);
}

async function upload(request: Request): Promise<Response> {
  const bytes = await request.arrayBuffer();
  return new Response(String(bytes.byteLength));
}

/** The handler of a kind. */
export function fetchHandler(kind: Kind): FetchHandler {
  switch (kind) {
    case "hello":
      return () => new Response(HELLO);
    case "json":
      return () => Response.json(PAGE);
    case "work":
      return work;
    case "body":
      return answering(letters(BODY_BYTES));
    case "download":
      return answering(letters(LARGE_BYTES));
    case "upload":
      return upload;
  }
}

function answering(bytes: Uint8Array<ArrayBuffer>): FetchHandler {
  return () => new Response(bytes, { headers: { "content-type": "application/octet-stream" } });
}

/** The same as an async function: it awaits something that is settled already. */
export function asyncFetchHandler(kind: Kind): FetchHandler {
  const handler = fetchHandler(kind);
  return async (request) => {
    await undefined;
    return handler(request);
  };
}
