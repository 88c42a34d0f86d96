/**
 * The table of the options that a listener may have of its own.
 *
 * @module
 */
import { rateMax } from "../address_limits/table.ts";
import { BACKLOG_DEFAULT, LISTENERS_MAX, TIMER_DELAY_MAX_MS } from "../../base/layout.ts";
import {
  bufferLimitDefaultBytes,
  bufferLimitMaxBytes,
  connectTimeoutDefaultMilliseconds,
  firstByteTimeoutDefaultMilliseconds,
  highWaterMarkDefaultBytes,
  idleTimeoutDefaultMilliseconds,
  lifetimeDefaultMilliseconds,
  lingerTimeoutDefaultMilliseconds,
  lowWaterMarkDefaultBytes,
  messageTimeoutDefaultMilliseconds,
  rateGraceDefaultMilliseconds,
  writeStallTimeoutDefaultMilliseconds,
} from "../../base/limits.ts";
import {
  address,
  bytes,
  choice,
  count,
  flag,
  json,
  milliseconds,
  nameOrIndex,
  permissionBits,
  text,
  texts,
  unixPath,
} from "./kinds.ts";
import { row, unset } from "./row.ts";

const portMax = 0xffff;
/** Counts of connections, rates and the like are kept in 31 bits. */
const countMax = 0x7fff_ffff;
const delay = milliseconds(0, TIMER_DELAY_MAX_MS);
const keepAlive = json(
  "true, false or an object of idle, interval and count",
  "<true|false|json>",
  (value) =>
    typeof value === "boolean" || (typeof value === "object" && value !== null && !Array.isArray(value)),
);

/** Where a listener listens and how its sockets are set up. */
export const socketTable = {
  application: unset(
    text("<url>"),
    "the server's module",
    "URL of the module whose default export serves the connections",
    "one file is program and application",
  ),
  hostname: row(address, "0.0.0.0", "IP address to listen on", "a server is there to be reached"),
  port: row(
    count(0, portMax),
    0,
    "port to listen on; 0 takes any free one",
    "no port is right for everybody",
  ),
  unix: unset(
    unixPath,
    "off",
    "path of a Unix socket, in place of address and port",
    "most servers are reached over the network",
  ),
  mode: row(
    permissionBits,
    0o600,
    "permission bits of the Unix socket's file",
    "nobody but the owner connects until it is said",
  ),
  inherited: unset(
    nameOrIndex(LISTENERS_MAX - 1),
    "off",
    "name or number of a socket handed over by the service manager",
    "only who started the server knows",
  ),
  backlog: row(
    count(1, countMax),
    BACKLOG_DEFAULT,
    "connections the kernel holds ready before they are accepted",
    "a burst waits instead of failing; the system lowers it to its own limit",
  ),
  ipv6Only: row(flag, false, "with an IPv6 address: no IPv4", "one socket serves both"),
  noDelay: row(flag, true, "small writes go out at once", "a turn's writes are joined before"),
  keepAlive: row(
    keepAlive,
    false,
    "probes on silent connections",
    "the idle timeout finds dead peers sooner",
  ),
  receiveBuffer: unset(
    bytes(1, bufferLimitMaxBytes),
    "the system's",
    "bytes of the kernel's receive buffer",
    "the kernel sizes it by the connection's speed",
  ),
  sendBuffer: unset(
    bytes(1, bufferLimitMaxBytes),
    "the system's",
    "bytes of the kernel's send buffer",
    "the kernel sizes it by the connection's speed",
  ),
  typeOfService: unset(count(0, 0xff), "the system's", "type of service of what is sent", "networks differ"),
  highWaterMark: row(
    bytes(0, bufferLimitMaxBytes),
    highWaterMarkDefaultBytes,
    'bytes buffered above which write answers "queued"',
    "the usual size of a socket's buffer",
  ),
  lowWaterMark: row(
    bytes(0, bufferLimitMaxBytes),
    lowWaterMarkDefaultBytes,
    "bytes buffered at which drain is called",
    "far enough below the high mark not to flap",
  ),
  bufferLimit: row(
    bytes(1, bufferLimitMaxBytes),
    bufferLimitDefaultBytes,
    "bytes buffered above which write refuses",
    "one slow reader must not fill the memory",
  ),
  autoPause: row(
    flag,
    true,
    'after "queued" read nothing more until drain',
    "an application that ignores what write answers loses nothing and stays bounded",
  ),
  concurrent: row(
    flag,
    false,
    "call an async data handler again before its promise has settled",
    "what came first is handled first",
  ),
  lingerTimeout: row(
    delay,
    lingerTimeoutDefaultMilliseconds,
    "wait of an ended connection for its peer",
    "a living peer answers within seconds",
  ),
  allowHalfOpen: row(
    flag,
    false,
    "the peer ending its side does not end this side",
    "most protocols are over when one side is",
  ),
};

/** How long what may take on a connection. */
export const timeoutTable = {
  "timeouts.firstByte": row(
    delay,
    firstByteTimeoutDefaultMilliseconds,
    "from the connection to its first byte",
    "a lost packet is sent again several times within it",
  ),
  "timeouts.message": row(
    delay,
    messageTimeoutDefaultMilliseconds,
    "from the first byte of a message to its last",
    "a slow phone finishes, a slow attack does not last",
  ),
  "timeouts.writeStall": row(
    delay,
    writeStallTimeoutDefaultMilliseconds,
    "the peer takes none of the bytes that wait for it",
    "a reader that stops for a minute does not come back",
  ),
  "timeouts.idle": row(
    delay,
    idleTimeoutDefaultMilliseconds,
    "nothing comes and nothing goes",
    "above the 60 s of common load balancers, so that they close first",
  ),
  "timeouts.lifetime": row(
    delay,
    lifetimeDefaultMilliseconds,
    "from the connection's start, whatever happens on it",
    "a connection that works is no fault",
  ),
  "timeouts.connect": row(
    delay,
    connectTimeoutDefaultMilliseconds,
    "a connection that the application makes",
    "between the systems' own 21 and 127 s",
  ),
};

/** Limits that listeners may have each of their own, and whom to believe. */
export const listenerLimitTable = {
  "limits.connectionsPerAddress": row(
    count(0, countMax),
    0,
    "connections at once from one address",
    "many users share an address behind one gateway",
  ),
  "limits.ratePerAddress": row(
    count(0, rateMax / 2),
    0,
    "new connections a second from one address",
    "many users share an address behind one gateway",
  ),
  "limits.burstPerAddress": row(
    count(0, rateMax),
    0,
    "new connections at once before the rate counts; 0 is twice the rate",
    "a browser opens several in one moment",
  ),
  "limits.atLimit": row(
    choice("pause", "refuse"),
    "pause",
    "at the limit leave connections in the kernel's queue, or cut them",
    "who waits in the queue is served later instead of never",
  ),
  "limits.receiveRate": row(
    count(0, countMax),
    0,
    "bytes a second a peer has to send within a message",
    "the message timeout bounds it where protocols have messages",
  ),
  "limits.sendRate": row(
    count(0, countMax),
    0,
    "bytes a second a peer has to take while bytes wait for it",
    "the write stall timeout bounds who takes nothing",
  ),
  "limits.rateGrace": row(
    milliseconds(1, TIMER_DELAY_MAX_MS),
    rateGraceDefaultMilliseconds,
    "time before a rate counts",
    "slow start and a lost packet are no attack",
  ),
  "proxyProtocol.trusted": row(
    texts("a list of addresses and networks, such as 10.0.0.0/8", "<list>"),
    [],
    "addresses and networks that begin with a PROXY header",
    "who is believed can claim any address",
  ),
  "proxyProtocol.timeout": row(
    milliseconds(1, TIMER_DELAY_MAX_MS),
    5_000,
    "time until the PROXY header is there",
    "a proxy sends it with the first packet",
  ),
};
