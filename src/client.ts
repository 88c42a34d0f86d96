/**
 * An HTTP/1.1 client over a pool of connections.
 *
 * @module
 */
export { HttpClient, httpClient } from "./http/client/client.ts";
export type {
  ClientLimits,
  ClientRequest,
  ClientRequestOptions,
  ClientResponse,
  ClientStatistics,
  ClientTimeouts,
  HttpClientOptions,
  RequestBody,
  ResponseFields,
} from "./http/client/types.ts";
