/**
 * Names that the types of other servers have: of Bun 1.4.5 (`Serve.Options`, `Server`), Deno 2.9.6
 * (`Deno.ServeOptions` and its kinds, `Deno.HttpServer`, `Deno.ServeHandlerInfo`) and `@types/node` 26.6.7
 * (`http.ServerOptions`, `http.Server`, `IncomingMessage`, `ServerResponse`). What streams and event
 * emitters add is left out.
 *
 * @module
 */

/** The options of Bun.serve. */
export const bunOptions: readonly string[] = (
  "fetch routes static websocket tls maxRequestBodySize development error id hostname port reusePort " +
  "ipv6Only http1 http2 http3 idleTimeout unix"
).split(" ");

/** What the server of Bun.serve has. */
export const bunMembers: readonly string[] = (
  "stop closeIdleConnections reload fetch upgrade publish subscriberCount requestIP timeout ref unref " +
  "pendingRequests pendingWebSockets url port hostname protocol development id"
).split(" ");

/** The options of Deno.serve. */
export const denoOptions: readonly string[] = (
  "signal onError onListen automaticCompression transport port hostname reusePort tcpBacklog path cid " +
  "cert key"
).split(" ");

/** What the server of Deno.serve and the info of its handlers have. */
export const denoMembers: readonly string[] = "finished addr ref unref shutdown remoteAddr completed".split(
  " ",
);

/** The options of `createServer` of node:http, with those of node:net that it takes. */
export const nodeOptions: readonly string[] = (
  "IncomingMessage ServerResponse requestTimeout joinDuplicateHeaders keepAliveTimeout " +
  "keepAliveTimeoutBuffer connectionsCheckingInterval headersTimeout highWaterMark httpValidation " +
  "insecureHTTPParser maxHeaderSize noDelay requireHostHeader keepAlive keepAliveInitialDelay " +
  "uniqueHeaders shouldUpgradeCallback rejectNonStandardBodyWrites optimizeEmptyRequests allowHalfOpen " +
  "pauseOnConnect blockList"
).split(" ");

/** What servers, requests and responses of node:http have. */
export const nodeMembers: readonly string[] = (
  "maxHeadersCount maxRequestsPerSocket timeout setTimeout closeAllConnections closeIdleConnections " +
  "listen close address ref unref method url httpVersion headers headersDistinct rawHeaders trailers " +
  "rawTrailers complete aborted signal socket destroy statusCode statusMessage setHeader setHeaders " +
  "appendHeader getHeader getHeaders getHeaderNames hasHeader removeHeader addTrailers flushHeaders " +
  "headersSent sendDate strictContentLength shouldKeepAlive writeHead write end writeContinue " +
  "writeEarlyHints writeInformation writeProcessing"
).split(" ");

/** Options that `serve` or `listen` has under the same name. */
export const sameNames: readonly string[] = (
  "fetch maxRequestBodySize error hostname port reusePort ipv6Only unix signal onError onListen " +
  "highWaterMark noDelay keepAlive allowHalfOpen"
).split(" ");
