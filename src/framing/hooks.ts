/**
 * Tells a connection that a message has begun and has not come whole, and when it has: what a limit on the
 * time of a message is measured by. A message that comes whole in one receive is not told of.
 *
 * @module
 */

/** The part of a connection that times messages, where it does. */
interface Timed {
  messageBegan?(): void;
  messageEnded?(): void;
}

/** The first bytes of a message are there, its end is not. */
export function messageBegan(connection: object): void {
  (connection as Timed).messageBegan?.();
}

/** The message is whole, or given up. */
export function messageEnded(connection: object): void {
  (connection as Timed).messageEnded?.();
}
