/**
 * An application of streams that can be checked: `download BYTES SEED` sends noise that follows from the
 * seed, `upload BYTES` answers with the hash of what it got, `stay` does nothing. How each connection ended
 * is logged.
 */
import type {
  Application,
  CloseReason,
  Connection,
  ListenerInfo,
  Window,
  WorkerContext,
} from "../../src/mod.ts";
import { StreamHash } from "../helpers/hash.ts";
import { Random } from "../helpers/random.ts";

/** What is known of a connection. */
interface Transfer {
  listener: string;
  command: string;
  /** Of an upload. */
  hash: StreamHash;
  /** Bytes still to come or to go. */
  left: number;
  random: Random;
  /** What `write` has refused so far. */
  piece: Uint8Array | undefined;
}

/** Bytes written at once; a multiple of four, so that the noise does not depend on it. */
const PIECE = 4096;

export default class Transfers implements Application<Transfer> {
  #worker: WorkerContext | undefined;

  start(worker: WorkerContext): void {
    this.#worker = worker;
  }

  open(connection: Connection<Transfer>, { name }: ListenerInfo): void {
    connection.data = {
      listener: name,
      command: "",
      hash: new StreamHash(),
      left: 0,
      random: new Random(1),
      piece: undefined,
    };
  }

  data(connection: Connection<Transfer>, window: Window): void {
    const transfer = connection.data;
    let { bytes } = window;
    if (transfer.command === "") {
      const end = bytes.indexOf(10);
      const [command, left, seed] = new TextDecoder().decode(bytes.subarray(0, end)).split(" ");
      Object.assign(transfer, { command, left: Number(left ?? 0), random: new Random(Number(seed ?? 1)) });
      bytes = bytes.subarray(end + 1);
      if (command === "download") return this.drain(connection);
    }
    if (transfer.command !== "upload") return;
    transfer.hash.update(bytes);
    transfer.left -= bytes.length;
    if (transfer.left === 0) connection.end(`${transfer.hash.digest()}\n`);
  }

  drain(connection: Connection<Transfer>): void {
    const transfer = connection.data;
    if (transfer.command !== "download") return;
    while (transfer.left > 0) {
      const piece = transfer.piece ?? transfer.random.bytes(PIECE);
      transfer.piece = piece;
      const result = connection.write(piece.subarray(0, Math.min(PIECE, transfer.left)));
      if (result === "refused") return;
      transfer.piece = undefined;
      transfer.left -= Math.min(PIECE, transfer.left);
      if (result === "queued") return;
    }
    transfer.command = "downloaded";
    connection.end();
  }

  close(connection: Connection<Transfer>, { by, error, bytesLost }: CloseReason): void {
    const { listener } = connection.data;
    const code = (error as { code?: string } | undefined)?.code ?? "none";
    this.#worker!.log("closed", { listener, by, code, bytesLost });
  }
}
