/**
 * Options of the servers that users come from, and what to write here.
 *
 * @module
 */

const tls = "TLS is not served: put a reverse proxy in front";
const routes = "routes are a framework's, such as Hono";
const strict = "requests that break a rule are refused";
const classes = "requests and responses are of the Fetch standard";
const version = "HTTP/1.1 is served, and no other version";

/** Options of Bun.serve, Deno.serve and node:http that `serve` does not have, and what to write instead. */
export const optionsElsewhere: Readonly<Record<string, string>> = {
  // Bun.serve
  idleTimeout: "write timeouts: { idle, keepAlive }, in milliseconds",
  routes,
  static: routes,
  websocket: "use info.upgrade(handlers, headers)",
  development: "write loop: createLoop({ development: true })",
  tls,
  id: "the address tells servers apart",
  http1: version,
  http2: version,
  http3: version,
  // Deno.serve
  path: 'write "unix" for the path of a Unix socket',
  transport: 'write "unix" for a Unix socket; every other connection is TCP',
  tcpBacklog: 'write "backlog"',
  automaticCompression: "compress in the handler, or in a reverse proxy",
  cert: tls,
  key: tls,
  cid: "virtual sockets are not served",
  // node:http
  host: 'write "hostname"',
  maxHeaderSize: "write http: { maxHeadSize }",
  maxHeadersCount: "write http: { maxHeaders }",
  maxRequestsPerSocket: "write http: { maxRequests }",
  headersTimeout: "write timeouts: { head }",
  requestTimeout: "write timeouts: { body }, for the time between bytes, and limits: { receiveRate }",
  keepAliveTimeout: "write timeouts: { keepAlive }",
  keepAliveTimeoutBuffer: "the race at the end of timeouts.keepAlive is answered by lingering",
  connectionsCheckingInterval: "limits are met by a timer wheel",
  insecureHTTPParser: strict,
  httpValidation: strict,
  requireHostHeader: "requests of HTTP/1.1 without Host are refused, as RFC 9112 says",
  joinDuplicateHeaders: "repeated fields are always joined",
  uniqueHeaders: "Headers joins repeated fields",
  keepAliveInitialDelay: "write keepAlive: { idle }",
  pauseOnConnect: "the body of a request waits until it is read",
  blockList: "write admission",
  shouldUpgradeCallback: "the handler calls info.upgrade, or answers",
  rejectNonStandardBodyWrites: "a response that must not have a body never sends one",
  optimizeEmptyRequests: "a request without a body has none, and costs nothing",
  IncomingMessage: classes,
  ServerResponse: classes,
};
