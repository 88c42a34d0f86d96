/** Frameworks other than Hono, unchanged: the same routes in each. */
import { Elysia } from "elysia";
import { H3 } from "h3";
import { AutoRouter } from "itty-router";

/** A framework's function that answers a request. */
type Fetch = (request: Request) => Response | Promise<Response>;

const parts = (): ReadableStream<Uint8Array<ArrayBuffer>> =>
  new ReadableStream({
    start(controller) {
      for (let part = 0; part < 3; part++) controller.enqueue(new TextEncoder().encode(`part ${part};`));
      controller.close();
    },
  });

function elysia(): Fetch {
  const app = new Elysia()
    .onError(({ code, error, status }) =>
      code === "NOT_FOUND" ? status(404, "nothing") : status(500, `failed: ${(error as Error).message}`)
    )
    .get("/", () => "hello")
    .get("/users/:id", ({ params, query }) => ({ id: params.id, q: query.q }))
    .get("/headers", ({ headers, set }) => {
      set.headers["x-after"] = "1";
      return headers["x-one"];
    })
    .get("/cookies", ({ cookie }) => {
      cookie.one.value = "1";
      return `${cookie.a.value}`;
    })
    // Its own redirect() calls Response.redirect, which takes no path where it is Deno's.
    .get("/redirect", ({ set }) => {
      set.status = 302;
      set.headers.location = "/";
    })
    .get("/stream", () => new Response(parts()))
    .get("/throw", () => {
      throw new Error("on purpose");
    })
    .post("/json", ({ body }) => ({ got: body }))
    .post("/form", ({ body }) => body)
    .post("/echo", ({ request }) => new Response(request.body), { parse: "none" });
  return (request) => app.fetch(request);
}

function h3(): Fetch {
  const app = new H3({
    silent: true,
    onError: (error) => new Response(textOf(error), { status: error.status }),
  })
    .get("/", () => "hello")
    .get("/users/:id", (event) => ({ id: event.context.params!.id, q: event.url.searchParams.get("q") }))
    .get("/headers", (event) => {
      event.res.headers.set("x-after", "1");
      return event.req.headers.get("x-one");
    })
    .get("/cookies", (event) => {
      event.res.headers.append("set-cookie", "one=1; Path=/");
      return /a=(\w+)/.exec(event.req.headers.get("cookie")!)![1];
    })
    .get("/redirect", () => new Response(null, { status: 302, headers: { location: "/" } }))
    .get("/stream", () => parts())
    .get("/throw", () => {
      throw new Error("on purpose");
    })
    .post("/json", async (event) => ({ got: await event.req.json() }))
    .post("/form", async (event) => Object.fromEntries(await event.req.formData()))
    .post("/echo", (event) => new Response(event.req.body));
  return (request) => app.fetch(request);
}

function textOf({ status, cause }: { status: number; cause?: unknown }): string {
  return status === 404 ? "nothing" : `failed: ${(cause as Error).message}`;
}

function itty(): Fetch {
  const router = AutoRouter({
    catch: (error: Error) => new Response(`failed: ${error.message}`, { status: 500 }),
    missing: () => new Response("nothing", { status: 404 }),
  });
  router
    .get("/", () => new Response("hello"))
    .get("/users/:id", ({ params, query }) => ({ id: params.id, q: query.q }))
    .get("/headers", ({ headers }) => new Response(headers.get("x-one"), { headers: { "x-after": "1" } }))
    .get(
      "/cookies",
      ({ headers }) =>
        new Response(/a=(\w+)/.exec(headers.get("cookie")!)![1], {
          headers: { "set-cookie": "one=1; Path=/" },
        }),
    )
    .get("/redirect", () => new Response(null, { status: 302, headers: { location: "/" } }))
    .get("/stream", () => new Response(parts()))
    .get("/throw", () => {
      throw new Error("on purpose");
    })
    .post("/json", async (request) => ({ got: await request.json() }))
    .post("/form", async (request) => Object.fromEntries(await request.formData()))
    .post("/echo", (request) => new Response(request.body));
  return (request) => router.fetch(request);
}

/** Makes the application of each framework by its name. */
export const frameworks: Record<string, () => Fetch> = { Elysia: elysia, h3, "itty-router": itty };
