/** A fetch-style application that is an object of its own, with limits and an error handler. */
import type { ServeInfo } from "../../src/fetch.ts";

let started = 0;

export default {
  maxRequestBodySize: 100,
  start(): void {
    started++;
  },
  onError(error: unknown): Response {
    return new Response(`failed: ${(error as Error).message}`, { status: 503 });
  },
  async fetch(request: Request, info: ServeInfo): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/throw") throw new Error("on purpose");
    return new Response(
      `${request.method} ${pathname} ${await request.text()} ${started} ${info.remoteAddr.hostname}`,
    );
  },
};
