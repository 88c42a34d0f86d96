/**
 * An answer, as the application has it.
 *
 * @module
 */
import type { Window } from "../../memory/window.ts";
import type { ExchangeAnswer } from "./exchange.ts";
import type { ClientResponse, ResponseFields } from "./types.ts";

const decoder = new TextDecoder();

/** The answer of a client's `request`. */
export class Answer implements ClientResponse {
  readonly status: number;
  readonly reason: string;
  readonly version: "1.1" | "1.0";
  readonly url: string;
  readonly redirects: number;
  readonly headers: ResponseFields;
  readonly contentLength: number | undefined;
  readonly #body: ExchangeAnswer["body"];
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | undefined = undefined;

  constructor({ head, body }: ExchangeAnswer, url: string, redirects: number) {
    this.status = head.status;
    this.reason = head.reason;
    this.version = head.version;
    this.headers = head.fields;
    this.contentLength = head.length;
    this.url = url;
    this.redirects = redirects;
    this.#body = body;
  }

  get bodyUsed(): boolean {
    return this.#body.used;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#stream ??= this.#body.stream((error) => error);
  }

  /** The body as a part of a `Response`: its bytes where they are all here, otherwise a stream. */
  bodyFor(
    errorOf: (error: unknown) => unknown,
  ): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#body.whole() ?? this.#body.stream(errorOf);
  }

  get windows(): AsyncIterable<Window> {
    return this.#body.windows();
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#body.collect("bytes");
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.#body.collect("arrayBuffer")).buffer;
  }

  async text(): Promise<string> {
    return decoder.decode(await this.#body.collect("text"));
  }

  async json(): Promise<unknown> {
    return JSON.parse(decoder.decode(await this.#body.collect("json")));
  }

  get trailers(): Promise<ResponseFields> {
    return this.#body.trailers;
  }

  discard(): void {
    this.#body.discard();
  }
}
