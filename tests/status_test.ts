/** What statuses and system errors are called. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { hostFromPlatform } from "../ffi/host.ts";
import { Status, STATUS_NAMES } from "../ffi/layout.gen.ts";
import { NativeError, statusCode, statusMessage, statusName, systemErrorName } from "../ffi/status.ts";
import { nameOfSystemError } from "../ffi/system_error.ts";
import { system } from "./helpers/runtime.ts";

describe("statuses", () => {
  it("each have a name, a code of their own and a sentence", () => {
    const numbers = Object.values(Status);
    expect(numbers).toHaveLength(STATUS_NAMES.filter((name) => name !== "").length);
    const codes = new Set<string>();
    for (const number of numbers) {
      expect(statusName(number)).toBe(STATUS_NAMES[number]);
      expect(statusCode(number)).toMatch(number === Status.ok ? /^OK$/ : /^E[A-Z_]+$/);
      expect(statusMessage(number)).toMatch(/^[a-z].*[a-z]$/);
      codes.add(statusCode(number));
    }
    expect(codes.size).toBe(numbers.length);
  });

  it("of no version known here are told apart from the known ones", () => {
    expect(statusCode(STATUS_NAMES.length)).toBe("ERR_UNKNOWN_STATUS");
    expect(statusName(STATUS_NAMES.length)).toBe("unknown");
  });

  it("make an error that says what was asked, what went wrong and what the system called it", () => {
    const number = system === "windows" ? 10048 : 98;
    const error = new NativeError("listen", Status.addressInUse, number);
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toBe("EADDRINUSE");
    expect(error.statusName).toBe("address_in_use");
    expect(error.operation).toBe("listen");
    expect(error.systemError).toBe(number);
    expect(error.systemName).toBe(system === "windows" ? "WSAEADDRINUSE" : "EADDRINUSE");
    expect(error.message).toBe(`listen: the address is in use (${error.systemName} ${number})`);
    expect(new NativeError("poll", Status.invalidLoop).message).toBe("poll: the loop no longer exists");
  });
});

describe("system errors", () => {
  it("are named by the system's own table", () => {
    expect(nameOfSystemError(104, "linux")).toBe("ECONNRESET");
    expect(nameOfSystemError(10054, "windows")).toBe("WSAECONNRESET");
    expect(nameOfSystemError(64, "windows")).toBe("ERROR_NETNAME_DELETED");
    expect(nameOfSystemError(64, "linux")).toBe("ENONET");
    expect(nameOfSystemError(54321, "linux")).toBe("");
    expect(systemErrorName(0)).toBe("");
  });
});

describe("the host", () => {
  it("is read from what each runtime says", () => {
    const x86 = "x86_64", arm = "aarch64";
    expect(hostFromPlatform("Linux x86_64")).toEqual({ operatingSystem: "linux", architecture: x86 });
    expect(hostFromPlatform("Linux aarch64")).toEqual({ operatingSystem: "linux", architecture: arm });
    expect(hostFromPlatform("Win32", "AMD64")).toEqual({ operatingSystem: "windows", architecture: x86 });
    expect(hostFromPlatform("Win32", "ARM64")).toEqual({ operatingSystem: "windows", architecture: arm });
    expect(hostFromPlatform("windows", "x86_64")).toEqual({ operatingSystem: "windows", architecture: x86 });
    expect(hostFromPlatform("linux", "aarch64")).toEqual({ operatingSystem: "linux", architecture: arm });
  });

  it("that no library is built for is refused by name", () => {
    expect(() => hostFromPlatform("darwin", "aarch64")).toThrow(/Linux and Windows.*darwin aarch64/);
    expect(() => hostFromPlatform("Linux riscv64")).toThrow(/riscv64/);
  });
});
