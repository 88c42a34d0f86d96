/**
 * The request of a connect, written into a segment where the library reads it.
 *
 * @module
 */
import {
  CONNECT_REQUEST_ADDRESS_BYTE,
  CONNECT_REQUEST_FLAGS_BYTE,
  CONNECT_REQUEST_ID_BYTE,
  CONNECT_REQUEST_LOCAL_ADDRESS_BYTE,
  CONNECT_REQUEST_PATH_BYTE,
  CONNECT_REQUEST_SIZE,
  ConnectFlags,
} from "../base/layout.ts";
import type { Engine, Waiter } from "../loop/engine.ts";
import { viewAt, viewOf, writeEndpoint, writePlace } from "../stream/requests.ts";
import type { Endpoint, UnixEndpoint } from "../stream/socket_address.ts";

/** What a connect asks for. */
export interface ConnectRequest {
  place: Endpoint | UnixEndpoint;
  local: Endpoint | undefined;
  noDelay: boolean;
}

/**
 * Writes a connect request among the small writes of this turn and returns its position, to be submitted at
 * once; -1 when no segment is free. The request is held until the library has taken it, then `taken` gets the
 * id the library gave it.
 */
export function placeConnectRequest(
  engine: Engine,
  request: ConnectRequest,
  taken: (id: number) => void,
): number {
  const { segments } = engine;
  const position = segments.copySpace(CONNECT_REQUEST_SIZE);
  if (position < 0) return -1;
  segments.copied(CONNECT_REQUEST_SIZE);
  segments.holdAt(position, CONNECT_REQUEST_SIZE);
  const view = viewOf(segments, position, CONNECT_REQUEST_SIZE);
  writePlace(view, CONNECT_REQUEST_ADDRESS_BYTE, CONNECT_REQUEST_PATH_BYTE, request.place);
  if (request.local !== undefined) writeEndpoint(view, CONNECT_REQUEST_LOCAL_ADDRESS_BYTE, request.local);
  const flags = (request.noDelay ? ConnectFlags.noDelay : 0) |
    (request.local !== undefined ? ConnectFlags.bindLocal : 0);
  view.setUint32(CONNECT_REQUEST_FLAGS_BYTE, flags, true);
  view.setUint32(CONNECT_REQUEST_ID_BYTE, notTaken, true);
  engine.waitForPoll(new PlacedRequest(engine, position, taken));
  return position;
}

/** The id of the last generation, which the library never gives out. */
const notTaken = 0xffff_fffe;

/**
 * The hold on a connect request until the library has taken it. Each request has an object of its own: an
 * object that served several could forget where an earlier request lies while it still waits for the library.
 */
class PlacedRequest implements Waiter {
  readonly #engine: Engine;
  readonly #position: number;
  readonly #taken: (id: number) => void;

  constructor(engine: Engine, position: number, taken: (id: number) => void) {
    this.#engine = engine;
    this.#position = position;
    this.#taken = taken;
  }

  /** A poll is over, in which the library has taken the request unless the ring was full. */
  tryAgain(): void {
    const { segments } = this.#engine;
    const view = viewAt(segments, this.#position, CONNECT_REQUEST_SIZE);
    const id = view.getUint32(CONNECT_REQUEST_ID_BYTE, true);
    if (id === notTaken) return this.#engine.waitForPoll(this);
    segments.releaseAt(this.#position, CONNECT_REQUEST_SIZE);
    this.#taken(id | 0);
  }
}
