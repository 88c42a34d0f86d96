/**
 * A chat: `bun run chat.ts --port=7000`, then `nc localhost 7000` in several terminals. The first line of a
 * guest is the name; each further line goes to all others.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { type Application, type Connection, Server, type ServerOptions } from "@ringport/ringport";
import { framed, lines, sendMessage } from "@ringport/ringport/framing";

/** A guest without a name has not introduced itself yet. */
interface Guest {
  name: string;
}

/** A guest who sends more bytes without an end of line is cut off. */
const line = lines({ maxMessage: 1024 });
const guests = new Set<Connection<Guest>>();

function tellOthers(text: string, from: Connection<Guest>): void {
  for (const guest of guests) {
    if (guest === from || guest.data.name === "") continue;
    // All or nothing: a message for which a slow reader has no room is not kept, so memory stays bounded.
    if (sendMessage(guest, line, text) === "refused") leave(guest, "reads too slowly");
  }
}

function leave(guest: Connection<Guest>, why: string): void {
  if (!guests.delete(guest)) return;
  guest.abort();
  if (guest.data.name !== "") tellOthers(`* ${guest.data.name} ${why}`, guest);
}

function introduce(guest: Connection<Guest>, name: string): string {
  for (const other of guests) if (other.data.name === name) return `* ${name} is taken, choose another name`;
  guest.data.name = name;
  tellOthers(`* ${name} came`, guest);
  return `* welcome, ${name}; ${guests.size} here`;
}

const chat: Application<Guest> = framed<Guest>(line, {
  open(guest) {
    guest.data = { name: "" };
    guests.add(guest);
    sendMessage(guest, line, "* your name?");
  },
  message(guest, window, reply) {
    const text = window.text().trim();
    if (text === "") return;
    if (guest.data.name === "") reply.send(introduce(guest, text));
    else tellOthers(`${guest.data.name}: ${text}`, guest);
  },
  error(guest, error) {
    leave(guest, error.message);
  },
  close(guest) {
    leave(guest, "left");
  },
});
export default chat;

/** One worker, so that all guests are in one place. Several would tell each other by `worker.broadcast`. */
export const options: ServerOptions = {
  hostname: "127.0.0.1",
  port: 7000,
  workers: 1,
  bufferLimit: 64 * 1024,
  shutdown: { draining: 1_000 },
};

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: (server) => console.log(`chat listens on ${server.hostname}:${server.port}`),
  });
  console.log("chat stopped");
}
