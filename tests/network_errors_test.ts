/** What failures of the network are called, over the kernel in memory and by a real kernel. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { Status } from "../src/base/layout.ts";
import {
  AccessDeniedError,
  AddressInUseError,
  AddressNotAvailableError,
  connect,
  ConnectionAbortedError,
  ConnectionRefusedError,
  ConnectionResetError,
  LimitError,
  listen,
  NotFoundError,
  RingportError,
  TimeoutError,
  UnreachableError,
} from "../src/mod.ts";
import { udpSocket } from "../src/udp.ts";
import { fakeLibrary, ignoreFake } from "./helpers/fake.ts";
import { Child, commandOf } from "./helpers/process.ts";
import { system } from "./helpers/runtime.ts";
import { errorOf, until } from "./helpers/wait.ts";

/** Each failure of a connect: its status, the code users compare with, the class. */
const FAILURES: [number, string, typeof RingportError][] = [
  [Status.connectionRefused, "ECONNREFUSED", ConnectionRefusedError],
  [Status.connectionReset, "ECONNRESET", ConnectionResetError],
  [Status.connectionAborted, "ECONNABORTED", ConnectionAbortedError],
  [Status.timedOut, "ETIMEDOUT", TimeoutError],
  [Status.hostUnreachable, "EHOSTUNREACH", UnreachableError],
  [Status.networkUnreachable, "ENETUNREACH", UnreachableError],
  [Status.networkDown, "ENETDOWN", UnreachableError],
  [Status.addressInUse, "EADDRINUSE", AddressInUseError],
  [Status.addressNotAvailable, "EADDRNOTAVAIL", AddressNotAvailableError],
  [Status.addressFamilyNotSupported, "EAFNOSUPPORT", RingportError],
  [Status.accessDenied, "EACCES", AccessDeniedError],
  [Status.notFound, "ENOENT", NotFoundError],
  [Status.descriptorsExhausted, "EMFILE", LimitError],
  [Status.noBufferSpace, "ENOBUFS", LimitError],
  [Status.outOfMemory, "ENOMEM", LimitError],
  [Status.protocolError, "EPROTO", RingportError],
  [Status.unexpected, "ERR_UNEXPECTED", RingportError],
];

describe("a failure of a connect has its name", () => {
  for (const [status, code, kind] of FAILURES) {
    it(`${code}, at once and later`, { ignore: ignoreFake }, async () => {
      const loop = createEventLoop({ library: fakeLibrary, seed: 0, segmentCount: 64, connectionSlots: 16 });
      for (const hostname of [`198.51.100.${status}`, `198.18.0.${status}`]) {
        const error = await errorOf(() => connect({ hostname, port: 9, loop })) as RingportError;
        expect(error).toBeInstanceOf(kind);
        expect(error.name).toBe(kind === RingportError ? "RingportError" : kind.name);
        expect([error.code, error.status, error.operation]).toEqual([code, status, "connect"]);
        expect(error.address).toBe(`${hostname}:9`);
        expect(error.message).toContain(code);
      }
      expect(loop.engine.failures[status]).toBe(2);
      await until(() => loop.stats().slotsUsed === 0, "the slots to be free");
      expect(loop.stats().segmentsHeld).toBe(0);
      await loop.close();
    });
  }
});

describe("what a real kernel refuses", () => {
  it("is EADDRNOTAVAIL from an address this machine does not have", async () => {
    await using listener = listen({ hostname: "127.0.0.1" });
    const options = { hostname: "127.0.0.1", port: listener.port, localAddress: "192.0.2.77" };
    for (const action of [() => connect(options), () => udpSocket({ hostname: "192.0.2.77" })]) {
      const error = await errorOf(action) as RingportError;
      expect(error).toBeInstanceOf(AddressNotAvailableError);
      expect(error.code).toBe("EADDRNOTAVAIL");
      expect(error.origin).toBe("kernel");
    }
  });

  it("is ENETUNREACH at an address of many", {
    ignore: system === "windows" && "Wine asks Linux in its own way",
  }, async () => {
    // The broadcast address of the loopback network: TCP knows no way to many.
    const error = await errorOf(() => connect({ hostname: "127.255.255.255", port: 9 })) as RingportError;
    expect(error).toBeInstanceOf(UnreachableError);
    expect([error.code, error.systemName]).toEqual(["ENETUNREACH", "ENETUNREACH"]);
  });

  it(
    "is EACCES where no file may be made",
    { ignore: system === "windows" && "Wine has no Unix sockets" },
    async () => {
      const error = await errorOf(() => listen({ unix: "/sys/ringport.sock" })) as RingportError;
      expect(error).toBeInstanceOf(AccessDeniedError);
      expect(error.code).toBe("EACCES");
      expect(["EACCES", "EPERM"]).toContain(error.systemName);
    },
  );
});

/** Routes that no packet leaves by, in a namespace of its own that has nothing but the loopback interface. */
const NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"];
const ROUTES = "ip link set lo up && ip route add unreachable 198.51.100.0/24 && " +
  'ip route add prohibit 192.0.2.0/24 && exec "$@"';

describe("by the routes of a real kernel", () => {
  it(
    "each failure has its name, and so has a cut",
    { ignore: system === "windows" && "Linux only" },
    async () => {
      await using probe = new Child([...NAMESPACE, "sh", "-c", ROUTES, "sh", "true"], {});
      if ((await probe.end()).code !== 0) {
        return console.log("(skipped: this user may not make network namespaces, or there is no `ip`)");
      }
      const script = commandOf("children/network_errors.ts", import.meta.url, {});
      await using child = new Child([...NAMESPACE, "sh", "-c", ROUTES, "sh", ...script], {});
      const { output, errors, code } = await child.end();
      expect([code, errors]).toEqual([0, ""]);
      const told = new Map(
        output.trim().split("\n").map((line) => JSON.parse(line)).map((line) => [line.name, line]),
      );
      for (
        const [place, expected, kind] of [
          ["unreachable", "EHOSTUNREACH", "UnreachableError"],
          ["unknown", "ENETUNREACH", "UnreachableError"],
          ["prohibited", "EACCES", "AccessDeniedError"],
        ]
      ) {
        for (const how of ["connect", "udp connect", "udp send"]) {
          expect(told.get(`${how} ${place}`), `${how} ${place}`)
            .toMatchObject({ kind, code: expected, systemName: expected, origin: "kernel" });
        }
      }
      expect(told.get("cut")).toMatchObject({ kind: "ConnectionAbortedError", code: "ECONNABORTED" });
    },
  );
});
