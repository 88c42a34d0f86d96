/**
 * HTTP/1.1: a server with a callback for each request.
 *
 * @module
 */
export { http } from "./http/http.ts";
export { prepare } from "./http/prepared.ts";
export type {
  HeaderFields,
  HeaderValue,
  HttpHandlers,
  HttpOptions,
  HttpRequest,
  HttpResponse,
  PreparedOptions,
  PreparedResponse,
  ResponseStream,
  ResponseStreamOptions,
} from "./http/types.ts";
