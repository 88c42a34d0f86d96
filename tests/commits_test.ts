/** The rules for commit messages, and the tool that holds the history to them. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { Folder } from "./helpers/folder.ts";
import { Child } from "./helpers/process.ts";
import { pathOf, system } from "./helpers/runtime.ts";
import { commitFaults } from "./house/commits.ts";

const body = "It was forgotten when the socket closed. A test reads it after the close.";

describe("the message of a commit", () => {
  it("has an area, a verb in the imperative and a body", () => {
    for (
      const subject of [
        "stream: keep the peer's address after close",
        "ffi, zig: pass the address along",
        "tools/test: embed nothing",
        "worker: bring the acceptor home",
      ]
    ) {
      expect(commitFaults(`${subject}\n\n${body}\n`), subject).toEqual([]);
    }
  });

  it("is refused with any other subject", () => {
    const wrong: [subject: string, fault: RegExp][] = [
      ["keep the peer's address", /area/],
      ["Stream: keep the peer's address", /area/],
      ["stream:keep the peer's address", /area/],
      ["the stream: keep the peer's address", /area/],
      ["stream: Keep the peer's address", /imperative/],
      ["stream: keeps the peer's address", /imperative/],
      ["stream: kept the peer's address", /imperative/],
      ["stream: fixed the peer's address", /imperative/],
      ["stream: fixing the peer's address", /imperative/],
      ["stream: the peer's address is kept", /imperative/],
      ["stream: wip", /imperative/],
      ["stream: keep the peer's address.", /sentence/],
      [`stream: keep ${"very ".repeat(13)}long`, /columns/],
    ];
    for (const [subject, fault] of wrong) {
      const faults = commitFaults(`${subject}\n\n${body}`);
      expect(faults, subject).toHaveLength(1);
      expect(faults[0], subject).toMatch(fault);
    }
  });

  it("is refused without a body, or where that tells of somebody's machine", () => {
    const subject = "stream: keep the peer's address";
    expect(commitFaults(subject)).toEqual(["there is no body that says why"]);
    expect(commitFaults(`${subject}\n${body}`)).toHaveLength(2);
    for (const secret of [`/ro${"ot"}/checkout`, `/t${"mp"}/out`, `https://registry.npm${"js."}org`]) {
      expect(commitFaults(`${subject}\n\nSee ${secret} for it.`), secret).toHaveLength(1);
    }
  });
});

const ignore = system === "windows" && "git and the tools of the checkout are those of Linux";

/** A repository with one commit for each message, and the tool run in it for what follows the first one. */
const SCRIPT = `
set -eu
cd "$1"; tool=$2; shift 2
git init -q .
for message; do
  git -c user.name=a -c user.email=a@b commit -q --allow-empty -m "$message"
done
first=$(git rev-list --max-parents=0 HEAD)
status=0
deno run --quiet --no-check --allow-run=git "$tool" "$first" || status=$?
deno run --quiet --no-check --allow-run=git "$tool" 0000000000000000000000000000000000000000
exit "$status"
`;

describe("tools/commits.ts", () => {
  async function check(...messages: string[]): Promise<{ code: number; output: string }> {
    await using folder = await Folder.make();
    const tool = pathOf("../tools/commits.ts", import.meta.url);
    const command = ["sh", "-c", SCRIPT, "sh", folder.path, tool, "anything before the rules", ...messages];
    await using child = new Child(command, {});
    const { code, output } = await child.end();
    return { code, output };
  }

  it(
    "passes a history whose new commits keep the rules, and says where it cannot look",
    { ignore },
    async () => {
      const { code, output } = await check(`a: do one\n\n${body}`, `b: do two\n\n${body}`);
      expect(output).toMatch(
        /^check passed: the messages of 2 commits\ncheck skipped: .* reach back to 0000000/,
      );
      expect(code).toBe(0);
    },
  );

  it("fails at one that does not", { ignore }, async () => {
    const { code, output } = await check(`a: do one\n\n${body}`, `b: did two\n\n${body}`, "c: do three");
    expect(output).toMatch(/^check failed: commit \w+ \(c: do three\): there is no body/);
    expect(output).not.toContain("do one");
    expect(code).toBe(1);
  });
});
