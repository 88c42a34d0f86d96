/**
 * The two sides of a connection.
 *
 * @module
 */

/** Which side of a connection this process is: `"server"` if it accepted it, `"client"` if it connected. */
export type Role = "server" | "client";
