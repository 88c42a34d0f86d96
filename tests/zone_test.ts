/** IPv6 zones by the name of their interface, wherever an address is given. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { parseAddress } from "../src/base/address.ts";
import { parseAddressWords } from "../src/base/address_words.ts";
import { connectWith } from "../src/connect/connect.ts";
import { interfaceIndex } from "../src/loop/native.ts";
import { connect, type Connection, listen, OptionError } from "../src/mod.ts";
import { udpSocket } from "../src/udp.ts";
import { bun, system } from "./helpers/runtime.ts";
import { errorOf, within } from "./helpers/wait.ts";

/** What the systems call the interface of the loopback address. */
const NAMES = ["lo", "Loopback Pseudo-Interface 1"];
const LOOPBACK = NAMES.find((name) => interfaceIndex(name) !== undefined)!;

/** A link-local address of this machine with the name of its interface; undefined where there is none. */
async function linkLocal(): Promise<{ address: string; name: string } | undefined> {
  if (system === "windows") return undefined;
  const path = "/proc/net/if_inet6";
  const text = await (bun === undefined ? Deno.readTextFile(path) : bun.file(path).text()).catch(() => "");
  for (const line of text.split("\n")) {
    const fields = line.split(/\s+/);
    if (!/^fe80/.test(fields[0])) continue;
    return { address: fields[0].replace(/(.{4})(?=.)/g, "$1:"), name: fields[5] };
  }
  return undefined;
}

async function textOf(connection: Connection): Promise<string> {
  let text = "";
  for await (const bytes of connection.readable) text += new TextDecoder().decode(bytes);
  connection.abort();
  return text;
}

describe("a zone", () => {
  it("is a number, or a name that the caller can read", () => {
    const read = (name: string) => ({ eth0: 7, "Ethernet 2": 9 })[name];
    expect(parseAddress("fe80::1%eth0", read)!.scope).toBe(7);
    expect(parseAddress("fe80::1%Ethernet 2", read)!.scope).toBe(9);
    expect(parseAddress("fe80::1%12", read)!.scope).toBe(12);
    for (const text of ["fe80::1%eth1", "fe80::1%", "fe80::1%a/b", "fe80::1%a%b", "1.2.3.4%eth0", "x%eth0"]) {
      expect(parseAddress(text, read), text).toBe(undefined);
    }
    // Nobody is asked for the zone of what is no address.
    const asked: string[] = [];
    parseAddress("name:x%eth0", (name) => (asked.push(name), 1));
    expect(asked).toEqual([]);
  });

  it("is no part of the number of an address", () => {
    expect(String(parseAddressWords("fe80::1%eth0"))).toBe("fe80::1");
    expect(String(parseAddressWords("fe80::1%3"))).toBe("fe80::1");
  });

  it("has the number the system gives its interface", () => {
    expect(LOOPBACK).not.toBe(undefined);
    expect(interfaceIndex(LOOPBACK)).toBeGreaterThan(0);
    expect(interfaceIndex("no-such-interface")).toBe(undefined);
    expect(interfaceIndex("")).toBe(undefined);
    expect(interfaceIndex("x".repeat(300))).toBe(undefined);
  });

  it("by name leads to the loopback address and back", async () => {
    const hostname = `::1%${LOOPBACK}`;
    await using listener = listen({
      hostname,
      socket: { open: (connection) => void connection.end("here") },
    });
    for (const from of [undefined, hostname]) {
      const options = { hostname, port: listener.port, localAddress: from };
      expect(await textOf(await within(connect(options), "the connection"))).toBe("here");
    }
    // As a resolver tells it.
    const named = { hostname: "name.invalid", port: listener.port };
    expect(await textOf(await connectWith(named, () => Promise.resolve([hostname])))).toBe("here");
  });

  it("by name is that of a datagram socket and of a receiver", async () => {
    const hostname = `::1%${LOOPBACK}`;
    const came = Promise.withResolvers<string>();
    const server = await udpSocket({
      hostname,
      socket: { data: (_, datagram) => came.resolve(datagram.text()) },
    });
    const client = await udpSocket({ hostname });
    client.send("by name", server.port, hostname);
    expect(await within(came.promise, "the datagram")).toBe("by name");
    const connected = await udpSocket({ connect: { hostname, port: server.port } });
    connected.send("connected");
    client.setMulticastInterface(hostname);
    for (const socket of [server, client, connected]) await socket.close();
  });

  it("by name leads to a link-local address", async () => {
    const found = await linkLocal();
    // Without such an address there is nothing to connect to.
    if (found === undefined) return;
    const hostname = `${found.address}%${found.name}`;
    await using listener = listen({
      hostname,
      socket: { open: (connection) => void connection.end("link") },
    });
    expect(listener.hostname).toContain(`%${interfaceIndex(found.name)}`);
    const connection = await within(connect({ hostname, port: listener.port }), "the connection");
    expect(connection.remoteAddress.hostname).toBe(listener.hostname);
    expect(await textOf(connection)).toBe("link");
  });

  it("of no interface is an error that names it", async () => {
    const hostname = "fe80::1%no-such";
    const places: [string, () => unknown][] = [
      ["hostname", () => listen({ hostname })],
      ["hostname", () => connect({ hostname, port: 1 })],
      ["localAddress", () => connect({ hostname: "::1", port: 1, localAddress: hostname })],
      ["hostname", () => udpSocket({ hostname })],
      ["connect.hostname", () => udpSocket({ connect: { hostname, port: 1 } })],
    ];
    for (const [key, action] of places) {
      const error = await errorOf(action) as OptionError;
      expect(error, key).toBeInstanceOf(OptionError);
      expect(error.key).toBe(key);
      expect(error.message).toContain(`no network interface is called "no-such"`);
    }
    const socket = await udpSocket({ hostname: "::1" });
    const error = await errorOf(() => socket.send("x", 1, hostname)) as OptionError;
    expect(error.message).toContain("no-such");
    await socket.close();
  });
});
