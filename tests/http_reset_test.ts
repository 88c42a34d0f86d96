/**
 * The client of HTTP leaves, by its end (FIN) or a reset, in each phase of a request: the server goes on,
 * those who wait learn of it by the documented codes, and nothing is left of the connection.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, type Connection } from "../src/mod.ts";
import { type HttpHandlers, httpStateOf } from "../src/http.ts";
import type { StreamConnection } from "../src/stream/connection.ts";
import { TestServer } from "./helpers/http.ts";
import { until, within } from "./helpers/wait.ts";

type Leaving = "fin" | "reset";

/** What the handlers of one server have seen. */
interface Seen {
  handled: number;
  aborted: string[];
  rejected: string[];
  refused: number;
}

/** A phase in which the client leaves. */
interface Phase {
  name: string;
  sends: string;
  /** It is reached. */
  reached(state: ReturnType<typeof httpStateOf>, seen: Seen): boolean;
  /** The client reads nothing, so that answers stay here. */
  isDeaf?: boolean;
  /** Bytes lie unread, and the connection is paused: a reset shows when it is answered. */
  isHeld?: boolean;
  /** Codes of the signal and of the body, after a reset and after an end. */
  aborted?: Leaving[];
  rejected?: Leaving[];
  /** What the client gets after it has ended its side: the beginning of its first answer. */
  answer?: string;
}

const host = "HTTP/1.1\r\nHost: a\r\n";
const LONG = 24 * 1024 * 1024;
const left = "ERR_HTTP_CLIENT_LEFT";
const incomplete = "ERR_HTTP_BODY_INCOMPLETE";
const ok = "HTTP/1.1 200";

const phases: Phase[] = [
  { name: "before its first byte", sends: "", reached: () => true },
  {
    name: "between requests",
    sends: `GET /now ${host}\r\n`,
    reached: ({ phase }, { handled }) => phase === "idle" && handled === 1,
    answer: ok,
  },
  {
    name: "in a head",
    sends: `GET /now ${host}X-Fi`,
    reached: ({ headBytes }) => headBytes > 0,
  },
  {
    name: "in the head behind a request",
    sends: `GET /now ${host}\r\nGET /now ${host}X-Fi`,
    reached: ({ headBytes }, { handled }) => headBytes > 0 && handled === 1,
    answer: ok,
  },
  {
    name: "behind a head whose body has not begun",
    sends: `POST /text ${host}Content-Length: 10\r\n\r\n`,
    reached: ({ phase }) => phase === "body",
    aborted: ["reset"],
    rejected: ["fin", "reset"],
    answer: "HTTP/1.1 400",
  },
  {
    name: "in a body by length",
    sends: `POST /text ${host}Content-Length: 10\r\n\r\nabc`,
    reached: ({ bodyBytes }) => bodyBytes === 3,
    aborted: ["reset"],
    rejected: ["fin", "reset"],
    answer: "HTTP/1.1 400",
  },
  {
    name: "in a chunk",
    sends: `POST /text ${host}Transfer-Encoding: chunked\r\n\r\n5\r\nabc`,
    reached: ({ bodyBytes }) => bodyBytes === 3,
    aborted: ["reset"],
    rejected: ["fin", "reset"],
    answer: "HTTP/1.1 400",
  },
  {
    name: "in trailers",
    sends: `POST /text ${host}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Su`,
    reached: ({ bodyBytes }) => bodyBytes === 3,
    aborted: ["reset"],
    rejected: ["fin", "reset"],
    answer: "HTTP/1.1 400",
  },
  {
    name: "in a body that is read in parts",
    sends: `POST /parts ${host}Content-Length: 10\r\n\r\nabc`,
    reached: ({ bodyBytes }) => bodyBytes === 3,
    aborted: ["reset"],
    rejected: ["fin", "reset"],
    answer: "HTTP/1.1 400",
  },
  {
    name: "in a body that nobody reads yet",
    sends: `POST /wait ${host}Content-Length: 10\r\n\r\nabc`,
    reached: ({ phase }, { handled }) => phase === "processing" && handled === 1,
    isHeld: true,
    answer: ok,
  },
  {
    name: "while an async handler has its request",
    sends: `GET /wait ${host}\r\n`,
    reached: ({ phase }) => phase === "processing",
    aborted: ["reset"],
    answer: ok,
  },
  {
    name: "while a handler that answers later has its request",
    sends: `GET /later ${host}\r\n`,
    reached: ({ phase }) => phase === "processing",
    aborted: ["reset"],
    answer: ok,
  },
  {
    name: "while several requests are in work",
    sends: `GET /wait ${host}\r\nGET /now ${host}\r\nGET /later ${host}\r\n`,
    reached: ({ requestsInWork }) => requestsInWork === 3,
    aborted: ["reset", "reset"],
    answer: ok,
  },
  {
    name: "in a streamed answer",
    sends: `GET /stream ${host}\r\n`,
    reached: ({ phase }, { handled }) => phase === "answering" && handled === 1,
    aborted: ["reset"],
    answer: ok,
  },
  {
    name: "in an answer it does not read",
    sends: `GET /long ${host}\r\n`,
    reached: ({ bufferedBytes }) => bufferedBytes > 0,
    isDeaf: true,
  },
  {
    name: "in a streamed answer it does not read, with others behind it",
    sends: `GET /flood ${host}\r\nGET /now ${host}\r\n`,
    reached: ({ bufferedBytes, requestsInWork }) => bufferedBytes > 0 && requestsInWork >= 1,
    isDeaf: true,
    aborted: ["reset"],
  },
  {
    name: "before its protocol is changed",
    sends: `GET /wait ${host}Connection: upgrade\r\nUpgrade: x\r\n\r\nabc`,
    reached: ({ phase }) => phase === "processing",
    isHeld: true,
    answer: "HTTP/1.1 101",
  },
  {
    name: "after its protocol was changed",
    sends: `GET /now ${host}Connection: upgrade\r\nUpgrade: x\r\n\r\nabc`,
    reached: ({ phase }) => phase === "upgraded",
    answer: "HTTP/1.1 101",
  },
];

/** Handlers that wait until `gate` opens or their client leaves. */
function handlersOf(seen: Seen, gate: Promise<void>): HttpHandlers {
  const code = (error: unknown) => (error as { code?: string }).code ?? String(error);
  const after = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      void gate.then(resolve);
      signal.addEventListener("abort", () => resolve());
    });
  const watched = (signal: AbortSignal) => {
    signal.addEventListener("abort", () => void seen.aborted.push(code(signal.reason)));
    return signal;
  };
  const text = "x".repeat(LONG);
  return {
    async request(request, response) {
      seen.handled += 1;
      const { path } = request;
      if (path === "/now") return void response.send(path);
      if (path === "/long") return void response.send(text);
      const signal = watched(request.signal);
      if (path === "/later") {
        response.later();
        return void after(signal).then(() => {
          if (response.send(path) === "refused") seen.refused += 1;
        });
      }
      if (path === "/stream" || path === "/flood") {
        const stream = response.stream();
        stream.write("begun");
        if (path === "/stream") await after(signal);
        for (let given = 0; path === "/flood" && given < 400 && !stream.done; given++) {
          if (stream.write(text.slice(0, 65_536)) !== "sent") await stream.drained();
        }
        if (stream.done) seen.refused += 1;
        else stream.end();
        return;
      }
      try {
        if (path === "/text") await request.text();
        if (path === "/parts") await request.onData(() => {});
      } catch (error) {
        seen.rejected.push(code(error));
        throw error;
      }
      if (path === "/wait") await after(signal);
      response.send(path);
    },
    async upgrade(request, response) {
      seen.handled += 1;
      if (request.path === "/wait") await after(watched(request.signal));
      if (!response.done) response.upgrade({ data() {} }, { Upgrade: "x" });
    },
  };
}

/** A client that may be deaf, end its side, and reset. */
async function clientOf(port: number, isDeaf: boolean): Promise<{ connection: Connection; text(): string }> {
  let text = "";
  const connection = await connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, window) => void (text += window.text()),
      // It ends its own side when the test says so.
      end() {},
    },
  });
  if (isDeaf) connection.pause();
  return { connection, text: () => text };
}

/** Sends, leaves when the phase is reached, and looks at what is left. */
async function leave(phase: Phase, how: Leaving): Promise<void> {
  const seen: Seen = { handled: 0, aborted: [], rejected: [], refused: 0 };
  let open = () => {};
  const gate = new Promise<void>((resolve) => open = resolve);
  await using server = new TestServer(handlersOf(seen, gate), { listen: { lingerTimeout: 500 } });
  const bystander = await server.connect();
  await bystander.write(`GET /wait ${host}\r\n`);
  await until(() => seen.handled === 1, "the other client's request is handled");
  seen.handled = 0;
  const { connection, text } = await clientOf(server.port, phase.isDeaf === true);
  if (phase.sends !== "") connection.write(phase.sends);
  await until(() => server.connections.length === 2, "the connection to be accepted");
  const near = server.connections[1];
  await until(() => phase.reached(httpStateOf(near), seen), phase.name);
  if (how === "reset") connection.abort();
  else connection.shutdownWrite();
  const expects = (ways: Leaving[] | undefined, code: string) =>
    (ways ?? []).filter((way) => way === how).map(() => code);
  await until(() => seen.rejected.length >= expects(phase.rejected, incomplete).length, "the body to fail");
  await until(() => seen.aborted.length >= expects(phase.aborted, left).length, "the signal to abort");
  if (how === "reset" && phase.isHeld !== true) {
    await until(() => server.reasons.length === 1, "the connection to be gone");
  }
  open();
  if (how === "fin") {
    connection.resume();
    if (phase.answer !== undefined) {
      await until(() => text().startsWith(phase.answer!), `the answer ${phase.answer}`);
    }
    await within(near.closed, "the server to end as well");
    connection.abort();
  }
  await within(near.closed, "the connection to be gone");
  expect(seen.rejected).toEqual(expects(phase.rejected, incomplete));
  expect(seen.aborted).toEqual(expects(phase.aborted, left));
  expect((near as StreamConnection).memory).toBe(undefined);
  expect(httpStateOf(near)).toMatchObject({
    phase: "closing",
    requestsInWork: 0,
    headBytes: 0,
    bodyBytes: 0,
  });
  // The others go on.
  expect((await bystander.answer()).body).toBe("/wait");
  await bystander.write(`GET /now ${host}\r\n`);
  expect((await bystander.answer()).body).toBe("/now");
  bystander.peer.close();
  await until(() => server.reasons.length === 2, "the other client to be gone");
  await until(() => server.loop.stats().connections === 0, "no connection to be left");
  const { segmentsHeld, timersArmed } = server.loop.stats();
  expect({ segmentsHeld, timersArmed }).toEqual({ segmentsHeld: 0, timersArmed: 0 });
}

describe("a client of HTTP leaves", () => {
  for (const phase of phases) {
    for (const how of ["fin", "reset"] as const) {
      it(`${phase.name}, by ${how}`, () => leave(phase, how));
    }
  }
});
