/**
 * HTTP/1.1: a server with a callback for each request.
 *
 * @module
 */
export { http, httpStateOf, httpStatistics } from "./http/http.ts";
export { prepare } from "./http/prepared.ts";
export type { HttpConnectionState, HttpPhase, HttpStatistics } from "./http/statistics.ts";
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
