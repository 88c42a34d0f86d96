/**
 * Addresses of requests: checked, taken apart, and what requests to the same origin share.
 *
 * @module
 */
import { OptionError } from "../../base/errors.ts";
import { clientOriginsMax } from "../../base/limits.ts";

/** Where a request goes, as a pool is asked. */
interface HttpTarget {
  readonly hostname?: string;
  readonly port?: number;
  readonly unix?: string;
}

const httpPort = 80;

/** The scheme, the host and the port of addresses. */
class Origin {
  /** `http://` with host and port, without the port 80. */
  readonly text: string;
  /** Host and port as the field Host has them. */
  readonly host: string;
  readonly target: HttpTarget;
  /**
   * What follows the target in the heads of requests without fields of their own, made by the first; empty
   * where it is not ASCII.
   */
  plainTail: string | undefined = undefined;

  constructor(url: URL) {
    const { hostname, port } = url;
    const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
    this.text = url.origin;
    this.host = url.host;
    this.target = { hostname: bare, port: port === "" ? httpPort : Number(port) };
  }
}

/** The address of a request. */
export class Address {
  readonly origin: Origin;
  /** Path and query. */
  readonly target: string;
  readonly href: string;

  constructor(origin: Origin, target: string, href: string) {
    this.origin = origin;
    this.target = target;
    this.href = href;
  }

  /** Without the query, which may hold secrets: messages go to logs. */
  get withoutQuery(): string {
    const end = this.target.indexOf("?");
    return this.origin.text + (end < 0 ? this.target : this.target.slice(0, end));
  }
}

const scheme = "http://";

/** Targets that the URL standard leaves as they are, unless a segment of their path is a dot. */
const plainTarget = /^\/[\w\-.~!$&()*+,;=:@%/?]*$/;

/** Whether a URL keeps this target. Dots may be written with percent signs, and an empty query is dropped. */
function isPlain(target: string): boolean {
  return plainTarget.test(target) && !target.includes("/.") && !target.includes("/%") &&
    !target.endsWith("?");
}

/** Reads addresses, and remembers their origins. */
export class AddressReader {
  /** By the host and the port as URLs have them; the text of most addresses has them so as well. */
  readonly #origins = new Map<string, Origin>();

  /** Throws an OptionError for an address that this client cannot ask. */
  read(given: string | URL): Address {
    return (typeof given === "string" ? this.#readPlain(given) : undefined) ?? this.of(urlOf(given));
  }

  /** The address of a URL whose scheme and user are checked. */
  of(url: URL): Address {
    let origin = this.#origins.get(url.host);
    if (origin === undefined) {
      origin = new Origin(url);
      if (this.#origins.size >= clientOriginsMax) this.#origins.clear();
      this.#origins.set(origin.host, origin);
    }
    return new Address(origin, url.pathname + url.search, url.href);
  }

  /** Without a URL: what has nothing to be changed, at an origin that is known. */
  #readPlain(given: string): Address | undefined {
    if (!given.startsWith(scheme)) return undefined;
    const end = given.indexOf("/", scheme.length);
    const origin = end < 0 ? undefined : this.#origins.get(given.slice(scheme.length, end));
    if (origin === undefined) return undefined;
    const target = given.slice(end);
    return isPlain(target) ? new Address(origin, target, given) : undefined;
  }
}

/** Parsed and checked; throws an OptionError. */
function urlOf(given: string | URL): URL {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw new OptionError("request", "url", "the url must be absolute, such as http://localhost:3000/");
  }
  const { protocol, username, password } = url;
  if (protocol === "https:") {
    throw new OptionError(
      "request",
      "url",
      "https is not spoken yet, since there is no TLS; use the runtime's fetch for it",
    );
  }
  if (protocol !== "http:") {
    throw new OptionError("request", "url", `the url must begin with http:, not ${protocol}`);
  }
  if (username !== "" || password !== "") {
    throw new OptionError("request", "url", 'the url has a name or password: write a field "authorization"');
  }
  return url;
}
