/**
 * One request to connect to one address, from writing it to the library's answer.
 *
 * @module
 */
import { socketsOf } from "../stream/table.ts";
import { CONNECT_REQUEST_SIZE, Flags, Operation, Status } from "../base/layout.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import { type ConnectRequest, placeConnectRequest } from "./connect_request.ts";
import type { Attempt } from "../stream/table.ts";

/** An attempt is made for one request and is not used again. */
export class ConnectAttempt implements Attempt {
  readonly #loop: EventLoop;
  readonly #answer: Attempt["connected"];
  /** The library's id of the attempt, once it has taken the request. */
  #id: number | undefined = undefined;
  #answered = false;
  #canceled = false;

  /**
   * `answer` is called exactly once, with the id of a connection if `status` is ok. A canceled attempt never
   * answers with ok.
   */
  constructor(loop: EventLoop, answer: Attempt["connected"]) {
    this.#loop = loop;
    this.#answer = answer;
  }

  /** Submits the request; false, and nothing done, when no segment of the ring is free for it. */
  begin(request: ConnectRequest, paused: boolean): boolean {
    const { engine } = this.#loop;
    const table = socketsOf(this.#loop);
    const position = placeConnectRequest(engine, request, (id) => this.#taken(id));
    if (position < 0) return false;
    const tag = table.nextTag();
    table.addAttempt(tag, this);
    engine.submitConnect(position, CONNECT_REQUEST_SIZE, tag, paused ? Flags.paused : 0);
    return true;
  }

  /** Gives the attempt up. `answer` is called when the library has released it. */
  cancel(): void {
    if (this.#answered || this.#canceled) return;
    this.#canceled = true;
    if (this.#id !== undefined) this.#loop.engine.submit(Operation.abort, this.#id);
  }

  connected(id: number, status: number, systemError: number): void {
    this.#answered = true;
    if (this.#canceled) {
      if (status === Status.ok) this.#loop.engine.submit(Operation.abort, id);
      return this.#answer(id, Status.canceled, 0);
    }
    this.#answer(id, status, systemError);
  }

  #taken(id: number): void {
    this.#id = id;
    if (this.#canceled && !this.#answered) this.#loop.engine.submit(Operation.abort, id);
  }
}
