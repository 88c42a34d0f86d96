/** Clients and load generators that others have written, against a server of ours. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { http } from "../src/http.ts";
import { listen, type Listener } from "../src/mod.ts";
import { Child } from "./helpers/process.ts";
import { system } from "./helpers/runtime.ts";

/** Milliseconds a program may take. */
const patience = 60_000;
/** What is uploaded and comes back; Linux takes arguments of up to 128 KiB. */
const body = "0123456789".repeat(10_000);

function serve(): Listener {
  return listen({
    hostname: "127.0.0.1",
    socket: http({
      async request(request, response) {
        if (request.path === "/echo") return void response.send(await request.bytes());
        if (request.path === "/chunks") {
          const stream = response.stream({ trailers: ["X-Pieces"] });
          for (let piece = 0; piece < 3; piece++) stream.write(`piece ${piece}\n`);
          return void stream.end(undefined, { "X-Pieces": 3 });
        }
        if (request.path === "/head") return void response.status(204).send();
        response.send(`${request.method} ${request.path} ${request.version}\n`);
      },
    }),
  });
}

async function has(program: string): Promise<boolean> {
  if (system === "windows") return false;
  await using child = new Child(["sh", "-c", `command -v ${program}`], {});
  return (await child.end(patience)).code === 0;
}

/** Why a program is not tested; false where it is. */
const missing = new Map<string, false | string>();
for (const program of ["curl", "wget", "python3", "node", "ab", "wrk", "h2load"]) {
  missing.set(program, !await has(program) && `${program} is not on this machine`);
}

/** Runs a program and gives what it printed; fails where it does. */
async function run(...command: string[]): Promise<string> {
  await using child = new Child(command, {});
  const { code, output, errors } = await child.end(patience);
  expect(`${code} ${code === 0 ? "" : errors}`).toBe("0 ");
  return output;
}

/** A test of one program. */
function client(program: string, what: string, test: (url: string) => Promise<void>): void {
  it(`${program}: ${what}`, { ignore: missing.get(program)! }, async () => {
    await using listener = serve();
    await test(`http://127.0.0.1:${listener.port}`);
  });
}

const python = `
import http.client, sys, urllib.request
url = sys.argv[1]
client = http.client.HTTPConnection(url.split("/")[2])
for number in range(3):
    client.request("GET", f"/{number}")
    print(client.getresponse().read().decode(), end="")
body = sys.argv[2].encode()
client.request("POST", "/echo", body=iter([body[:7], body[7:]]), encode_chunked=True,
               headers={"Transfer-Encoding": "chunked"})
assert client.getresponse().read() == body
client.request("GET", "/chunks")
print(client.getresponse().read().decode(), end="")
client.request("HEAD", "/head")
answer = client.getresponse()
print(answer.status, answer.read())
print(urllib.request.urlopen(url + "/last").read().decode(), end="")
`;

const node = `
const http = require("node:http");
const [url, body] = process.argv.slice(1);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (path, options = {}, body) => new Promise((resolve, reject) => {
  const request = http.request(url + path, { agent, ...options }, async (answer) => {
    let text = "";
    for await (const piece of answer) text += piece;
    resolve({ answer, text });
  });
  request.on("error", reject);
  request.end(body);
});
(async () => {
  for (let number = 0; number < 3; number++) process.stdout.write((await ask("/" + number)).text);
  const expecting = { method: "POST", headers: { Expect: "100-continue", "Content-Length": body.length } };
  if ((await ask("/echo", expecting, body)).text !== body) throw new Error("another body");
  const { answer, text } = await ask("/chunks");
  console.log(text + answer.trailers["x-pieces"]);
  agent.destroy();
})();
`;

describe("clients of others", () => {
  client("curl", "keeps a connection, uploads, asks for 100-continue, and speaks 1.0", async (url) => {
    const answer = await run("curl", "-sS", "-w", "%{num_connects}\n", `${url}/a`, `${url}/b`);
    expect(answer).toBe("GET /a 1.1\n1\nGET /b 1.1\n0\n");
    const expecting = ["-sS", "-H", "Expect: 100-continue", "--data-binary", body, `${url}/echo`];
    expect(await run("curl", ...expecting)).toBe(body);
    const chunked = ["-sS", "-H", "Transfer-Encoding: chunked", "--data-binary", body, `${url}/echo`];
    expect(await run("curl", ...chunked)).toBe(body);
    expect(await run("curl", "-sS", `${url}/chunks`)).toBe("piece 0\npiece 1\npiece 2\n");
    expect(await run("curl", "-sS", "--http1.0", `${url}/chunks`)).toBe("piece 0\npiece 1\npiece 2\n");
    expect(await run("curl", "-sS", "-I", "-o", "/dev/null", "-w", "%{http_code}", `${url}/head`)).toBe(
      "204",
    );
  });

  client("wget", "fetches and posts", async (url) => {
    expect(await run("wget", "-q", "-O", "-", `${url}/a`)).toBe("GET /a 1.1\n");
    expect(await run("wget", "-q", "-O", "-", `--post-data=${body}`, `${url}/echo`)).toBe(body);
  });

  client("python3", "keeps a connection, sends and reads chunks", async (url) => {
    expect(await run("python3", "-c", python, url, body)).toBe(
      "GET /0 1.1\nGET /1 1.1\nGET /2 1.1\npiece 0\npiece 1\npiece 2\n204 b''\nGET /last 1.1\n",
    );
  });

  client("node", "keeps a connection, waits for 100, and sees trailers", async (url) => {
    expect(await run("node", "-e", node, url, body)).toBe(
      "GET /0 1.1\nGET /1 1.1\nGET /2 1.1\npiece 0\npiece 1\npiece 2\n3\n",
    );
  });

  client("ab", "gets 2,000 answers with and without keep-alive", async (url) => {
    for (const keep of [[], ["-k"]]) {
      const output = await run("ab", "-q", "-n", "2000", "-c", "16", ...keep, `${url}/a`);
      expect(output).toMatch(/Complete requests: +2000\n/);
      expect(output).toMatch(/Failed requests: +0\n/);
    }
  });

  client("wrk", "has no errors in a second", async (url) => {
    const output = await run("wrk", "-t1", "-c16", "-d1s", `${url}/a`);
    expect(output).toMatch(/Requests\/sec: +[1-9]/);
    expect(output).not.toMatch(/Socket errors|Non-2xx/);
  });

  client("h2load", "pipelines 5,000 requests", async (url) => {
    const output = await run("h2load", "--h1", "-n", "5000", "-c", "8", "-m", "16", `${url}/a`);
    expect(output).toMatch(/5000 succeeded, 0 failed, 0 errored, 0 timeout/);
    expect(output).toMatch(/status codes: 5000 2xx/);
  });
});
