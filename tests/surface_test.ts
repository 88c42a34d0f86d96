/** The public page names what it exports, one by one, and the manifests tell the same story. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { version } from "../src/base/version.ts";
import * as page from "../src/mod.ts";
import { blankTypeScript } from "./house/blank.ts";
import { readSource } from "./house/files.ts";

/** Adding, renaming or removing a name is a change of the public page, to be seen in review. */
const VALUES: string[] = [
  "AccessDeniedError",
  "AddressInUseError",
  "AddressNotAvailableError",
  "AddressTable",
  "AddressWords",
  "ConnectionAbortedError",
  "ConnectionPool",
  "ConnectionRefusedError",
  "ConnectionResetError",
  "Datagram",
  "DatagramSender",
  "EventLoop",
  "Lease",
  "LimitError",
  "Listener",
  "MessageError",
  "MessageTooLargeError",
  "NativeError",
  "NotFoundError",
  "OptionError",
  "ResolveError",
  "RingportError",
  "Server",
  "StateError",
  "TableAdmission",
  "TimeoutError",
  "UdpSocket",
  "UnreachableError",
  "Window",
  "WindowError",
  "acceptCounters",
  "checkServerOptions",
  "closeAfterReplies",
  "connect",
  "createLoop",
  "createPool",
  "crlfLines",
  "defineFramer",
  "delimited",
  "dotTerminated",
  "fixedSize",
  "framed",
  "lengthPrefixed",
  "lines",
  "listen",
  "pump",
  "readLines",
  "readMessage",
  "readMessages",
  "renderPrometheus",
  "sendMessage",
  "serveMetrics",
  "udpSocket",
];
const TYPES: string[] = [
  "AcceptCounters",
  "AcceptQueue",
  "ActivityStatistics",
  "AddressStatistics",
  "AddressTableOptions",
  "AddressTotals",
  "Admission",
  "AdmissionVerdict",
  "Application",
  "Ban",
  "BanList",
  "CloseReason",
  "ConnectOptions",
  "ConnectRetryOptions",
  "ConnectTimeoutOptions",
  "Connection",
  "ConnectionCounts",
  "ConnectionOptions",
  "ConnectionRole",
  "ConnectionState",
  "ConnectionTimeoutOptions",
  "CountsByName",
  "DrainCounts",
  "ErrorDetails",
  "ErrorOrigin",
  "FramedOptions",
  "Framer",
  "FramerOptions",
  "FramerRules",
  "FramerState",
  "Health",
  "Histogram",
  "KeepAliveOptions",
  "LengthFormat",
  "LengthOptions",
  "LimitOptions",
  "ListenOptions",
  "ListenerInfo",
  "ListenerLimitOptions",
  "ListenerOptions",
  "ListenerState",
  "ListenerStatistics",
  "LogEntry",
  "LogEvent",
  "LogLevel",
  "LogSink",
  "LoopOptions",
  "LoopStatistics",
  "MessageHandlers",
  "MetricsListenOptions",
  "MetricsOptions",
  "Occupancy",
  "OperationRole",
  "OptionSources",
  "Phase",
  "PhaseReport",
  "PoolConnectOptions",
  "PoolEvictions",
  "PoolOptions",
  "PoolStatistics",
  "PoolTarget",
  "PoolTimeouts",
  "ProcessStatistics",
  "ProxyEndpoint",
  "ProxyExtension",
  "ProxyHeader",
  "ProxyProtocol",
  "ProxyProtocolOptions",
  "Pumped",
  "RateOptions",
  "ReceivedDatagram",
  "Refusal",
  "RefusalReason",
  "Refusals",
  "Reply",
  "ScalingOptions",
  "SelfTestResult",
  "ServerBans",
  "ServerOptions",
  "ServerStatistics",
  "ShutdownOptions",
  "ShutdownReport",
  "ShutdownRequest",
  "SocketAddress",
  "SocketHandlers",
  "SupervisorOptions",
  "TimeoutCounts",
  "TimeoutKind",
  "TimeoutOptions",
  "TraceEvent",
  "TraceRole",
  "TraceSink",
  "UdpHandlers",
  "UdpInfo",
  "UdpListenerOptions",
  "UdpListenerStatistics",
  "UdpSocketOptions",
  "UdpSocketState",
  "WorkerContext",
  "WorkerMessageHandler",
  "WorkerStatistics",
  "Writable",
  "WriteResult",
];

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

describe("the public page", () => {
  it("exports exactly the names of the list", async () => {
    const { values, types, faults } = namesOf(await readSource("src/mod.ts"));
    expect(faults).toEqual([]);
    expect(values).toEqual(VALUES);
    expect(types).toEqual(TYPES);
    expect(Object.keys(page).sort()).toEqual(VALUES);
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
    expect(deno.exports).toEqual({
      ".": "./src/mod.ts",
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
