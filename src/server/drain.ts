/**
 * How a worker ends the connections of its listeners in the phases of a shutdown.
 *
 * @module
 */
import { closeAfterReplies, isBetweenMessages } from "../framing/framed.ts";
import type { ServedListener } from "./listeners.ts";

/** Ends the connections of framed messages on which nothing is in flight: no message, no reply. */
export function endIdle({ listener, framed }: ServedListener): void {
  if (!framed) return;
  for (const connection of listener.connections()) {
    if (isBetweenMessages(connection)) connection.close();
  }
}

/** Ends every connection gently: the replies it is owed and what is buffered go out, then FIN. */
export function endGently({ listener }: ServedListener): void {
  for (const connection of listener.connections()) closeAfterReplies(connection);
}
