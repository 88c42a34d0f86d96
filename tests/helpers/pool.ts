/**
 * An echo server with a pool that leads to it.
 *
 * @module
 */
import { expect } from "@std/expect";
import { type ConnectionPool, createPool, type Lease, type PoolOptions } from "../../src/pool.ts";
import { TestServer } from "./log.ts";
import { within } from "./wait.ts";

/** The server, the pool, and the target between them. Its end checks that the pool leaves nothing. */
export interface PoolSetUp extends AsyncDisposable {
  server: TestServer;
  pool: ConnectionPool;
  target: { hostname: string; port: number };
}

/** Starts both. */
export function setUp(options: PoolOptions = {}): PoolSetUp {
  const server = new TestServer({ data: (connection, bytes) => void connection.write(bytes) });
  const pool = createPool(options);
  const target = { hostname: "127.0.0.1", port: server.port };
  return {
    server,
    pool,
    target,
    async [Symbol.asyncDispose]() {
      await within(pool.close(), "the pool to close");
      expect(pool.stats()).toMatchObject({
        open: 0,
        idle: 0,
        leased: 0,
        closing: 0,
        connecting: 0,
        waiting: 0,
      });
      await server[Symbol.asyncDispose]();
    },
  };
}

/** One exchange by stream. */
export async function ask(lease: Lease, question: string): Promise<string> {
  const reader = lease.connection.readable.getReader();
  lease.connection.write(question);
  let answer = "";
  while (answer.length < question.length) {
    const { value, done } = await within(reader.read(), `the answer to ${question}`);
    if (done) throw new Error("the stream ended");
    answer += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return answer;
}

/** A port nobody listens on now, and that a server may listen on later. */
export async function freePort(): Promise<number> {
  const server = new TestServer();
  await server[Symbol.asyncDispose]();
  return server.port;
}
