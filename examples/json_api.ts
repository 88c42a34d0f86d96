/**
 * A JSON API that checks what it is sent: `bun run json_api.ts --port=8000`, then
 * `curl localhost:8000/orders -d '{ "item": "tea", "quantity": 2 }'`.
 *
 * `POST /orders` adds an order, `GET /orders` lists them all; `GET` and `DELETE` of `/orders/1` are for one.
 * Each worker has a memory of its own, so there is one worker.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { Server, type ServerOptions } from "@ringport/ringport";
import { http, type HttpRequest, type HttpResponse } from "@ringport/ringport/http";

const ORDERS_MAX = 10_000;
const BODY_BYTES_MAX = 4096;
const QUANTITY_MAX = 1000;

interface Order {
  id: number;
  item: string;
  quantity: number;
}

/** A fault of the client, with the status that says so; `allowed`: the methods that are. */
class ClientFault extends Error {
  constructor(readonly status: number, message: string, readonly allowed?: string) {
    super(message);
  }
}

const orders = new Map<number, Order>();
let lastId = 0;

/** The order in a body; throws a fault that names what is wrong with it. */
function orderOf(value: unknown): Omit<Order, "id"> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ClientFault(422, "the body must be an object");
  }
  const { item, quantity, ...others } = value as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) throw new ClientFault(422, `unknown field ${JSON.stringify(other)}`);
  if (typeof item !== "string" || item.length === 0 || item.length > 100) {
    throw new ClientFault(422, "item must be a text of 1 to 100 characters");
  }
  if (!(Number.isInteger(quantity) && Number(quantity) >= 1 && Number(quantity) <= QUANTITY_MAX)) {
    throw new ClientFault(422, `quantity must be a whole number from 1 to ${QUANTITY_MAX}`);
  }
  return { item, quantity: Number(quantity) };
}

async function bodyOf(request: HttpRequest): Promise<unknown> {
  const type = request.header("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new ClientFault(415, "the body must be application/json");
  }
  try {
    return await request.json();
  } catch (error) {
    if (error instanceof SyntaxError) throw new ClientFault(400, `invalid JSON: ${error.message}`);
    throw error;
  }
}

async function add(request: HttpRequest, response: HttpResponse): Promise<void> {
  const order = orderOf(await bodyOf(request));
  if (orders.size >= ORDERS_MAX) throw new ClientFault(507, `there are ${ORDERS_MAX} orders already`);
  const id = ++lastId;
  orders.set(id, { id, ...order });
  response.status(201).header("Location", `/orders/${id}`).json(orders.get(id));
}

function serveOne(request: HttpRequest, response: HttpResponse): void {
  const id = Number(request.path.slice("/orders/".length));
  const order = orders.get(id);
  if (order === undefined) throw new ClientFault(404, "there is no such order");
  if (request.method === "GET") return void response.json(order);
  if (request.method !== "DELETE") {
    throw new ClientFault(405, "an order can be read and deleted", "GET, DELETE");
  }
  orders.delete(id);
  response.status(204).send();
}

function serve(request: HttpRequest, response: HttpResponse): void | Promise<void> {
  const { method, path } = request;
  if (path.startsWith("/orders/")) return serveOne(request, response);
  if (path !== "/orders") throw new ClientFault(404, "the orders are at /orders");
  if (method === "POST") return add(request, response);
  if (method !== "GET") throw new ClientFault(405, "orders can be listed and added", "GET, POST");
  response.json([...orders.values()]);
}

export default http({
  async request(request, response) {
    try {
      await serve(request, response);
    } catch (error) {
      if (!(error instanceof ClientFault)) throw error;
      if (error.allowed !== undefined) response.header("Allow", error.allowed);
      response.status(error.status).json({ error: error.message });
    }
  },
}, { maxRequestBodySize: BODY_BYTES_MAX });

export const options: ServerOptions = { hostname: "127.0.0.1", port: 8000, workers: 1 };

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: (server) => console.log(`JSON API listens on http://${server.hostname}:${server.port}`),
  });
  console.log("JSON API stopped");
}
