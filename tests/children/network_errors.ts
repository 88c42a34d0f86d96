/**
 * Meets failures of the network in a namespace whose routes are made for them, and prints what they are
 * called: a line of JSON for each, with its name.
 */
// deno-lint-ignore-file no-console
import { connect, type ConnectOptions, listen, type RingportError } from "../../src/mod.ts";
import { udpSocket } from "../../src/udp.ts";
import { Child } from "../helpers/process.ts";
import { exit } from "../helpers/runtime.ts";
import { errorOf, within } from "../helpers/wait.ts";

/** What the routes of the namespace say of each, see `network_errors_test.ts`. */
const PLACES = { unreachable: "198.51.100.7", prohibited: "192.0.2.7", unknown: "203.0.113.7" };

function tell(name: string, thrown: unknown): void {
  const error = thrown as RingportError;
  const { code, operation, systemName, origin, address } = error;
  console.log(JSON.stringify({ name, kind: error.name, code, operation, systemName, origin, address }));
}

/** The error of a datagram that is sent to somewhere. */
async function errorOfSending(hostname: string): Promise<unknown> {
  const failed = Promise.withResolvers<unknown>();
  const socket = await udpSocket({
    hostname: "0.0.0.0",
    socket: { error: (_, error) => failed.resolve(error) },
  });
  socket.send("x", 9, hostname);
  const error = await within(failed.promise, "the error");
  await socket.close();
  return error;
}

/** A connection that the system cuts, as an operator may have it do. */
async function errorOfCutting(): Promise<unknown> {
  await using listener = listen({ hostname: "127.0.0.1", socket: { data() {} } });
  const options: ConnectOptions = { hostname: "127.0.0.1", port: listener.port, socket: { data() {} } };
  const connection = await connect(options);
  await using killer = new Child(["ss", "-K", "dst", "127.0.0.1", "dport", "=", `${listener.port}`], {});
  await killer.end();
  const { error } = await within(connection.closed, "the cut");
  return error;
}

for (const [name, hostname] of Object.entries(PLACES)) {
  tell(`connect ${name}`, await errorOf(() => connect({ hostname, port: 9, timeouts: { connect: 5_000 } })));
  tell(`udp connect ${name}`, await errorOf(() => udpSocket({ connect: { hostname, port: 9 } })));
  tell(`udp send ${name}`, await errorOfSending(hostname));
}
tell("cut", await errorOfCutting());
exit(0);
