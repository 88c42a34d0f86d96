/**
 * `fetch` over a client: the runtime's own `Request` in, its own `Response` out.
 *
 * @module
 */
import { clientFetchRedirectsMax } from "../../base/limits.ts";
import { messageOf } from "../../base/thrown.ts";
import type { Answer } from "./response.ts";
import type { ClientRequest, RequestBody } from "./types.ts";

/** Statuses of which a `Response` must not have a body. */
const nullBodyStatuses: ReadonlySet<number> = new Set([204, 205, 304]);

/** Statuses a `Response` can have. */
const statusMin = 200;
const statusMax = 599;

/** Sends a request as `fetch` does; `send` is the client's. */
export async function fetchWith(
  send: (request: ClientRequest) => Promise<Answer>,
  input: string | URL | Request,
  init: RequestInit | undefined,
): Promise<Response> {
  // What is wrong with the arguments is the runtime's own TypeError.
  const request = new Request(input, init);
  const { signal, redirect } = request;
  signal.throwIfAborted();
  // Before the body is touched: Bun forgets the type of a form then.
  const headers = [...request.headers] as [string, string][];
  const { body, bodyLength } = await bodyOf(request, init?.body);
  const errorOf = (error: unknown) => signal.aborted ? error : networkError(error);
  let answer: Answer;
  try {
    if (!request.headers.has("accept")) headers.push(["accept", "*/*"]);
    const type = request.headers.has("content-type") ? undefined : contentTypeOf(init?.body);
    if (type !== undefined) headers.push(["content-type", type]);
    answer = await send({
      url: request.url,
      method: request.method,
      headers,
      body,
      bodyLength,
      signal,
      maxRedirects: redirect === "follow" ? clientFetchRedirectsMax : 0,
    });
  } catch (error) {
    throw errorOf(error);
  }
  const refused = refusalOf(answer, redirect);
  if (refused === undefined) return responseOf(answer, errorOf);
  answer.discard();
  throw new TypeError(`fetch failed: ${refused}`);
}

/** The body of a request: where it can be sent again as bytes, otherwise as a stream. */
async function bodyOf(
  request: Request,
  given: BodyInit | null | undefined,
): Promise<{ body?: RequestBody; bodyLength?: number }> {
  if (request.body === null) return {};
  // The client sets the content type of a text, which some runtimes do not.
  if (typeof given === "string") return { body: given };
  if (given instanceof Blob) return { body: request.body, bodyLength: given.size };
  const streamed = given === undefined || given === null || given instanceof ReadableStream ||
    (typeof given === "object" && Symbol.asyncIterator in given);
  if (!streamed) return { body: await request.arrayBuffer() };
  // The client takes a length of the field; a request without one goes out as chunks.
  return { body: request.body };
}

/** The content type of a body, where the runtime has not set it. A text has its own. */
function contentTypeOf(given: BodyInit | null | undefined): string | undefined {
  if (given instanceof URLSearchParams) return "application/x-www-form-urlencoded;charset=UTF-8";
  return given instanceof Blob && given.type !== "" ? given.type : undefined;
}

function refusalOf({ status, headers }: Answer, redirect: RequestRedirect): string | undefined {
  if (status < statusMin || status > statusMax) return `the status ${status} cannot be given as a Response`;
  const isRedirect = redirect === "error" && status >= 300 && status < 400 && headers.has("location");
  return isRedirect ? `a redirect (${status}), and redirect is "error"` : undefined;
}

function responseOf(answer: Answer, errorOf: (error: unknown) => unknown): Response {
  const { status, reason, url, redirects } = answer;
  const headers = new Headers();
  for (const [name, value] of answer.headers) headers.append(name, value);
  const isEmpty = nullBodyStatuses.has(status);
  if (isEmpty) answer.discard();
  const body = isEmpty ? null : answer.bodyFor(errorOf);
  const response = new Response(body, { status, statusText: reason, headers });
  // The constructor cannot be given these two.
  Object.defineProperty(response, "url", { value: url.replace(/#.*$/, ""), configurable: true });
  Object.defineProperty(response, "redirected", { value: redirects > 0, configurable: true });
  return response;
}

/** As `fetch` has it: a TypeError, with what happened as its cause. */
function networkError(cause: unknown): TypeError {
  return new TypeError(`fetch failed: ${messageOf(cause)}`, { cause });
}
