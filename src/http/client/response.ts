/**
 * An answer, as the application has it.
 *
 * @module
 */
import type { Window } from "../../memory/window.ts";
import type { ResponseBody } from "./response_body.ts";
import type { ResponseHead } from "./response_head.ts";
import type { ClientResponse, ResponseFields } from "./types.ts";

const decoder = new TextDecoder();

/** The answer of a client's `request`. */
export class Answer implements ClientResponse {
  readonly url: string;
  readonly redirects: number;
  readonly #head: ResponseHead;
  readonly #body: ResponseBody;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | undefined = undefined;

  constructor(head: ResponseHead, body: ResponseBody, url: string, redirects: number) {
    this.url = url;
    this.redirects = redirects;
    this.#head = head;
    this.#body = body;
  }

  get status(): number {
    return this.#head.status;
  }

  get reason(): string {
    return this.#head.reason;
  }

  get version(): "1.1" | "1.0" {
    return this.#head.version;
  }

  get headers(): ResponseFields {
    return this.#head.fields;
  }

  get contentLength(): number | undefined {
    return this.#head.length;
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
    return decoder.decode(this.#body.whole() ?? await this.#body.collect("text"));
  }

  async json(): Promise<unknown> {
    return JSON.parse(decoder.decode(this.#body.whole() ?? await this.#body.collect("json")));
  }

  get trailers(): Promise<ResponseFields> {
    return this.#body.trailers;
  }

  discard(): void {
    this.#body.discard();
  }
}
