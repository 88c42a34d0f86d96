/**
 * HTTP/1.1 with a fetch-style handler: `Request` in, `Response` out.
 *
 * @module
 */
export { serve } from "./http/fetch/serve.ts";
export { installGlobals } from "./http/fetch/globals.ts";
export type {
  FetchHandler,
  FetchOptions,
  FetchServer,
  ServeAddress,
  ServeInfo,
  ServeOptions,
} from "./http/fetch/types.ts";
