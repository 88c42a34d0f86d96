/**
 * The application on Hono, the same on every server.
 *
 * @module
 */
import { Hono } from "hono";
import { BODY_BYTES, HELLO, LARGE_BYTES, letters, PAGE, WORK_FIELD, type WorkAnswer } from "./work.ts";

const body = letters(BODY_BYTES);
const large = letters(LARGE_BYTES);

/** All kinds at their paths. */
export const app = new Hono()
  .get("/", (context) => context.text(HELLO))
  .get("/json", (context) => context.json(PAGE))
  .get("/users/:action", (context) => {
    const answer: WorkAnswer = {
      path: context.req.path,
      name: context.req.query("name") ?? null,
      id: context.req.header(WORK_FIELD) ?? null,
    };
    return context.json(answer);
  })
  .get("/body", (context) => context.body(body))
  .get("/download", (context) => context.body(large))
  .post("/upload", async (context) => context.text(String((await context.req.arrayBuffer()).byteLength)));
