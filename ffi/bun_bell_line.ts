/**
 * The two lines a native thread can ring over on Bun: one end of a socket pair where descriptors can be
 * given to the runtime, a loopback connection where they cannot.
 *
 * @module
 */
import { bun, type BunListener, type BunSocket } from "./bun_types.ts";

/** Bytes the bell sends first, so that its connection is known from any other. */
export const TOKEN_BYTES = 4;

/** Opens the native end; throws when it cannot. */
export type OpenBell = (port: number, token: number) => number;

/** The host loop's end of the line. */
export interface BellLine {
  ref(): void;
  unref(): void;
  close(): Promise<void>;
}

/** Linux: the library makes both ends and gives the descriptor of one. */
export function openBellPair(open: OpenBell, rang: () => void): BellLine {
  const descriptor = open(0, 0);
  const connecting = bun.connect({ fd: descriptor, socket: { data: rang } });
  let socket: BunSocket | undefined;
  let referenced = true;
  connecting.then((connected) => {
    socket = connected;
    if (!referenced) connected.unref();
  });
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
      (await connecting).end();
    },
  };
}

/** Windows: the library connects to a port of this machine that listens until the bell's token has come. */
export function openBellConnection(open: OpenBell, rang: () => void): BellLine {
  const token = crypto.getRandomValues(new Uint32Array(1))[0];
  const callers = new Map<BunSocket, number[]>();
  let bell: BunSocket | undefined;
  let referenced = true;
  const listener: BunListener = bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void callers.set(socket, []),
      close: (socket) => void callers.delete(socket),
      data(socket, bytes) {
        if (socket === bell) return rang();
        const said = callers.get(socket);
        if (said === undefined) return;
        said.push(...bytes.subarray(0, TOKEN_BYTES + 1));
        if (said.length < TOKEN_BYTES) return;
        if (!isToken(said, token)) return socket.terminate();
        bell = socket;
        listener.stop();
        callers.delete(socket);
        for (const stranger of callers.keys()) stranger.terminate();
        if (!referenced) socket.unref();
        if (said.length > TOKEN_BYTES) rang();
      },
    },
  });
  try {
    open(listener.port, token);
  } catch (error) {
    listener.stop(true);
    throw error;
  }
  return {
    ref() {
      referenced = true;
      (bell ?? listener).ref();
    },
    unref() {
      referenced = false;
      (bell ?? listener).unref();
    },
    close() {
      listener.stop(true);
      bell?.end();
      for (const caller of callers.keys()) caller.terminate();
      return Promise.resolve();
    },
  };
}

function isToken(said: readonly number[], token: number): boolean {
  for (let index = 0; index < TOKEN_BYTES; index++) {
    if (said[index] !== ((token >>> (8 * index)) & 0xff)) return false;
  }
  return true;
}
