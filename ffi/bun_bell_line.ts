/**
 * The two lines a native thread can ring over on Bun: one end of a socket pair where descriptors can be
 * given to the runtime, a loopback connection where they cannot.
 *
 * @module
 */
import { bun, type BunListener, type BunSocket } from "./bun_types.ts";

/** Bytes the bell sends first, so that its connection is known from any other. */
const TOKEN_BYTES = 4;

/** Opens the native end; throws when it cannot. */
type OpenBell = (port: number, token: number) => number;

/** The events of the host loop's end of the line. */
interface BellListener {
  rang(): void;
  /** The line broke and carries no further ring; not reported after close. */
  lost(): void;
}

/** The host loop's end of the line. */
export interface BellLine {
  ref(): void;
  unref(): void;
  close(): Promise<void>;
}

/** Linux: the library makes both ends and gives the descriptor of one. */
export function openBellPair(open: OpenBell, listener: BellListener): BellLine {
  const descriptor = open(0, 0);
  let socket: BunSocket | undefined;
  let referenced = true;
  let closed = false;
  const lost = () => {
    if (closed) return;
    closed = true;
    listener.lost();
  };
  const connecting = bun.connect({
    fd: descriptor,
    socket: { data: () => listener.rang(), close: lost, error: lost },
  });
  const connected = connecting.then((opened) => {
    socket = opened;
    if (!referenced) opened.unref();
  }).catch(lost);
  return {
    ref() {
      referenced = true;
      socket?.ref();
    },
    unref() {
      referenced = false;
      socket?.unref();
    },
    async close() {
      closed = true;
      await connected;
      socket?.end();
    },
  };
}

/** Windows: the library connects to a port of this machine that listens until the bell's token has come. */
export function openBellConnection(open: OpenBell, listener: BellListener): BellLine {
  const callers = new Callers(crypto.getRandomValues(new Uint32Array(1))[0]);
  let bell: BunSocket | undefined;
  let referenced = true;
  let closed = false;
  const door: BunListener = bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => callers.add(socket),
      data(socket, bytes) {
        if (socket === bell) return listener.rang();
        const rest = callers.hear(socket, bytes);
        if (rest === undefined) return;
        bell = socket;
        door.stop();
        callers.dismiss();
        if (!referenced) socket.unref();
        if (rest > 0) listener.rang();
      },
      close(socket) {
        callers.delete(socket);
        if (socket !== bell || closed) return;
        closed = true;
        listener.lost();
      },
    },
  });
  try {
    open(door.port, callers.token);
  } catch (error) {
    door.stop(true);
    throw error;
  }
  return {
    ref() {
      referenced = true;
      (bell ?? door).ref();
    },
    unref() {
      referenced = false;
      (bell ?? door).unref();
    },
    close() {
      closed = true;
      door.stop(true);
      bell?.end();
      callers.dismiss();
      return Promise.resolve();
    },
  };
}

/** Peers that have connected and not yet sent the token. */
class Callers {
  readonly token: number;
  readonly #said = new Map<BunSocket, number[]>();

  constructor(token: number) {
    this.token = token;
  }

  add(socket: BunSocket): void {
    this.#said.set(socket, []);
  }

  delete(socket: BunSocket): void {
    this.#said.delete(socket);
  }

  /** Takes what a caller says. Bytes behind the token once said; undefined before, and for a wrong one. */
  hear(socket: BunSocket, bytes: Uint8Array): number | undefined {
    const said = this.#said.get(socket);
    if (said === undefined) return undefined;
    said.push(...bytes.subarray(0, TOKEN_BYTES + 1));
    if (said.length < TOKEN_BYTES) return undefined;
    const right = said.slice(0, TOKEN_BYTES).every((byte, index) =>
      byte === ((this.token >>> (8 * index)) & 0xff)
    );
    if (right) this.#said.delete(socket);
    else socket.terminate();
    return right ? said.length - TOKEN_BYTES : undefined;
  }

  /** Turns all away. */
  dismiss(): void {
    for (const socket of this.#said.keys()) socket.terminate();
  }
}
