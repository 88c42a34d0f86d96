/**
 * A chat of lines: `bun run examples/chat.ts [port]`, then `nc localhost 7000` from several terminals. The
 * first line somebody sends is the name; every further one goes to all others.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { type Connection, listen } from "../src/mod.ts";
import { environment, onStop, scriptArguments } from "./runtime.ts";

/** Bytes a line may have; somebody who sends more without a line's end is shown out. */
const LINE_BYTES_MAX = 1024;
/** Bytes that may wait for one slow reader before the chat goes on without it. */
const BACKLOG_BYTES_MAX = 64 * 1024;

/** Somebody in the chat. */
interface Guest {
  name: string;
  /** The beginning of a line whose end has not come yet. */
  line: string;
  decoder: TextDecoder;
}

const guests = new Set<Connection<Guest>>();

function broadcast(text: string, from: Connection<Guest>): void {
  for (const guest of guests) {
    if (guest === from || guest.data.name === "") continue;
    // All or nothing: what a slow reader has no room for is not queued anywhere, so memory stays bounded.
    if (guest.write(text) === "refused") leave(guest, "reads too slowly");
  }
}

function leave(guest: Connection<Guest>, why: string): void {
  if (!guests.delete(guest)) return;
  guest.abort();
  if (guest.data.name !== "") broadcast(`* ${guest.data.name} ${why}\n`, guest);
}

function say(guest: Connection<Guest>, line: string): void {
  if (line === "") return;
  if (guest.data.name !== "") return broadcast(`${guest.data.name}: ${line}\n`, guest);
  for (const other of guests) {
    if (other.data.name === line) return void guest.write(`* ${line} is taken, what else?\n`);
  }
  guest.data.name = line;
  guest.write(`* welcome, ${line}; ${guests.size} here\n`);
  broadcast(`* ${line} came\n`, guest);
}

const listener = listen<Guest>({
  port: Number(scriptArguments[0] ?? environment("PORT") ?? 7000),
  bufferLimit: BACKLOG_BYTES_MAX,
  data: () => ({ name: "", line: "", decoder: new TextDecoder() }),
  socket: {
    open(guest) {
      guests.add(guest);
      guest.write("* your name?\n");
    },
    data(guest, bytes) {
      const lines = (guest.data.line + guest.data.decoder.decode(bytes.bytes, { stream: true })).split("\n");
      guest.data.line = lines.pop() ?? "";
      for (const line of lines) say(guest, line.trim());
      if (guest.data.line.length > LINE_BYTES_MAX) leave(guest, "wrote too long a line");
    },
    close(guest) {
      leave(guest, "left");
    },
  },
});

console.log(`chat listens on ${listener.hostname}:${listener.port}`);

onStop(() => {
  listener.stop(true);
  console.log("chat stopped");
});
