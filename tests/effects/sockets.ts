/** The options of listeners and their connections. */
import { descriptorOf } from "../../src/listen/listener.ts";
import { host } from "../../src/host/mod.ts";
import { listen } from "../../src/mod.ts";
import type { CommandServer } from "../helpers/commands.ts";
import { LineClient } from "../helpers/commands.ts";
import { Folder } from "../helpers/folder.ts";
import { setEnvironment } from "../helpers/runtime.ts";
import { delay } from "../helpers/wait.ts";
import { answers, cuts, happens, onlyLinux, outboxOf, type Probes } from "./probe.ts";
import * as kernel from "./socket_options.ts";

const loopback = "127.0.0.1";

/** What the kernel says of the sockets of a connection to the server, the listening one included. */
function atKernel(
  option: readonly [number, number],
  values: readonly [unknown, unknown],
): NonNullable<Probes["noDelay"]> {
  return {
    server: {
      values,
      skip: onlyLinux,
      async see({ server }) {
        const client = await LineClient.connect(server.port);
        await client.ask("who");
        const seen = await kernel.socketOptions(server.port, ...option);
        client.end();
        return seen;
      },
    },
  };
}

/** The addresses of the server's listeners. */
function addresses({ server }: CommandServer): unknown {
  return server.listeners.map(({ address }) => address);
}

async function marks({ server }: CommandServer): Promise<string> {
  const client = await LineClient.connect(server.port);
  const answer = await client.ask("marks");
  client.end();
  return answer;
}

async function freePorts(): Promise<number[]> {
  const listeners = [0, 0].map((port) => listen({ hostname: loopback, port }));
  const ports = listeners.map(({ port }) => port);
  await Promise.all(listeners.map((listener) => listener.close()));
  return ports;
}

const folder = await Folder.make();
const [onePort, otherPort] = await freePorts();
const inherited = onlyLinux ? [] : [0, 0].map((port) => listen({ hostname: loopback, port }));

/** Removes what the probes have made. */
export async function tidyUp(): Promise<void> {
  for (const name of ["LISTEN_PID", "LISTEN_FDS"]) setEnvironment(name, undefined);
  await Promise.all(inherited.map((listener) => listener.close()));
  await folder[Symbol.asyncDispose]();
}

if (!onlyLinux) {
  setEnvironment("LISTEN_PID", String(host.pid));
  setEnvironment("LISTEN_FDS", String(Math.max(...inherited.map(descriptorOf)) - 2));
}

export const socketProbes: Probes = {
  application: {
    server: {
      values: ["echo.ts", "commands.ts"].map((name) =>
        new URL(`../applications/${name}`, import.meta.url).href
      ) as [string, string],
      see: async ({ server }) => await (await LineClient.connect(server.port)).ask("who"),
    },
  },
  hostname: { server: { values: [loopback, "127.0.0.2"], see: addresses } },
  port: { server: { values: [onePort, otherPort], see: addresses } },
  unix: { server: { values: [folder.file("a"), folder.file("b")], skip: onlyLinux, see: addresses } },
  mode: {
    server: {
      values: [0o600, 0o660],
      beside: { unix: folder.file("m") },
      skip: onlyLinux,
      see: async () => await folder.look("m"),
    },
  },
  inherited: {
    server: {
      values: inherited.map((listener) => descriptorOf(listener) - 3) as [number, number],
      skip: onlyLinux,
      see: addresses,
    },
  },
  backlog: {
    server: {
      values: [7, 70],
      skip: onlyLinux,
      see: ({ server }) => server.stats().listeners[0].acceptQueue?.max,
    },
  },
  ipv6Only: {
    server: {
      values: [false, true],
      beside: { hostname: "::" },
      see: async (fixture) => await answers(fixture, true).catch(() => "refused"),
    },
  },
  noDelay: atKernel(kernel.noDelay, [true, false]),
  keepAlive: atKernel(kernel.keepAlive, [true, false]),
  receiveBuffer: atKernel(kernel.receiveBuffer, [8_192, 65_536]),
  sendBuffer: atKernel(kernel.sendBuffer, [8_192, 65_536]),
  typeOfService: atKernel(kernel.typeOfService, [8, 16]),
  highWaterMark: { server: { values: [20_000, 30_000], see: marks } },
  lowWaterMark: { server: { values: [1_000, 2_000], see: marks } },
  bufferLimit: {
    server: {
      values: [65_536, 1_000_000],
      async see({ server }) {
        const client = await LineClient.connect(server.port);
        client.connection.pause();
        const before = client.lines.length;
        // More than the one limit and less than the other.
        client.tell("try 500000");
        await happens(() => server.stats().total.connections.open > 0, true);
        client.connection.resume();
        await happens(() => client.lines.length > before, true);
        client.end();
        return client.lines.at(-1)?.slice(-7);
      },
    },
  },
  autoPause: {
    server: {
      values: [false, true],
      // Nothing is read while the server's bytes wait: whether the second line is looked at shows it.
      async see(fixture, isFirst) {
        const client = await LineClient.connect(fixture.server.port);
        client.connection.pause();
        client.tell("bytes 8000000");
        await happens(() => outboxOf(fixture) > 0, true);
        client.tell("log heard");
        const heard = await happens(() => fixture.messages.includes("heard"), isFirst);
        client.end();
        return heard;
      },
    },
  },
  lingerTimeout: {
    server: {
      values: [50, 600_000],
      async see(fixture, isFirst) {
        // The client does not end its side.
        const client = await LineClient.connect(fixture.server.port, { allowHalfOpen: true });
        client.tell("end");
        const gone = await happens(() => fixture.messages.includes("closed"), isFirst);
        client.end();
        return gone;
      },
    },
  },
  concurrent: {
    server: {
      values: [true, false],
      async see(fixture) {
        const client = await LineClient.connect(fixture.server.port);
        client.tell("later 200");
        // In a packet of its own.
        await delay(50);
        const first = await client.ask("echo hello");
        client.end();
        return first;
      },
    },
  },
  allowHalfOpen: {
    server: {
      values: [false, true],
      async see(fixture, isFirst) {
        const client = await LineClient.connect(fixture.server.port);
        await client.ask("who");
        client.connection.end();
        const gone = await happens(() => client.gone, isFirst);
        client.end();
        return gone;
      },
    },
  },
  listeners: {
    server: {
      values: [[{ hostname: loopback }, { hostname: loopback }], [{ hostname: loopback }]],
      see: ({ server }) => server.listeners.length,
    },
  },
  name: {
    server: { values: ["one", "other"], see: ({ server }) => server.listeners.map(({ name }) => name) },
  },
  udp: {
    server: {
      values: [[{ hostname: loopback }], []],
      see: ({ server }) => server.udp.length,
    },
  },
  "proxyProtocol.trusted": {
    server: { values: [[loopback], []], see: (fixture, isFirst) => cuts(fixture, isFirst, "no header", "") },
  },
  "proxyProtocol.timeout": {
    server: {
      values: [50, 600_000],
      beside: { proxyProtocol: { trusted: [loopback] } },
      see: (fixture, isFirst) => cuts(fixture, isFirst),
    },
  },
};
