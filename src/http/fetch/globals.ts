/**
 * Replaces the globals `Request`, `Response`, `Headers`, `URL` and `fetch`, so that programs and frameworks
 * make light objects and can hand a light request to `new Request` and `fetch`.
 *
 * @module
 */
import { LightHeaders } from "./headers.ts";
import { LightUrl, WrappingURL } from "./light_url.ts";
import { isLightRequest, toRuntimeRequest } from "./request.ts";
import { LightResponse } from "./response.ts";
import { RuntimeRequest } from "./runtime.ts";

/** The runtime's own, or a light one in the runtime's form. */
function unwrapped(input: unknown): RequestInfo | URL {
  if (typeof input !== "object" || input === null) return input as string;
  if (isLightRequest(input)) return toRuntimeRequest(input);
  // Bun takes an object that it does not know for one without a URL.
  return input instanceof LightUrl ? input.href : input as URL;
}

/** The runtime's `Request`, which takes light ones as well. */
class WrappingRequest extends RuntimeRequest {
  constructor(input: RequestInfo | URL, init?: RequestInit) {
    super(unwrapped(input), init);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== WrappingRequest) return Function.prototype[Symbol.hasInstance].call(this, value);
    return value instanceof RuntimeRequest;
  }

  static {
    Object.defineProperty(this, "name", { value: "Request" });
  }
}

/**
 * Replaces the globals of this thread. `new Response` and `new Headers` then make light objects, which are
 * sent without streams and promises, `new URL(request.url)` cuts its parts out of the text, and
 * `new Request(request)` and `fetch(request)` take the requests that a handler receives. Frameworks use the
 * globals: call it before the first request. Calling it again has no effect.
 *
 * @returns a function that puts the earlier globals back.
 *
 * @example
 * ```ts
 * import { installGlobals, serve } from "@ringport/ringport/fetch";
 *
 * const restore = installGlobals();
 * await using server = serve({ hostname: "127.0.0.1", port: 0 }, async (request) => {
 *   const copy = new Request(request, { headers: { "x-seen": "yes" } });
 *   return new Response(copy.headers.get("x-seen"));
 * });
 * console.log(await (await fetch(server.url)).text()); // yes
 * restore();
 * ```
 */
export function installGlobals(): () => void {
  const { Request, Response, Headers, URL, fetch } = globalThis;
  if (Request === WrappingRequest) return () => {};
  const wrappingFetch = (input: RequestInfo | URL, init?: RequestInit) => fetch(unwrapped(input), init);
  put({
    Request: WrappingRequest,
    Response: LightResponse,
    Headers: LightHeaders,
    URL: WrappingURL,
    fetch: Object.assign(wrappingFetch, fetch),
  });
  return () => put({ Request, Response, Headers, URL, fetch });
}

function put(values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
}
