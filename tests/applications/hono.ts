/** Hono, unchanged: what its users write, served by the fetch door. */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { getCookie, setCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { stream, streamSSE, streamText } from "hono/streaming";
import { installGlobals } from "../../src/fetch.ts";

/** Puts the globals back: the tests of other files may run in this thread. */
export const restoreGlobals = installGlobals();

const app = new Hono();

app.use("/middleware/*", async (context, next) => {
  context.header("x-before", "1");
  await next();
  context.res.headers.set("x-after", `${context.res.status}`);
});
app.use("/cors/*", cors());
app.use("/etag/*", etag());

app.get("/", (context) => context.text("hello"));
app.get("/json", (context) => context.json({ a: [1, "é"] }, 201));
app.get("/html", (context) => context.html("<p>é</p>"));
app.get("/users/:id", (context) => context.json({ id: context.req.param("id"), q: context.req.query("q") }));
app.get("/middleware/inner", (context) => context.text("inner"));
app.get("/cors/x", (context) => context.text("cors"));
app.get("/etag/x", (context) => context.text("etag"));
app.get("/headers", (context) => context.json(context.req.header()));
app.get("/redirect", (context) => context.redirect("/json"));
app.get("/nothing", (context) => context.body(null, 204));
app.get("/bytes", (context) => context.body(new Uint8Array([65, 66, 67])));
app.get("/plain", () => new Response("plain"));
app.get("/cookies", (context) => {
  setCookie(context, "one", "1", { httpOnly: true });
  setCookie(context, "two", "2");
  return context.text(JSON.stringify(getCookie(context)));
});
app.get("/throw", () => {
  throw new Error("on purpose");
});
app.get("/teapot", () => {
  throw new HTTPException(418, { message: "a teapot" });
});
app.get(
  "/client",
  (context) => context.text((context.env as { remoteAddr: { hostname: string } }).remoteAddr.hostname),
);

app.post("/json", async (context) => context.json({ got: await context.req.json() }));
app.post("/form", async (context) => context.json(await context.req.parseBody()));
app.post("/limited", bodyLimit({ maxSize: 10 }), async (context) => context.text(await context.req.text()));
app.post("/echo", (context) => new Response(context.req.raw.body));

app.get("/stream", (context) =>
  stream(context, async (out) => {
    for (let part = 0; part < 3; part++) await out.write(new TextEncoder().encode(`part ${part};`));
  }));
app.get("/text", (context) =>
  streamText(context, async (out) => {
    for (let line = 0; line < 3; line++) await out.writeln(`line ${line}`);
  }));
app.get("/events", (context) =>
  streamSSE(context, async (out) => {
    for (let id = 0; id < 3; id++) await out.writeSSE({ data: `event ${id}`, event: "tick", id: `${id}` });
  }));

/** How many endless streams have learned that their client is gone. */
let aborted = 0;
app.get("/endless", (context) =>
  streamText(context, async (out) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    out.onAbort(() => {
      aborted++;
      resolve();
    });
    await out.writeln("begun");
    await promise;
  }));
app.get("/aborted", (context) => context.text(`${aborted}`));

app.route("/sub", new Hono().get("/x", (context) => context.text("sub")));
app.mount("/mounted", (request: Request) => new Response(`mounted ${new URL(request.url).pathname}`));

app.onError((error, context) => {
  if (error instanceof HTTPException) return error.getResponse();
  return context.text(`failed: ${error.message}`, 500);
});
app.notFound((context) => context.text(`nothing at ${context.req.path}`, 404));

export default app;
