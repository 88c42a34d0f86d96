/**
 * What the parser of HTTP/1.1 accepts and refuses: messages as bytes, each with the section of the RFC that
 * says so. The parser's test feeds them to the library, the tests over sockets to a server.
 *
 * @module
 */

/** What a message must be read as. What is left out is not compared. */
export interface Reading {
  method?: string;
  target?: string;
  path?: string;
  /** The authority the request is meant for. */
  host?: string;
  status?: number;
  reason?: string;
  /** Fields in their order, names as they were sent. */
  fields?: [name: string, value: string][];
  body?: string;
  trailers?: [name: string, value: string][];
  /** Bits of the head, by their names in the layout; all others must be clear. */
  flags?: string[];
  /** Bytes behind the message that belong to another protocol. */
  rest?: string;
}

export interface Vector {
  /** "9112 5.1" is RFC 9112, section 5.1. */
  section: string;
  name: string;
  kind: "request" | "response";
  /** One message, a character a byte. */
  bytes: string;
  /** What a response answers. */
  answers?: "HEAD" | "CONNECT";
  /** The messages that are read; absent where it is refused. */
  readings?: Reading[];
  /** The status that is answered, and the name of the refusal in the layout. */
  refused?: { status: number; refusal: string };
}

/** Limits of the parser under which the vectors hold. */
export const vectorLimits = {
  headBytesMax: 16_384,
  targetBytesMax: 8_192,
  fieldsMax: 100,
  chunkExtensionBytesMax: 4_096,
  trailerBytesMax: 8_192,
};

const vectors: Vector[] = [];

function accept(section: string, name: string, bytes: string, ...readings: Reading[]): void {
  vectors.push({ section, name, kind: "request", bytes, readings });
}

function refuse(section: string, name: string, status: number, refusal: string, bytes: string): void {
  vectors.push({ section, name, kind: "request", bytes, refused: { status, refusal } });
}

function acceptResponse(
  section: string,
  name: string,
  bytes: string,
  reading: Reading,
  answers?: "HEAD" | "CONNECT",
): void {
  vectors.push({ section, name, kind: "response", bytes, readings: [reading], answers });
}

function refuseResponse(section: string, name: string, refusal: string, bytes: string): void {
  vectors.push({ section, name, kind: "response", bytes, refused: { status: 0, refusal } });
}

/** A request with these field lines beside Host. */
const get = (lines: string, version = "1.1") => `GET / HTTP/${version}\r\nHost: a\r\n${lines}\r\n`;
const post = (lines: string, body: string) => `POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\n${body}`;
const line = (text: string) => `${text}\r\nHost: a\r\n\r\n`;
/** What a token must not have: RFC 9110, section 5.6.2. */
const delimiters = '"(),/:;<=>?@[\\]{}';
const chunked = (body: string) => post("Transfer-Encoding: chunked\r\n", body);

function lineEnds(): void {
  refuse(
    "9112 2.2",
    "a request line that ends with LF",
    400,
    "lineFeedAlone",
    "GET / HTTP/1.1\nHost: a\r\n\r\n",
  );
  refuse("9112 2.2", "a field that ends with LF", 400, "lineFeedAlone", "GET / HTTP/1.1\r\nHost: a\n\r\n");
  refuse("9112 2.2", "an empty line that is LF", 400, "lineFeedAlone", "GET / HTTP/1.1\r\nHost: a\r\n\n");
  refuse("9112 2.2", "LF in front of a request", 400, "lineFeedAlone", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  refuse("9112 2.2", "LF within a method", 400, "lineFeedAlone", "GE\nT / HTTP/1.1\r\n");
  refuse("9112 2.2", "LF within a target", 400, "lineFeedAlone", "GET /\nHTTP/1.1\r\n");
  refuse("9112 2.2", "LF within a name", 400, "lineFeedAlone", "GET / HTTP/1.1\r\nHo\nst: a\r\n\r\n");
  refuse("9112 2.2", "CR within a value", 400, "carriageReturnAlone", get("A: b\rc\r\n"));
  refuse("9112 2.2", "CR twice at the end of a line", 400, "carriageReturnAlone", get("A: b\r\r\n"));
  refuse("9112 2.2", "CR behind the version", 400, "carriageReturnAlone", "GET / HTTP/1.1\r \r\n");
  refuse("9112 2.2", "CR in front of the empty line", 400, "carriageReturnAlone", get("\r"));
  refuse("9112 2.2", "CR within a name", 400, "nameInvalid", get("Content\rLength: 5\r\n"));
  refuse("9112 2.2", "CR within a target", 400, "versionMalformed", "GET /a\rb HTTP/1.1\r\n");
  accept("9112 2.2", "CRLF in front of a request", `\r\n${get("")}`, { method: "GET" });
  accept("9112 2.2", "CRLF three times in front of a request", `\r\n\r\n\r\n${get("")}`, { method: "GET" });
  const empty = (lines: number) => "\r\n".repeat(lines);
  accept(
    "9112 2.2",
    "CRLF eight times in front of requests",
    empty(8) + get("") + empty(8) + get(""),
    {},
    {},
  );
  refuse("9112 2.2", "CRLF nine times in front of a request", 400, "tooManyEmptyLines", empty(9) + get(""));
  refuse("9112 2.2", "CRLF and no end of it", 400, "tooManyEmptyLines", empty(60));
  accept("9112 2.2", "CRLF between two requests", `${get("")}\r\n${get("A: b\r\n")}`, { path: "/" }, {
    fields: [["Host", "a"], ["A", "b"]],
  });
  refuse("9112 2.2", "CR in front of a request", 400, "startLineMalformed", `\r${get("")}`);
  refuse("9112 2.2", "a space in front of a request", 400, "methodInvalid", ` ${get("")}`);
  refuse("9112 2.2", "a tab in front of a request", 400, "methodInvalid", `\t${get("")}`);
  refuse(
    "9112 2.2",
    "a space in front of the first field",
    400,
    "lineFolded",
    "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
  );
  refuse("9112 2.2", "a byte order mark", 400, "methodInvalid", `\xef\xbb\xbf${get("")}`);
}

function requestLines(): void {
  accept("9112 3", "the three parts of a request line", line("GET /a/b?c=d HTTP/1.1"), {
    method: "GET",
    target: "/a/b?c=d",
    path: "/a/b",
    host: "a",
    flags: [],
  });
  refuse("9112 3", "two spaces in front of the target", 400, "startLineMalformed", line("GET  / HTTP/1.1"));
  refuse("9112 3", "two spaces behind the target", 400, "versionMalformed", line("GET /  HTTP/1.1"));
  refuse("9112 3", "a space behind the version", 400, "versionMalformed", line("GET / HTTP/1.1 "));
  refuse("9112 3", "a tab behind the method", 400, "methodInvalid", line("GET\t/ HTTP/1.1"));
  refuse("9112 3", "a tab behind the target", 400, "targetInvalid", line("GET /\tHTTP/1.1"));
  refuse("9112 3", "four parts", 400, "versionMalformed", line("GET / a HTTP/1.1"));
  refuse("9112 3", "a method alone", 400, "startLineMalformed", line("GET"));
  refuse("9112 3", "a method and a space", 400, "startLineMalformed", line("GET "));
  refuse("9112 3", "no target", 400, "targetForm", line("GET HTTP/1.1 HTTP/1.1"));
  for (
    const method of "GET HEAD POST PUT DELETE TRACE PATCH get QUERY M-SEARCH GETS HEADER PUTS POS".split(" ")
  ) {
    accept("9110 9.1", `the method ${method}`, line(`${method} / HTTP/1.1`), { method, path: "/" });
  }
  accept("9110 9.1", "a method of every byte a token may have", line("!#$%&'*+-.^_`|~0aZ / HTTP/1.1"), {
    method: "!#$%&'*+-.^_`|~0aZ",
  });
  const longest = "M".repeat(32);
  accept("9110 9.1", "a method of 32 bytes", line(`${longest} / HTTP/1.1`), { method: longest });
  refuse("9110 15.6.2", "a method of 33 bytes", 501, "methodTooLong", line(`${longest}M / HTTP/1.1`));
  for (const byte of delimiters) {
    refuse("9110 9.1", `${byte} in a method`, 400, "methodInvalid", line(`GE${byte}T / HTTP/1.1`));
  }
  refuse("9110 9.1", "a byte above ASCII in a method", 400, "methodInvalid", line("G\xc9T / HTTP/1.1"));
  refuse("9110 9.1", "NUL in a method", 400, "methodInvalid", line("GE\0T / HTTP/1.1"));
  for (
    const [name, byte] of [["NUL", "\0"], ["DEL", "\x7f"], ["a byte above ASCII", "\xe4"], ["ESC", "\x1b"]]
  ) {
    refuse("9112 3.2", `${name} in a target`, 400, "targetInvalid", line(`GET /a${byte}b HTTP/1.1`));
  }
  refuse("9112 3.2", "a fragment", 400, "targetInvalid", line("GET /a#b HTTP/1.1"));
  accept("9112 3.2", "bytes a URI may not have and clients send", line('GET /{a}|"b"^[] HTTP/1.1'), {
    target: '/{a}|"b"^[]',
  });
  const target = `/${"a".repeat(8_191)}`;
  accept("9110 15.5.15", "a target as long as the limit", line(`GET ${target} HTTP/1.1`), { target });
  refuse(
    "9110 15.5.15",
    "a target longer than the limit",
    414,
    "targetTooLong",
    line(`GET ${target}a HTTP/1.1`),
  );
  refuse("9110 15.5.15", "a target that does not end", 414, "targetTooLong", `GET /${"a".repeat(9_000)}`);
}

function targets(): void {
  accept("9112 3.2.1", "a query without a path behind it", line("GET /?a=/b?c HTTP/1.1"), {
    path: "/",
    target: "/?a=/b?c",
  });
  accept("9112 3.2.1", "two slashes", line("GET //a/b HTTP/1.1"), { path: "//a/b", host: "a" });
  accept("9112 3.2.2", "an absolute target", "GET http://b:81/c?d HTTP/1.1\r\nHost: a\r\n\r\n", {
    path: "/c",
    host: "b:81",
    flags: ["absolute"],
  });
  accept("9112 3.2.2", "an absolute target in another case", "GET HTTPS://b/ HTTP/1.1\r\nHost: b\r\n\r\n", {
    path: "/",
    host: "b",
  });
  accept("9112 3.2.2", "an absolute target without a path", "GET http://b HTTP/1.1\r\nHost: b\r\n\r\n", {
    path: "",
    host: "b",
  });
  accept(
    "9112 3.2.2",
    "an absolute target with a query and no path",
    "GET http://b?c HTTP/1.1\r\nHost: b\r\n\r\n",
    {
      path: "",
      host: "b",
    },
  );
  accept("9112 3.2.4", "an asterisk", line("OPTIONS * HTTP/1.1"), { method: "OPTIONS", path: "*" });
  accept("9112 3.2.3", "an authority", "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", {
    method: "CONNECT",
    target: "b:443",
    host: "b:443",
    rest: "",
  });
  const form = (name: string, section: string, text: string) => {
    refuse(section, name, 400, "targetForm", line(`${text} HTTP/1.1`));
  };
  form("an asterisk for GET", "9112 3.2.4", "GET *");
  form("an asterisk and more", "9112 3.2.4", "OPTIONS */");
  form("an authority for GET", "9112 3.2.3", "GET a:80");
  form("a path for CONNECT", "9112 3.2.3", "CONNECT /");
  form("an absolute target for CONNECT", "9112 3.2.3", "CONNECT http://a/");
  form("an authority without a port", "9112 3.2.3", "CONNECT a");
  form("an authority with an empty port", "9112 3.2.3", "CONNECT a:");
  form("an authority with user information", "9112 3.2.3", "CONNECT u@a:1");
  form("an authority with a port above 65535", "9112 3.2.3", "CONNECT a:65536");
  form("another scheme", "9112 3.2.2", "GET ftp://a/");
  form("an absolute target without a host", "9110 4.2.1", "GET http:///a");
  form("an absolute target with user information", "9110 4.2.4", "GET http://u:p@a/");
  form("an absolute target with a bad port", "9112 3.2.2", "GET http://a:b/");
  form("a target without a slash", "9112 3.2.1", "GET index.html");
  form("a query alone", "9112 3.2.1", "GET ?a");
}

function versions(): void {
  accept("9112 2.3", "HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", { flags: ["close", "version10"] });
  for (const minor of ["2", "9"]) {
    accept("9110 6.2", `HTTP/1.${minor}`, get("", `1.${minor}`), { flags: [] });
  }
  const malformed = [
    "http/1.1",
    "HTTP/1",
    "HTTP/01.1",
    "HTTP/1.01",
    "HTTP/1.",
    "HTTP/1,1",
    "HTTP /1.1",
    "HTTQ/1.1",
  ];
  for (const version of [...malformed, "HTTP/11.1", "HTTP/1.1x", "ICE/1.0", "HTTP/x.1"]) {
    refuse("9112 2.3", `the version ${version}`, 400, "versionMalformed", line(`GET / ${version}`));
  }
  for (const version of ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0"]) {
    refuse("9110 15.6.6", `the version ${version}`, 505, "versionNotSupported", line(`GET / ${version}`));
  }
  refuse("9113 3.4", "the preface of HTTP/2", 505, "versionNotSupported", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  refuse("9112 2.3", "a request of HTTP/0.9", 400, "versionMalformed", "GET /\r\n");
  refuse(
    "9110 9.1",
    "a client hello of TLS",
    400,
    "methodInvalid",
    "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
  );
}

function fields(): void {
  accept("9112 5", "space around a value", get("A:  b c\t \r\nD:e\r\nF:\tg\r\n"), {
    fields: [["Host", "a"], ["A", "b c"], ["D", "e"], ["F", "g"]],
  });
  accept("9112 5", "an empty value", get("A:\r\nB:  \r\n"), {
    fields: [["Host", "a"], ["A", ""], ["B", ""]],
  });
  accept("9110 5.5", "bytes above ASCII and a tab in a value", get("A: \xe4\t\xff\x80\r\n"), {
    fields: [["Host", "a"], ["A", "\xe4\t\xff\x80"]],
  });
  accept("9110 5.1", "names in any case", "GET / HTTP/1.1\r\nhOST: a\r\nCONTENT-length: 0\r\n\r\n", {
    host: "a",
    flags: ["hasLength"],
  });
  accept("9110 5.6.2", "a name of every byte a token may have", get("!#$%&'*+-.^_`|~0aZ: b\r\n"), {
    fields: [["Host", "a"], ["!#$%&'*+-.^_`|~0aZ", "b"]],
  });
  accept("9110 5.1", "a colon in a value", get("A: b:c\r\n"), { fields: [["Host", "a"], ["A", "b:c"]] });
  accept("9110 5.1", "a name of 255 bytes", get(`${"a".repeat(255)}: b\r\n`), {
    fields: [["Host", "a"], ["a".repeat(255), "b"]],
  });
  refuse("9110 5.1", "a name of 256 bytes", 400, "nameTooLong", get(`${"a".repeat(256)}: b\r\n`));
  refuse("9112 5.1", "no colon", 400, "nameInvalid", get("Abc\r\n"));
  refuse("9112 5.1", "an empty name", 400, "nameInvalid", get(": b\r\n"));
  refuse("9112 5.1", "a space in front of the colon", 400, "nameInvalid", get("A : b\r\n"));
  refuse("9112 5.1", "a tab in front of the colon", 400, "nameInvalid", get("A\t: b\r\n"));
  refuse(
    "9112 5.1",
    "a space in front of the colon of a known name",
    400,
    "nameInvalid",
    get("Content-Length : 5\r\n"),
  );
  refuse("9110 5.1", "a space within a name", 400, "nameInvalid", get("A b: c\r\n"));
  for (
    const [name, byte] of [["NUL", "\0"], ["a byte above ASCII", "\xe4"]]
  ) {
    refuse("9110 5.1", `${name} in a name`, 400, "nameInvalid", get(`A${byte}b: c\r\n`));
  }
  for (const byte of delimiters.replace(":", "")) {
    refuse("9110 5.1", `${byte} in a name`, 400, "nameInvalid", get(`A${byte}b: c\r\n`));
  }
  refuse("9112 5.2", "a folded line", 400, "lineFolded", get("A: b\r\n c\r\n"));
  refuse("9112 5.2", "a line folded by a tab", 400, "lineFolded", get("A: b\r\n\tc: d\r\n"));
  for (
    const [name, byte] of [["NUL", "\0"], ["BEL", "\x07"], ["DEL", "\x7f"], ["VT", "\v"], ["US", "\x1f"]]
  ) {
    refuse("9110 5.5", `${name} in a value`, 400, "valueInvalid", get(`A: b${byte}c\r\n`));
  }
  // Sixteen bytes are looked at together, the last ones one by one.
  for (const [name, byte] of [["NUL", "\0"], ["BEL", "\x07"], ["DEL", "\x7f"], ["US", "\x1f"]]) {
    const far = get(`A: ${"b".repeat(77)}${byte}${"c".repeat(33)}\r\n`);
    refuse("9110 5.5", `${name} far into a value`, 400, "valueInvalid", far);
  }
  const long = `${"\xff\x80\t ~".repeat(20)}!`;
  accept("9110 5.5", "bytes above ASCII and tabs far into a value", get(`A: ${long}\r\n`), {
    fields: [["Host", "a"], ["A", long]],
  });
}

function sizes(): void {
  const rest = 16_384 - get("A: \r\n").length;
  accept("6585 5", "a head as large as the limit", get(`A: ${"b".repeat(rest)}\r\n`), { method: "GET" });
  refuse(
    "6585 5",
    "a head larger than the limit",
    431,
    "headTooLarge",
    get(`A: ${"b".repeat(rest + 1)}\r\n`),
  );
  refuse(
    "6585 5",
    "a head that does not end",
    431,
    "headTooLarge",
    `GET / HTTP/1.1\r\nA: ${"b".repeat(17_000)}`,
  );
  const start = "GET / HTTP/1.1\r\nHost: a\r\nA: ";
  refuse(
    "6585 5",
    "a head that does not end and is as large as the limit",
    431,
    "headTooLarge",
    `${start}${"b".repeat(16_384 - start.length)}`,
  );
  accept("6585 5", "100 fields", get("A: b\r\n".repeat(99)), { method: "GET" });
  refuse("6585 5", "101 fields", 431, "tooManyFields", get("A: b\r\n".repeat(100)));
}

function hosts(): void {
  refuse("9112 3.2", "no Host", 400, "hostMissing", "GET / HTTP/1.1\r\nA: b\r\n\r\n");
  refuse("9112 3.2", "no field", 400, "hostMissing", "GET / HTTP/1.1\r\n\r\n");
  refuse("9112 3.2", "an absolute target and no Host", 400, "hostMissing", "GET http://a/ HTTP/1.1\r\n\r\n");
  refuse("9112 3.2", "Host twice", 400, "hostRepeated", get("Host: b\r\n"));
  refuse("9112 3.2", "Host twice alike", 400, "hostRepeated", get("Host: a\r\n"));
  refuse("9112 3.2", "Host twice in HTTP/1.0", 400, "hostRepeated", get("Host: a\r\n", "1.0"));
  const withHost = (host: string, start = "GET /") => `${start} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const good = ["a.example:8080", "127.0.0.1", "[::1]:80", "a:", "xn--a_b~", "a%2eb", "[v1.a]", "[V1.a:b]"];
  const numeric = ["a:65535", "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7::]", "[::]", "[::ffff:255.0.10.1]"];
  for (const host of [...good, ...numeric, "a!$&'()*+;=b"]) {
    accept("9110 7.2", `Host ${host}`, withHost(host), { host });
  }
  const bad = [
    "a,b",
    "a/b",
    "u@a",
    "{a}",
    "a b",
    "\xe4",
    "a:65536",
    "a:b",
    "a:1:2",
    ":80",
    "[::1",
    "[a]",
    "a%2",
    "a%2g",
    "a{b",
  ];
  const literals = ["[]", "[1:2:3:4::5:6:7:8]", "[1::2::3]", "[12345::]", "[::1.2.3.256]", "[::01.2.3.4]"];
  for (
    const host of [
      ...bad,
      ...literals,
      "[::1.2.3]",
      "[::1:]",
      "[v.a]",
      "[vg.a]",
      "[v1.]",
      "[v1.a@b]",
      "[:1]",
      "[1:]",
      "http://a",
      "a?b",
      "a#b",
      "a\\b",
      "[::1]a",
      "a:-1",
      "a:+1",
    ]
  ) {
    refuse("9110 7.2", `Host ${host}`, 400, "hostInvalid", withHost(host));
  }
  refuse("9110 7.2", "an empty Host with a path", 400, "hostInvalid", withHost(""));
  accept("9110 7.2", "an empty Host with an asterisk", withHost("", "OPTIONS *"), { host: "" });
}

function lengths(): void {
  accept("9112 6.2", "a body by its length", post("Content-Length: 5\r\n", "hello"), {
    body: "hello",
    flags: ["hasLength"],
  });
  accept("9112 6.2", "a length with zeros in front", post("Content-Length: 0005\r\n", "hello"), {
    body: "hello",
  });
  accept("9112 6.2", "a length of zero", post("Content-Length: 0\r\n", ""), { body: "" });
  accept("9112 6.3", "no length", post("", ""), { body: "", flags: [] });
  for (const value of ["+1", "-1", "0x1", "1_0", "1 1", "", "1.0", "a", "1e3", "\xb9", "1;", "1:", "1/"]) {
    refuse(
      "9112 6.3",
      `Content-Length ${value}`,
      400,
      "lengthInvalid",
      post(`Content-Length: ${value}\r\n`, ""),
    );
  }
  for (const value of ["9007199254740993", "18446744073709551616", "9".repeat(100)]) {
    refuse(
      "9110 8.6",
      `Content-Length ${value}`,
      400,
      "lengthTooLarge",
      post(`Content-Length: ${value}\r\n`, ""),
    );
  }
  const twice = (second: string) => post(`Content-Length: 5\r\nContent-Length: ${second}\r\n`, "hello");
  refuse("9112 6.3", "Content-Length twice", 400, "lengthRepeated", twice("6"));
  refuse("9112 6.3", "Content-Length twice alike", 400, "lengthRepeated", twice("5"));
  refuse(
    "9112 6.3",
    "Content-Length as a list",
    400,
    "lengthRepeated",
    post("Content-Length: 5, 5\r\n", "hello"),
  );
  const methods = { GET: "9.3.1", HEAD: "9.3.2", DELETE: "9.3.5", OPTIONS: "9.3.7" };
  for (const [method, section] of Object.entries(methods)) {
    const bytes = `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`;
    accept(`9110 ${section}`, `a body with ${method}`, bytes, { method, body: "hello" });
  }
}

function codings(): void {
  const end = "5\r\nhello\r\n0\r\n\r\n";
  const coded = (value: string) => post(`Transfer-Encoding: ${value}\r\n`, end);
  accept("9112 7", "chunked", coded("chunked"), { body: "hello", flags: ["chunked"] });
  accept("9112 7", "chunked in another case", coded("CHUNKed"), { body: "hello" });
  accept("9112 7", "chunked with space around it", coded("  chunked\t"), { body: "hello" });
  const both = (first: string, second: string) => post(`${first}\r\n${second}\r\n`, end);
  const [length, coding] = ["Content-Length: 5", "Transfer-Encoding: chunked"];
  refuse("9112 6.3", "a length, then a coding", 400, "lengthAndCoding", both(length, coding));
  refuse("9112 6.3", "a coding, then a length", 400, "lengthAndCoding", both(coding, length));
  refuse("9112 6.1", "a coding in HTTP/1.0", 400, "codingIn10", get("Transfer-Encoding: chunked\r\n", "1.0"));
  // A coding that is no token is malformed, whatever ends the list.
  refuse("9112 6.1", "Transfer-Encoding g zip, chunked", 400, "codingInvalid", coded("g zip, chunked"));
  for (const value of ["gzip, chunked", "foo,chunked", "gzip , deflate, Chunked"]) {
    refuse("9112 6.1", `Transfer-Encoding ${value}`, 501, "codingNotSupported", coded(value));
  }
  const malformed = ["gzip", "identity", "chunked, gzip", "chunked, chunked", "xchunked", "chunked;a=b", ""];
  for (
    const value of [
      ...malformed,
      ",chunked",
      "chunked,",
      "chunked, identity",
      "ch unked",
      "\vchunked",
      "chunked\x80",
    ]
  ) {
    const refusal = value.startsWith("\v") ? "valueInvalid" : "codingInvalid";
    // The last coding of a request must be chunked; what else is wrong is a matter of the field.
    const section = /(^|\s|,)chunked$/.test(value) ? "9112 6.1" : "9112 6.3";
    refuse(section, `Transfer-Encoding ${value}`, 400, refusal, coded(value));
  }
  refuse("9112 6.1", "Transfer-Encoding twice", 400, "codingInvalid", both(coding, coding));
}

function chunks(): void {
  const body = (name: string, text: string, reading: Reading) =>
    accept("9112 7.1", name, chunked(text), reading);
  body("several chunks", "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", { body: "abc" });
  body("no chunk", "0\r\n\r\n", { body: "" });
  body("several zeros", "000\r\n\r\n", { body: "" });
  body("a size in both cases", `A\r\n0123456789\r\nb\r\n${"x".repeat(11)}\r\n0\r\n\r\n`, {
    body: `0123456789${"x".repeat(11)}`,
  });
  body("a size of sixteen digits", "0000000000000001\r\na\r\n0\r\n\r\n", { body: "a" });
  body("CRLF as data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", { body: "\r\n\r\n" });
  const bad = (name: string, refusal: string, text: string) =>
    refuse("9112 7.1", name, 400, refusal, chunked(text));
  const sizes = ["+5", "-5", "0x5", " 5", "5 ", "", "5_0", "g", "5,", "\t5", "5\0"];
  for (const size of sizes) {
    bad(`the chunk size "${size}"`, "chunkSizeInvalid", `${size}\r\nhello\r\n0\r\n\r\n`);
  }
  bad("a chunk size of seventeen digits", "chunkSizeInvalid", "00000000000000001\r\na\r\n");
  bad("a chunk size of 2^53", "chunkSizeInvalid", "20000000000000\r\n");
  bad("a chunk size of 64 bits", "chunkSizeInvalid", "ffffffffffffffff\r\n");
  bad("LF behind a chunk size", "lineFeedAlone", "5\nhello\r\n0\r\n\r\n");
  bad("CR behind a chunk size", "carriageReturnAlone", "5\rhello\r\n0\r\n\r\n");
  bad("LF behind chunk data", "chunkEndMissing", "5\r\nhello\n0\r\n\r\n");
  bad("nothing behind chunk data", "chunkEndMissing", "5\r\nhello0\r\n\r\n");
  bad("more data than the size says", "chunkEndMissing", "5\r\nhello!\r\n0\r\n\r\n");
  bad("another byte and LF behind chunk data", "chunkEndMissing", "5\r\nhello!\n0\r\n\r\n");
  bad("CR alone behind chunk data", "chunkEndMissing", "5\r\nhello\r0\r\n\r\n");
  const extended = (name: string, text: string) =>
    accept("9112 7.1.1", name, chunked(`5${text}\r\nhello\r\n0${text}\r\n\r\n`), { body: "hello" });
  extended("an extension", ";a");
  extended("an extension with a value", ";a=b");
  extended("an extension with a quoted value", ';a="b\\"\\\\;\tc"');
  extended("two extensions with space around", " ; a = b\t;c");
  extended("an extension with an empty quoted value", ';a=""');
  // Two of them: the limit is that of the message.
  extended("extensions as long as the limit together", `;${"a".repeat(2_047)}`);
  const badExtension = (name: string, text: string, refusal = "chunkExtensionInvalid") =>
    refuse("9112 7.1.1", name, 400, refusal, chunked(`5${text}\r\nhello\r\n0\r\n\r\n`));
  badExtension("an extension without a name", ";");
  badExtension("an extension without a value", ";a=");
  badExtension("a space behind an extension", ";a ");
  badExtension("a space behind an extension's value", ";a=b ");
  badExtension("a name of two words", ";a b");
  badExtension("an escaped control in a quoted value", ';a="\\\x01"');
  badExtension("a control in a quoted value", ';a="\x01"');
  badExtension("a quoted value that does not end", ';a="b');
  badExtension("bytes behind a quoted value", ';a="b"c');
  badExtension("a value of two words", ";a=b c");
  badExtension("LF in an extension", ";a\nb", "lineFeedAlone");
  badExtension("a NUL in an extension", ";a\0");
  badExtension("extensions longer than the limit", `;${"a".repeat(4_096)}`, "chunkExtensionsTooLarge");
  badExtension(
    "a quoted value longer than the limit",
    `;a="${"b".repeat(4_096)}"`,
    "chunkExtensionsTooLarge",
  );
  badExtension("spaces longer than the limit", `;${" ".repeat(4_096)}a`, "chunkExtensionsTooLarge");
  const half = `;${"a".repeat(2_047)}`;
  refuse(
    "9112 7.1.1",
    "extensions of several chunks longer than the limit together",
    400,
    "chunkExtensionsTooLarge",
    chunked(`1${half}\r\na\r\n1${half}\r\nb\r\n0;a\r\n\r\n`),
  );
}

function trailers(): void {
  accept("9112 7.1.2", "trailers", chunked("1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n"), {
    body: "a",
    trailers: [["X", "y"], ["Z", ""]],
  });
  for (const name of ["Content-Length", "Transfer-Encoding", "Host", "Connection", "Trailer"]) {
    const text = chunked(`0\r\n${name}: 5\r\n\r\n`);
    refuse("9110 6.5.1", `${name} in trailers`, 400, "trailerForbidden", text);
    const second = chunked(`0\r\nA: b\r\n${name.toUpperCase()}: 5\r\n\r\n`);
    refuse("9110 6.5.1", `${name} in trailers behind another`, 400, "trailerForbidden", second);
  }
  const bad = (name: string, refusal: string, text: string) =>
    refuse("9112 7.1.2", name, 400, refusal, chunked(`0\r\n${text}\r\n`));
  bad("a trailer without a colon", "nameInvalid", "Abc\r\n");
  bad("a folded trailer", "lineFolded", "A: b\r\n c\r\n");
  bad("a trailer that ends with LF", "lineFeedAlone", "A: b\n");
  bad("a control in a trailer", "valueInvalid", "A: \0\r\n");
  refuse(
    "6585 5",
    "trailers larger than the limit",
    431,
    "trailersTooLarge",
    chunked(`0\r\nA: ${"b".repeat(8_192)}\r\n`),
  );
  refuse("6585 5", "101 trailers", 431, "tooManyFields", chunked(`0\r\n${"A: b\r\n".repeat(101)}\r\n`));
}

function connections(): void {
  const flagged = (section: string, name: string, bytes: string, flags: string[]) =>
    accept(section, name, bytes, { flags });
  flagged("9112 9.3", "close", get("Connection: close\r\n"), ["close"]);
  flagged("9112 9.3", "close in another case among others", get("Connection: a, CLOSE ,b\r\n"), ["close"]);
  flagged("9112 9.3", "close and keep-alive", get("Connection: keep-alive, close\r\n"), ["close"]);
  flagged("9112 9.3", "close in a second line", get("Connection: a\r\nConnection: close\r\n"), ["close"]);
  flagged("9112 9.3", "keep-alive", get("Connection: keep-alive\r\n"), []);
  flagged("9112 9.3", "keep-alive in HTTP/1.0", get("Connection: Keep-Alive\r\n", "1.0"), ["version10"]);
  flagged("9112 9.3", "close and keep-alive in HTTP/1.0", get("Connection: keep-alive, close\r\n", "1.0"), [
    "close",
    "version10",
  ]);
  flagged("9110 5.6.1.2", "empty elements of a list", get("Connection: ,, close,\r\n"), ["close"]);
  flagged("9110 5.6.1.2", "an empty list", get("Connection:\r\n"), []);
  flagged("9110 7.6.1", "a name that begins like close", get("Connection: closed\r\n"), []);
  for (const name of ["host", "Content-Length", "transfer-encoding", "content-type", "Authorization"]) {
    refuse(
      "9110 7.6.1",
      `Connection ${name}`,
      400,
      "connectionInvalid",
      get(`Connection: close, ${name}\r\n`),
    );
  }
  refuse("9110 7.6.1", "Connection of two words", 400, "connectionInvalid", get("Connection: a b\r\n"));
  refuse("9110 7.6.1", "a parameter in Connection", 400, "connectionInvalid", get("Connection: close;a\r\n"));
  const expecting = (value: string) => post(`Expect: ${value}\r\nContent-Length: 5\r\n`, "hello");
  accept("9110 10.1.1", "100-continue", expecting("100-Continue"), {
    body: "hello",
    flags: ["expectContinue", "hasLength"],
  });
  flagged("9110 10.1.1", "100-continue without a body", get("Expect: 100-continue\r\n"), []);
  refuse("9110 15.5.18", "another expectation", 417, "expectationFailed", expecting("200-ok"));
  refuse("9110 15.5.18", "two expectations", 417, "expectationFailed", expecting("100-continue, a"));
  flagged("9110 10.1.1", "an expectation in HTTP/1.0", get("Expect: a\r\n", "1.0"), ["close", "version10"]);
  const upgrading = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
  accept("9110 7.8", "an upgrade", `${get(upgrading)}rest`, { flags: ["upgrade"], rest: "rest" });
  flagged("9110 7.8", "an upgrade that Connection does not name", get("Upgrade: a\r\n"), []);
  flagged("9110 7.8", "an upgrade without a protocol", get("Connection: upgrade\r\n"), []);
  flagged("9110 7.8", "an upgrade to nothing", get("Connection: upgrade\r\nUpgrade:\r\n"), []);
  flagged("9110 7.8", "an upgrade in HTTP/1.0", get(upgrading, "1.0"), ["version10"]);
  const asking = (start: string, fields = "") => `${start} HTTP/1.1\r\nHost: a\r\n${upgrading}${fields}\r\n`;
  flagged("9110 7.8", "an upgrade with POST", asking("POST /"), []);
  flagged("9110 7.8", "an upgrade with HEAD", asking("HEAD /"), []);
  accept("9110 7.8", "an upgrade with GET and a body", `${asking("GET /", "Content-Length: 1\r\n")}a`, {
    body: "a",
    flags: ["hasLength"],
  });
  accept("9110 7.8", "an upgrade with a body", post(`${upgrading}Content-Length: 1\r\n`, "a"), {
    body: "a",
    flags: ["hasLength"],
  });
  accept("9110 9.3.6", "CONNECT and the tunnel behind it", "CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\nx", {
    rest: "x",
  });
}

const ok = (lines: string, body = "", start = "HTTP/1.1 200 OK") => `${start}\r\n${lines}\r\n${body}`;
const length = "Content-Length: 5\r\n";

function statusLines(): void {
  acceptResponse("9112 4", "a status and a reason", ok(length, "hello"), {
    status: 200,
    reason: "OK",
    body: "hello",
    flags: ["hasLength"],
  });
  acceptResponse("9112 4", "no reason", ok("Content-Length: 0\r\n", "", "HTTP/1.1 200 "), { reason: "" });
  acceptResponse("9112 4", "no space behind the status", ok("Content-Length: 0\r\n", "", "HTTP/1.1 200"), {
    status: 200,
    reason: "",
  });
  acceptResponse(
    "9112 4",
    "a reason of any text",
    ok("Content-Length: 0\r\n", "", "HTTP/1.1 999 a\t\xe4 b"),
    {
      status: 999,
      reason: "a\t\xe4 b",
    },
  );
}

function responseBodies(): void {
  acceptResponse("9112 6.3", "a body until the end", ok("", "hello"), {
    body: "hello",
    flags: ["close", "untilClose"],
  });
  acceptResponse(
    "9112 6.3",
    "a chunked body",
    ok("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\nB: c\r\n\r\n"),
    {
      body: "a",
      flags: ["chunked"],
      trailers: [["B", "c"]],
    },
  );
  acceptResponse("9112 6.3", "an answer to HEAD", ok(length), { body: "", flags: ["hasLength"] }, "HEAD");
  acceptResponse(
    "9112 6.3",
    "a chunked answer to HEAD",
    ok("Transfer-Encoding: chunked\r\n"),
    { flags: [] },
    "HEAD",
  );
  acceptResponse("9112 6.3", "no body by its length", ok("Content-Length: 0\r\n"), { flags: ["hasLength"] });
  acceptResponse(
    "9110 8.6",
    "the largest length, in an answer to HEAD",
    ok("Content-Length: 9007199254740992\r\n"),
    { body: "", flags: ["hasLength"] },
    "HEAD",
  );
  const odd = ok(`Expect: a\r\nHost: a,b\r\nHost: c\r\n${length}`, "hello");
  acceptResponse("9110 6.3", "fields that only requests have a meaning for", odd, { body: "hello" });
  acceptResponse("9112 6.3", "204", ok("", "", "HTTP/1.1 204 No Content"), { body: "", flags: [] });
  acceptResponse("9112 6.3", "304 with a length", ok(length, "", "HTTP/1.1 304 Not Modified"), { body: "" });
  const created = ok(length, "rest", "HTTP/1.1 299 a");
  acceptResponse("9110 9.3.6", "a tunnel of another 2xx", created, { rest: "rest" }, "CONNECT");
  acceptResponse("9112 6.3", "a tunnel", ok("", "rest"), { flags: ["upgrade"], rest: "rest" }, "CONNECT");
  acceptResponse(
    "9112 6.3",
    "a refused tunnel",
    ok(length, "hello", "HTTP/1.1 407 a"),
    { body: "hello" },
    "CONNECT",
  );
  acceptResponse("9110 15.2.2", "101", ok("Upgrade: a\r\nConnection: upgrade\r\n", "x", "HTTP/1.1 101 a"), {
    status: 101,
    flags: ["upgrade"],
    rest: "x",
  });
  acceptResponse("9112 9.3", "HTTP/1.0", ok(length, "hello", "HTTP/1.0 200 OK"), {
    flags: ["close", "hasLength", "version10"],
  });
  acceptResponse(
    "9112 9.3",
    "HTTP/1.0 with keep-alive",
    ok(`Connection: keep-alive\r\n${length}`, "hello", "HTTP/1.0 200"),
    {
      flags: ["hasLength", "version10"],
    },
  );
}

function interimResponses(): void {
  vectors.push({
    section: "9110 15.2",
    name: "interim responses in front of the final one",
    kind: "response",
    bytes: `${ok("", "", "HTTP/1.1 100 Continue")}${ok("Link: a\r\n", "", "HTTP/1.1 103 b")}${
      ok(length, "hello")
    }`,
    readings: [
      { status: 100, flags: [] },
      { status: 103, fields: [["Link", "a"]], flags: [] },
      { status: 200, body: "hello" },
    ],
  });
  vectors.push({
    section: "9112 6.3",
    name: "interim responses that speak of a body, and have none",
    kind: "response",
    bytes: `${ok(length, "", "HTTP/1.1 100 a")}${ok("Transfer-Encoding: chunked\r\n", "", "HTTP/1.1 199 b")}${
      ok(length, "hello")
    }`,
    readings: [
      { status: 100, body: "", flags: ["hasLength"] },
      { status: 199, body: "", flags: [] },
      { status: 200, body: "hello" },
    ],
  });
}

function refusedResponses(): void {
  refuseResponse("9112 4", "CRLF in front of a response", "versionMalformed", `\r\n${ok(length, "hello")}`);
  for (const status of ["20", "2000", "a00", "099", "2 0", "-20"]) {
    refuseResponse("9112 4", `the status ${status}`, "statusMalformed", ok("", "", `HTTP/1.1 ${status} OK`));
  }
  refuseResponse(
    "9112 4",
    "two spaces behind the version",
    "statusMalformed",
    ok("", "", "HTTP/1.1  200 OK"),
  );
  refuseResponse("9112 4", "no status", "startLineMalformed", ok("", "", "HTTP/1.1"));
  refuseResponse("9112 4", "a control in the reason", "startLineMalformed", ok("", "", "HTTP/1.1 200 a\0b"));
  refuseResponse(
    "9112 4",
    "a status line that ends with LF",
    "lineFeedAlone",
    "HTTP/1.1 200 OK\nA: b\r\n\r\n",
  );
  refuseResponse("9112 4", "another protocol", "versionMalformed", ok("", "", "ICY 200 OK"));
  refuseResponse("9110 2.5", "HTTP/2.0", "versionNotSupported", ok("", "", "HTTP/2.0 200 OK"));
  refuseResponse(
    "9112 6.3",
    "a length and a coding",
    "lengthAndCoding",
    ok(`${length}Transfer-Encoding: chunked\r\n`),
  );
  refuseResponse("9112 6.3", "a length twice", "lengthRepeated", ok(length + length));
  refuseResponse(
    "9112 6.1",
    "a coding that is not supported",
    "codingNotSupported",
    ok("Transfer-Encoding: a, chunked\r\n"),
  );
  refuseResponse(
    "9112 6.1",
    "a coding in HTTP/1.0",
    "codingIn10",
    ok("Transfer-Encoding: chunked\r\n", "", "HTTP/1.0 200 OK"),
  );
}

lineEnds();
requestLines();
targets();
versions();
fields();
sizes();
hosts();
lengths();
codings();
chunks();
trailers();
connections();
statusLines();
responseBodies();
interimResponses();
refusedResponses();

/** All of them. */
export const VECTORS: readonly Vector[] = vectors;
