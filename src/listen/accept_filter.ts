/**
 * The checks between an accepted connection and the application: the limit, the admission by address, the
 * PROXY header. Rejected connections are closed and counted.
 *
 * @module
 */
import { isWildcard, type SocketAddress, unmapped } from "../base/address.ts";
import { AddressWords } from "../base/address_words.ts";
import { OptionError } from "../base/errors.ts";
import { follow } from "../base/handlers.ts";
import { AddressFamily, Operation } from "../base/layout.ts";
import { proxyTimeoutDefaultMilliseconds } from "../base/limits.ts";
import { NetworkList } from "../base/networks.ts";
import { describe } from "../base/options.ts";
import { AcceptedAddress } from "../base/peer_address.ts";
import { StreamConnection } from "../stream/connection.ts";
import { Origin } from "../stream/origin.ts";
import type { ProxyHeader } from "../stream/proxy_header.ts";
import { SharedConfig } from "../stream/shared_config.ts";
import { State } from "../stream/state.ts";
import { type ConnectionTable, socketsOf } from "../stream/table.ts";
import type { Connection, ConnectionOptions } from "../stream/types.ts";
import type { Admission, AdmissionVerdict, Refusal, RefusalReason, Refusals } from "./admission.ts";
import { ProxyReader } from "./proxy/reader.ts";
import type { ListenOptions } from "./types.ts";

/** The options of a listener that concern its filter. */
export type AcceptFilterOptions<D> =
  & ConnectionOptions<D>
  & Pick<ListenOptions<D>, "admission" | "refused" | "proxyProtocol">;

/** Receives the results for connections. */
interface AcceptFilterEvents<D> {
  /** A connection has passed and can be opened. */
  opened(connection: StreamConnection<D>): void;
  /** A connection, opened or not, is gone. */
  left(): void;
}

export class AcceptFilter<D> {
  readonly #config: SharedConfig<D>;
  /** The configuration while the PROXY header is read: no handler of the application is called. */
  readonly #unreadConfig: SharedConfig<D>;
  readonly #table: ConnectionTable;
  readonly #events: AcceptFilterEvents<D>;
  readonly #admission: Admission | undefined;
  readonly #trusted: NetworkList | undefined;
  readonly #proxyTimeout: number;
  readonly #refused: ((refusal: Refusal) => void) | undefined;
  /** Filled for one question at a time. */
  readonly #words = new AddressWords();
  readonly #peer = new AcceptedAddress();
  readonly #counts: Record<RefusalReason, number> = {
    limit: 0,
    connections: 0,
    rate: 0,
    banned: 0,
    untrusted: 0,
    proxy: 0,
    failed: 0,
  };
  /** True when the library is to begin without reading. */
  readonly startsPaused: boolean;
  /** A callback has failed and was reported: further failures are only counted. */
  #isReported = false;

  constructor(config: SharedConfig<D>, options: AcceptFilterOptions<D>, events: AcceptFilterEvents<D>) {
    this.#config = config;
    this.#events = events;
    this.#admission = options.admission;
    this.#refused = options.refused;
    const { proxyProtocol } = options;
    this.#trusted = proxyProtocol &&
      new NetworkList("listen", "proxyProtocol.trusted", proxyProtocol.trusted);
    this.startsPaused = proxyProtocol === undefined && config.handlers.data === undefined;
    this.#proxyTimeout = proxyProtocol?.timeout ?? proxyTimeoutDefaultMilliseconds;
    const { loop, engine } = config;
    this.#table = socketsOf(loop);
    this.#unreadConfig = new SharedConfig<D>(loop, engine, this.#table, { ...options, socket: {} });
    const owner = { left: (connection: StreamConnection<D>) => this.#left(connection) };
    config.owner = owner;
    this.#unreadConfig.owner = owner;
  }

  /** Where the connections come in. */
  listensAt(address: SocketAddress): void {
    for (const config of [this.#config, this.#unreadConfig]) {
      config.isUnix = address.family === "Unix";
      config.localAddress = isWildcard(unmapped(address)) ? undefined : unmapped(address);
    }
  }

  /**
   * Whether nobody reads a connection that is about to be opened, so that it begins paused; one that was read
   * for its PROXY header is paused now.
   */
  beginsUnread(connection: StreamConnection<D>): boolean {
    if (this.#trusted === undefined) return this.startsPaused;
    if (this.#config.handlers.data !== undefined) return false;
    this.#config.engine.submit(Operation.pause, connection.number);
    return true;
  }

  /** Counters for the application: a copy. */
  counted(): Refusals {
    return { ...this.#counts };
  }

  /** Every connection that has passed or is being read for its PROXY header. */
  connections(): Connection<D>[] {
    return [...this.#table.connectionsOf(this.#config), ...this.#table.connectionsOf(this.#unreadConfig)];
  }

  /** Whether a connection has passed here; it may be gone. */
  owns(connection: Connection<D>): boolean {
    const { config } = connection as StreamConnection<D>;
    return config === this.#config || config?.root === this.#config;
  }

  /** Aborts the connections whose PROXY header has not come: the application does not know them. */
  abortUnread(): void {
    for (const connection of this.#table.connectionsOf(this.#unreadConfig)) connection.abort();
  }

  /** A connection was accepted. */
  enter(id: number, peer: AcceptedAddress): void {
    const verdict = this.#judgeSocket(peer);
    if (verdict === "unknown") return this.#dismiss(id);
    if (verdict !== "ok") return this.turnAway(id, verdict, peer);
    const isRead = this.#trusted !== undefined;
    const connection = new StreamConnection<D>(isRead ? this.#unreadConfig : this.#config, id);
    connection.keepPeer(peer);
    this.#table.add(connection as unknown as StreamConnection);
    if (isRead) return this.#readHeader(connection);
    // Without a count of its own, as where only bans are asked for, the admission needs no number back.
    if (peer.ticket >= 0) (connection.origin ??= new Origin()).ticket = peer.ticket;
    this.#events.opened(connection);
  }

  /** Cuts a connection that never was one. */
  turnAway(id: number, reason: RefusalReason, peer: AcceptedAddress): void {
    this.#counts[reason] += 1;
    if (this.#refused !== undefined) this.#tell({ reason, address: peer.hostname });
    this.#dismiss(id);
  }

  /** Judges the address of a socket. The file system decides who may open a Unix socket, which has none. */
  #judgeSocket(peer: AcceptedAddress): AdmissionVerdict | "untrusted" | "failed" | "unknown" {
    if (this.#config.isUnix || (this.#trusted === undefined && this.#admission === undefined)) return "ok";
    // The peer went before anybody asked for its address.
    if (peer.familyCode === AddressFamily.unspecified) return "unknown";
    if (this.#trusted === undefined) return this.#judge(peer);
    return this.#trusted.includes(this.#words.setPeer(peer)) ? "ok" : "untrusted";
  }

  /** Asks the admission. It may be the application's: where it fails, the connection is refused. */
  #judge(peer: AcceptedAddress): AdmissionVerdict | "failed" {
    if (this.#admission === undefined) return "ok";
    try {
      const verdict = this.#admission.admit(peer);
      if (verdict === "ok" || Object.hasOwn(this.#counts, verdict)) return verdict;
      throw new OptionError("admit", "admission", `the admission returned ${describe(verdict)}`);
    } catch (thrown) {
      this.#callbackFailed("admission", thrown);
      return "failed";
    }
  }

  #dismiss(id: number): void {
    this.#config.engine.submit(Operation.abort, id);
    this.#events.left();
  }

  #readHeader(connection: StreamConnection<D>): void {
    connection.stateNumber = State.open;
    (connection.origin ??= new Origin()).headerReader = new ProxyReader(
      connection as unknown as StreamConnection,
      this.#proxyTimeout,
      (header) => this.#introduced(connection, header),
      (error) => this.#headerFailed(connection, error),
    );
  }

  #introduced(connection: StreamConnection<D>, header: ProxyHeader): void {
    const origin = connection.origin!;
    origin.header = header;
    const { source } = header;
    if (source !== undefined && source.family !== "Unix") {
      const client = this.#peer.setText(source);
      const verdict = this.#judge(client);
      if (verdict !== "ok") return this.#cut(connection, { reason: verdict, address: source.hostname });
      origin.ticket = client.ticket;
      origin.client = source;
    }
    connection.config = this.#config;
    this.#events.opened(connection);
  }

  #headerFailed(connection: StreamConnection<D>, error: Error): void {
    const address = this.#refused === undefined ? "" : connection.knownPeer?.hostname ?? "";
    this.#cut(connection, { reason: "proxy", address, error });
  }

  #cut(connection: StreamConnection<D>, refusal: Refusal): void {
    this.#counts[refusal.reason] += 1;
    this.#tell(refusal);
    connection.cut("error", refusal.error);
  }

  #left(connection: StreamConnection<D>): void {
    connection.origin?.headerReader?.end();
    if (this.#admission !== undefined) this.#giveBack(connection, this.#admission);
    this.#events.left();
  }

  /** Every connection was admitted by its own address or, behind a proxy, by the client's. */
  #giveBack(connection: StreamConnection<D>, admission: Admission): void {
    const { origin, config } = connection;
    const peer = this.#peer;
    if (this.#trusted === undefined) {
      if (config.isUnix) return;
      connection.keptPeer(peer);
    } else {
      if (origin?.client === undefined) return;
      peer.setText(origin.client);
    }
    peer.ticket = origin?.ticket ?? -1;
    try {
      admission.leave(peer);
    } catch (thrown) {
      this.#callbackFailed("admission", thrown);
    }
  }

  #tell(refusal: Refusal): void {
    try {
      follow(this.#refused?.(refusal), () => {}, (thrown) => this.#callbackFailed("refused", thrown));
    } catch (thrown) {
      this.#callbackFailed("refused", thrown);
    }
  }

  /** Reported by a server always, without one for the first failure of a listener. */
  #callbackFailed(name: string, thrown: unknown): void {
    const { engine } = this.#config;
    engine.handlerErrors += 1;
    engine.faults.tell(`the ${name} callback of a listener failed`, thrown, !this.#isReported);
    this.#isReported = true;
  }
}
