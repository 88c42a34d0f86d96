/** The public page names what it exports, one by one, and the manifests tell the same story. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { version } from "../src/base/version.ts";
import { blankTypeScript } from "./house/blank.ts";
import { readSource } from "./house/files.ts";

interface Page {
  values: string[];
  types: string[];
}

/** Adding, renaming or removing a name is a change of the public pages, to be seen in review. */
const PAGES: Record<string, Page> = {
  mod: {
    values: [
      "AccessDeniedError",
      "AddressInUseError",
      "AddressNotAvailableError",
      "ConnectionAbortedError",
      "ConnectionRefusedError",
      "ConnectionResetError",
      "LimitError",
      "Listener",
      "MessageError",
      "MessageTooLargeError",
      "NotFoundError",
      "OptionError",
      "ResolveError",
      "RingportError",
      "SendableFile",
      "Server",
      "StateError",
      "TimeoutError",
      "UnreachableError",
      "WindowError",
      "checkServerOptions",
      "connect",
      "createLoop",
      "listen",
      "pump",
    ],
    types: [
      "Application",
      "CloseReason",
      "ConnectOptions",
      "ConnectRetryOptions",
      "Connection",
      "ConnectionOptions",
      "ConnectionState",
      "ConnectionTimeoutOptions",
      "DrainCounts",
      "ErrorDetails",
      "ErrorOrigin",
      "FileSend",
      "KeepAliveOptions",
      "LimitOptions",
      "ListenLimitOptions",
      "ListenOptions",
      "ListenerInfo",
      "ListenerLimitOptions",
      "ListenerOptions",
      "ListenerState",
      "LogEntry",
      "LogEvent",
      "LogLevel",
      "LogSink",
      "Loop",
      "LoopOptions",
      "OptionSources",
      "Phase",
      "PhaseReport",
      "ProxyProtocol",
      "Pumped",
      "RateOptions",
      "Role",
      "ScalingOptions",
      "SelfTestResult",
      "SendFileOptions",
      "SendableFileOptions",
      "ServerOptions",
      "ServerRunOptions",
      "ShutdownOptions",
      "ShutdownReport",
      "ShutdownRequest",
      "SocketAddress",
      "SocketHandlers",
      "SupervisorOptions",
      "TimeoutKind",
      "TimeoutOptions",
      "Window",
      "WorkerContext",
      "WorkerMessageHandler",
      "Writable",
      "WriteResult",
    ],
  },
  udp: {
    values: ["UdpSocket", "udpSocket"],
    types: [
      "Datagram",
      "DatagramSender",
      "ReceivedDatagram",
      "UdpHandlers",
      "UdpInfo",
      "UdpListenerOptions",
      "UdpSocketOptions",
      "UdpSocketState",
    ],
  },
  client: {
    values: ["HttpClient", "httpClient"],
    types: [
      "ClientLimits",
      "ClientRequest",
      "ClientRequestOptions",
      "ClientResponse",
      "ClientStatistics",
      "ClientTimeouts",
      "HttpClientOptions",
      "RequestBody",
      "ResponseFields",
    ],
  },
  pool: {
    values: ["ConnectionPool", "Lease", "createPool"],
    types: [
      "PoolConnectOptions",
      "PoolEvictions",
      "PoolOptions",
      "PoolStatistics",
      "PoolTarget",
      "PoolTimeouts",
    ],
  },
  framing: {
    values: [
      "closeAfterReplies",
      "crlfLines",
      "defineFramer",
      "delimited",
      "dotTerminated",
      "fixedSize",
      "framed",
      "lengthPrefixed",
      "lines",
      "readLines",
      "readMessage",
      "readMessages",
      "sendMessage",
    ],
    types: [
      "FramedOptions",
      "Framer",
      "FramerOptions",
      "FramerRules",
      "FramerState",
      "LengthFormat",
      "LengthOptions",
      "MessageHandlers",
      "Reply",
    ],
  },
  http: {
    values: ["http", "httpStateOf", "httpStatistics", "prepare"],
    types: [
      "HeaderFields",
      "HeaderValue",
      "HttpConnectionState",
      "HttpHandlers",
      "HttpOptions",
      "HttpPhase",
      "HttpRequest",
      "HttpResponse",
      "HttpStatistics",
      "PreparedOptions",
      "PreparedResponse",
      "ResponseStream",
      "ResponseStreamOptions",
    ],
  },
  fetch: {
    values: ["installGlobals", "serve"],
    types: ["FetchHandler", "FetchOptions", "FetchServer", "ServeAddress", "ServeInfo", "ServeOptions"],
  },
  admission: {
    values: ["AddressTable", "TableAdmission"],
    types: [
      "AddressStatistics",
      "AddressTableMaker",
      "AddressTableOptions",
      "Admission",
      "AdmissionVerdict",
      "Ban",
      "BanList",
      "PeerAddress",
      "ProxyExtension",
      "ProxyHeader",
      "Refusal",
      "RefusalReason",
      "Refusals",
      "ServerBans",
    ],
  },
  metrics: {
    values: ["acceptCounters", "renderPrometheus", "serveMetrics"],
    types: [
      "AcceptCounters",
      "AcceptQueue",
      "ActivityStatistics",
      "AddressTotals",
      "ConnectionCounts",
      "CountsByName",
      "Health",
      "Histogram",
      "HttpActivity",
      "ListenerCounts",
      "ListenerStatistics",
      "LoopStatistics",
      "MetricsListenOptions",
      "MetricsOptions",
      "NativeCounters",
      "NativeGauges",
      "NativeStatistics",
      "ProcessStatistics",
      "ServerStatistics",
      "TimeoutCounts",
      "TurnLengths",
      "UdpListenerStatistics",
      "Usage",
      "WorkerStatistics",
    ],
  },
  trace: {
    values: [],
    types: ["TraceEvent", "TraceSink"],
  },
};

/** The names that a page of re-exports gives, and what on it is no list of names. */
export function namesOf(text: string): { values: string[]; types: string[]; faults: string[] } {
  const source = blankTypeScript(text, "keep strings");
  const values: string[] = [];
  const types: string[] = [];
  const rest = source.replace(
    /export\s+(type\s+)?\{([^}]*)\}\s*from\s*"[^"]+";/g,
    (_, allTypes: string | undefined, list: string) => {
      for (const entry of list.split(",").map((part) => part.trim()).filter((part) => part !== "")) {
        const isType = allTypes !== undefined || entry.startsWith("type ");
        const name = entry.replace(/^type\s+/, "").replace(/^.*\sas\s+/, "");
        (isType ? types : values).push(name);
      }
      return "";
    },
  );
  const faults = rest.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return { values: values.sort(), types: types.sort(), faults };
}

describe("a public page", () => {
  for (const [page, { values, types }] of Object.entries(PAGES)) {
    it(`exports exactly the names of the list: ${page}`, async () => {
      expect(namesOf(await readSource(`src/${page}.ts`))).toEqual({ values, types, faults: [] });
      expect(Object.keys(await import(`../src/${page}.ts`)).sort()).toEqual(values);
    });
  }

  it("shares no name with another", () => {
    const names = Object.values(PAGES).flatMap(({ values, types }) => [...values, ...types]);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it("is read right by this test", () => {
    expect(namesOf(`export { b, type C, d as a } from "./x.ts";\nexport type { E } from "./y.ts";`))
      .toEqual({ values: ["a", "b"], types: ["C", "E"], faults: [] });
    expect(namesOf(`export * from "./x.ts";`).faults).toHaveLength(1);
    expect(namesOf(`export const a = 1;`).faults).toHaveLength(1);
  });
});

describe("the manifests", () => {
  it("agree on name, version, licence and exports", async () => {
    const deno = JSON.parse(await readSource("deno.json"));
    const npm = JSON.parse(await readSource("package.json"));
    for (const key of ["name", "version", "license", "exports"]) expect(npm[key], key).toEqual(deno[key]);
    const subpaths = Object.keys(PAGES).filter((page) => page !== "mod");
    expect(deno.exports).toEqual({
      ".": "./src/mod.ts",
      ...Object.fromEntries(subpaths.map((page) => [`./${page}`, `./src/${page}.ts`])),
      "./cli": "./src/cli.ts",
      "./worker": "./src/worker/thread/entry.ts",
    });
    expect(npm.bin).toEqual({ ringport: deno.exports["./cli"] });
    expect(deno.version).toBe(version);
    expect(npm.dependencies).toBeUndefined();
  });

  it("map the same names for tests on both runtimes", async () => {
    const deno = JSON.parse(await readSource("deno.json")).imports;
    const bun = JSON.parse(await readSource("tsconfig.json")).compilerOptions.paths;
    expect(Object.fromEntries(Object.entries(bun).map(([name, paths]) => [name, (paths as string[])[0]])))
      .toEqual(deno);
  });

  it("pin Zig as the build does", async () => {
    const versions = await readSource(".tool-versions");
    const build = await readSource("zig/build.zig");
    const pinned = /^zig (\S+)$/m.exec(versions)?.[1];
    expect(build).toContain(`const zig_version = "${pinned}";`);
  });
});
