/**
 * The way of an accepted connection to the application: past the limit, past the judgement of its address,
 * past the PROXY header. Who does not come through is cut and counted.
 *
 * @module
 */
import { isWildcard, type SocketAddress, unmapped } from "../base/address.ts";
import { describe } from "../base/options.ts";
import { OptionError } from "../base/errors.ts";
import { follow } from "../base/follow.ts";
import { AddressWords } from "../base/address_words.ts";
import { AddressFamily, Operation } from "../base/layout.ts";
import { proxyTimeoutDefaultMilliseconds } from "../base/limits.ts";
import { NetworkList } from "../base/networks.ts";
import type { Admission, AdmissionVerdict, Refusal, RefusalReason, Refusals } from "./admission.ts";
import { StreamConnection } from "../stream/connection.ts";
import { type Greeted, ProxyReader } from "./proxy/reader.ts";
import { SharedConfig } from "../stream/shared_config.ts";
import { Origin } from "../stream/origin.ts";
import { keepPeer, peerOf } from "../stream/peer_address.ts";
import type { ProxyHeader } from "../stream/proxy_header.ts";
import { State } from "../stream/state.ts";
import type { Connection, ConnectionOptions } from "../stream/types.ts";
import type { ListenOptions } from "./types.ts";

/** What of a listener's options is its gate's. */
export type AcceptFilterOptions<D> =
  & ConnectionOptions<D>
  & Pick<ListenOptions<D>, "admission" | "refused" | "proxyProtocol">;

/** The listener as its gate knows it. */
export interface AcceptFilterOwner<D> {
  /** A connection has come through: it is to be opened. */
  opened(connection: StreamConnection<D>): void;
  /** One that was refused at once has left its place, without ever having been a connection. */
  turnedAway(): void;
  /** A connection, opened or not, is gone. */
  left(): void;
}

export class AcceptFilter<D> implements Greeted {
  readonly #config: SharedConfig<D>;
  /** What connections belong to while their PROXY header is read: no handler of the application is called. */
  readonly #greetingConfig: SharedConfig<D>;
  readonly #owner: AcceptFilterOwner<D>;
  readonly #startsPaused: boolean;
  readonly #admission: Admission | undefined;
  readonly #trusted: NetworkList | undefined;
  readonly #proxyTimeout: number;
  readonly #told: ((refusal: Refusal) => void) | undefined;
  readonly #words = new AddressWords();
  /** How many were refused. */
  readonly refusals: Record<RefusalReason, number> = {
    limit: 0,
    connections: 0,
    rate: 0,
    banned: 0,
    untrusted: 0,
    proxy: 0,
    failed: 0,
  };
  /** Of the connection that was let in last: what `leave` is given; negative where there is nothing. */
  #ticket = -1;
  /** A callback has failed and was reported: further failures are only counted. */
  #reported = false;

  constructor(config: SharedConfig<D>, options: AcceptFilterOptions<D>, owner: AcceptFilterOwner<D>) {
    this.#config = config;
    this.#owner = owner;
    this.#admission = options.admission;
    this.#told = options.refused;
    const { proxyProtocol } = options;
    this.#trusted = proxyProtocol &&
      new NetworkList("listen", "proxyProtocol.trusted", proxyProtocol.trusted);
    this.#startsPaused = proxyProtocol === undefined && config.handlers.data === undefined;
    this.#proxyTimeout = proxyProtocol?.timeout ?? proxyTimeoutDefaultMilliseconds;
    const { loop, engine, table } = config;
    this.#greetingConfig = new SharedConfig<D>(loop, engine, table, { ...options, socket: {} });
    const configOwner = { left: (connection: StreamConnection<D>) => this.#left(connection) };
    config.owner = configOwner;
    this.#greetingConfig.owner = configOwner;
  }

  /** Where the connections come in. */
  listensAt(address: SocketAddress): void {
    for (const config of [this.#config, this.#greetingConfig]) {
      config.isUnix = address.family === "Unix";
      config.localAddress = isWildcard(unmapped(address)) ? undefined : unmapped(address);
    }
  }

  /** True when the library is to begin without reading. */
  get startsPaused(): boolean {
    return this.#startsPaused;
  }

  /**
   * Whether nobody reads a connection that is about to be opened, so that it is to begin paused; one that was
   * read for its PROXY header is paused now.
   */
  beginsUnread(connection: StreamConnection<D>): boolean {
    if (this.#trusted === undefined) return this.#startsPaused;
    if (this.#config.handlers.data !== undefined) return false;
    this.#config.engine.submit(Operation.pause, connection.number);
    return true;
  }

  /** Counters for the application: a copy. */
  counted(): Refusals {
    return { ...this.refusals };
  }

  /** Every connection that came through here or is still on its way. */
  connections(): Connection<D>[] {
    const { table } = this.#config;
    return [...table.connectionsOf(this.#config), ...table.connectionsOf(this.#greetingConfig)];
  }

  /** A connection was accepted, from the address its record tells. */
  enter(
    id: number,
    family: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    port: number,
  ): void {
    const verdict = this.#judgeSocket(family, w0, w1, w2, w3);
    if (verdict === "unknown") return this.#dismiss(id);
    if (verdict !== "ok") return this.turnAway(id, verdict, family, w0, w1, w2, w3);
    const greeted = this.#trusted !== undefined;
    const connection = new StreamConnection<D>(greeted ? this.#greetingConfig : this.#config, id);
    keepPeer(connection, family, w0, w1, w2, w3, port);
    this.#config.table.add(connection as unknown as StreamConnection);
    if (greeted) return this.#greet(connection);
    // Where only bans are asked for there is nothing to give back.
    if (this.#ticket >= 0) {
      connection.origin ??= new Origin();
      connection.origin.ticket = this.#ticket;
    }
    this.#owner.opened(connection);
  }

  /** Judges the address of a socket. Who may open the file of a Unix socket is trusted, and has none. */
  #judgeSocket(
    family: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
  ): AdmissionVerdict | "untrusted" | "failed" | "unknown" {
    this.#ticket = -1;
    if (this.#config.isUnix || (this.#trusted === undefined && this.#admission === undefined)) return "ok";
    // The peer went before anybody asked for its address.
    if (family === AddressFamily.unspecified) return "unknown";
    this.#words.setRecord(family, w0, w1, w2, w3);
    if (this.#trusted !== undefined) return this.#trusted.includes(this.#words) ? "ok" : "untrusted";
    return this.#judge(this.#words);
  }

  /** Cuts a connection that never was one. */
  turnAway(
    id: number,
    reason: RefusalReason,
    family: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
  ): void {
    this.refusals[reason] += 1;
    if (this.#told !== undefined) {
      this.#tell({ reason, address: `${this.#words.setRecord(family, w0, w1, w2, w3)}` });
    }
    this.#dismiss(id);
  }

  #dismiss(id: number): void {
    this.#config.engine.submit(Operation.abort, id);
    this.#owner.turnedAway();
  }

  introduced(core: StreamConnection, header: ProxyHeader): void {
    const connection = core as unknown as StreamConnection<D>;
    const origin = connection.origin!;
    origin.header = header;
    const { source } = header;
    if (source?.address !== undefined) {
      const verdict = this.#judge(source.address);
      if (verdict !== "ok") return this.#cut(connection, { reason: verdict, address: `${source.address}` });
      origin.ticket = this.#ticket;
      const family = source.address.family === 4 ? "IPv4" : "IPv6";
      origin.client = { hostname: `${source.address}`, port: source.port, family };
    }
    connection.config = this.#config;
    this.#owner.opened(connection);
  }

  failed(core: StreamConnection, error: Error): void {
    const connection = core as unknown as StreamConnection<D>;
    const address = this.#told === undefined ? "" : peerOf(connection)?.hostname ?? "";
    this.#cut(connection, { reason: "proxy", address, error });
  }

  /** Asks the admission, which is the application's: where it fails, nobody is let in. */
  #judge(address: AddressWords): AdmissionVerdict | "failed" {
    this.#ticket = -1;
    const admission = this.#admission;
    if (admission === undefined) return "ok";
    try {
      const verdict = admission.admit(address);
      if (verdict === "ok") this.#ticket = admission.ticket;
      else if (!Object.hasOwn(this.refusals, verdict)) throw unknownVerdict(verdict);
      return verdict;
    } catch (thrown) {
      this.#callbackFailed("admission", thrown);
      return "failed";
    }
  }

  #greet(connection: StreamConnection<D>): void {
    connection.stateNumber = State.open;
    connection.origin ??= new Origin();
    connection.origin.greeting = new ProxyReader(
      connection as unknown as StreamConnection,
      this,
      this.#proxyTimeout,
    );
  }

  #cut(connection: StreamConnection<D>, refusal: Refusal): void {
    this.refusals[refusal.reason] += 1;
    this.#tell(refusal);
    connection.cut("error", refusal.error);
  }

  #left(connection: StreamConnection<D>): void {
    const { origin } = connection;
    if (origin !== undefined && origin.ticket >= 0) this.#giveBack(origin.ticket);
    origin?.greeting?.end();
    this.#owner.left();
  }

  #tell(refusal: Refusal): void {
    try {
      follow(this.#told?.(refusal), () => {}, (thrown) => this.#callbackFailed("refused", thrown));
    } catch (thrown) {
      this.#callbackFailed("refused", thrown);
    }
  }

  #giveBack(ticket: number): void {
    try {
      this.#admission?.leave(ticket);
    } catch (thrown) {
      this.#callbackFailed("admission", thrown);
    }
  }

  /** It is reported, without a server only the first of a listener. */
  #callbackFailed(name: string, thrown: unknown): void {
    const { engine } = this.#config;
    engine.handlerErrors += 1;
    engine.faults.tell(`the ${name} callback of a listener failed`, thrown, !this.#reported);
    this.#reported = true;
  }
}

function unknownVerdict(verdict: unknown): OptionError {
  return new OptionError("admit", "admission", `the admission answered ${describe(verdict)}`);
}
