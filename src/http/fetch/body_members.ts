/**
 * The members that `Request` and `Response` have of their body, the same for both.
 *
 * @module
 */
import { Body } from "./body.ts";

/** What the standard calls the mixin Body. */
export interface BodyMembers {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  readonly bodyUsed: boolean;
  text(): Promise<string>;
  json(): Promise<unknown>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  formData(): Promise<FormData>;
  textStream(): ReadableStream<string>;
}

/** An object with a body, as far as its members need to know. */
interface BodyOwner {
  readonly headers: Headers;
}

/**
 * Gives a prototype the members. They lie on it themselves, as those of the runtimes' classes do, and a class
 * between would make objects slower to build.
 *
 * @param bodyOf the body of an object, null without one; throws a TypeError for an object of another class.
 */
export function addBodyMembers<T extends BodyOwner>(
  prototype: T & BodyMembers,
  bodyOf: (owner: T) => Body | null,
): void {
  const typeOf = (owner: T) => owner.headers.get("content-type");
  const orEmpty = (owner: T) => bodyOf(owner) ?? Body.ofSimple("");
  const members: BodyMembers & ThisType<T> = {
    get body() {
      return bodyOf(this as unknown as T)?.stream ?? null;
    },
    get bodyUsed() {
      return bodyOf(this as unknown as T)?.isUsed ?? false;
    },
    async text() {
      return await bodyOf(this)?.text() ?? "";
    },
    async json() {
      return JSON.parse(await bodyOf(this)?.text() ?? "");
    },
    async bytes() {
      return await bodyOf(this)?.bytes() ?? new Uint8Array();
    },
    async arrayBuffer() {
      return await bodyOf(this)?.arrayBuffer() ?? new ArrayBuffer();
    },
    async blob() {
      return await orEmpty(this).blob(typeOf(this));
    },
    async formData() {
      return await orEmpty(this).formData(typeOf(this));
    },
    textStream() {
      return orEmpty(this).textStream();
    },
  };
  Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(members));
}
