/** One rule for options: a program and `ringport run` take them from the same places, in the same order. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type RingportError, Server } from "../src/mod.ts";
import { applicationOf } from "../src/server/application.ts";
import { host } from "../src/host/mod.ts";
import { Folder } from "./helpers/folder.ts";
import { type Child, type ChildEnd, runScript } from "./helpers/process.ts";
import { pathOf, system } from "./helpers/runtime.ts";
import { errorOf } from "./helpers/wait.ts";

type Environment = Record<string, string>;

/** Runs a program, or the same by `ringport run`, with arguments behind its name. */
async function run(
  how: "program" | "ringport",
  name: string,
  list: string[] = [],
  environment: Environment = {},
): Promise<ChildEnd> {
  const path = `./applications/${name}`;
  const start = (script: string, all: string[]): Child =>
    runScript(script, import.meta.url, { arguments: all, environment });
  await using child = how === "program"
    ? start(path, list)
    : start("../src/cli.ts", ["run", pathOf(path, import.meta.url), ...list]);
  return await child.end();
}

for (const how of ["program", "ringport"] as const) {
  describe(`a ${how === "program" ? "program with Server.run" : "module that ringport run serves"}`, () => {
    it("has the options that the module exports, then the environment's, then flags'", async () => {
      const RINGPORT_ARGUMENT = "environment";
      const cases: [list: string[], environment: Environment, argument: string][] = [
        [[], {}, "exported"],
        [[], { RINGPORT_ARGUMENT }, "environment"],
        [["--argument=flag"], { RINGPORT_ARGUMENT }, "flag"],
        [["--argument", "flag", "--", "--own", "rest"], {}, "flag"],
      ];
      for (const [list, environment, argument] of cases) {
        const { code, errors } = await run(how, "with_options.ts", list, environment);
        expect(errors, argument).toContain(`argument ${argument}"`);
        expect(code, errors).toBe(0);
      }
    });

    it("names the nearest of a flag or variable that there is none of", async () => {
      const cases: [list: string[], environment: Environment, part: string][] = [
        [["--wrokers=1"], {}, "unknown flag --wrokers (did you mean --workers?)"],
        [[], { RINGPORT_WROKERS: "1" }, "unknown variable RINGPORT_WROKERS (did you mean RINGPORT_WORKERS?)"],
        [["--workers=x"], {}, '--workers must be "auto" or a whole number'],
      ];
      for (const [list, environment, part] of cases) {
        const { code, errors } = await run(how, "with_options.ts", list, environment);
        expect(errors).toContain(part);
        expect(code).toBe(how === "ringport" ? 2 : 1);
      }
    });
  });
}

describe("options that a program passes to Server.run", () => {
  it("win over those that the module exports, and may be functions", async () => {
    const { code, output, errors } = await run("program", "passed_options.ts");
    expect(output).toContain("application.message argument passed");
    expect(code, errors).toBe(0);
  });

  it("fit together with those of other sources before any of them is refused", async () => {
    // Above maxDraining by default, but not above the program's.
    const environment = { RINGPORT_SHUTDOWN_MAX_DRAINING: "80000" };
    const { code, errors } = await run(
      "ringport",
      "with_options.ts",
      ["--shutdown.draining=70000"],
      environment,
    );
    expect(code, errors).toBe(0);
  });
});

describe("an application that cannot be served", () => {
  const cases: [name: string, code: number, parts: (string | RegExp)[]][] = [
    ["wrong/no_default.ts", 1, ["no default export (it exports Echo)"]],
    ["wrong/misspelt.ts", 1, ['"dtaa" is not a callback of an application (did you mean data?)']],
    ["wrong/throws.ts", 1, ["the module cannot be loaded: no database"]],
    ["wrong/options.ts", 2, ['unknown option "prot" (did you mean "port"?)']],
    ["wrong/not_there.ts", 1, ["the module cannot be loaded", "not_there.ts"]],
  ];
  for (const [name, code, parts] of cases) {
    it(`is told by what is wrong: ${name}`, async () => {
      const { code: ended, errors } = await run("ringport", name, ["--port=0", "--workers=1", "--log=off"]);
      for (const part of [name.split("/")[1], ...parts]) expect(errors).toContain(part as string);
      expect(ended).toBe(code);
    });
  }

  it("is told by the line where it is no program", async () => {
    await using folder = await Folder.make();
    const path = folder.file("syntax.ts");
    await host.writeText(path, "export default {\n  data( { }\n};\n");
    await using child = runScript("../src/cli.ts", import.meta.url, { arguments: ["run", path, "--port=0"] });
    const { code, errors } = await child.end();
    expect(errors).toContain("the module cannot be loaded");
    expect(errors).toMatch(/syntax\.ts:[23]:\d+/);
    expect(code).toBe(1);
  });
});

describe("the module of an application", () => {
  it("is taken from the working directory where it is a path", async () => {
    // The tests run in the folder of the checkout.
    const options = { hostname: "127.0.0.1", port: 0, workers: 1, log: "off" } as const;
    await using server = await Server.start("./tests/applications/echo.ts", options);
    expect(server.port).toBeGreaterThan(0);
    const listeners = [{ application: "tests/applications/echo.ts", hostname: "127.0.0.1", port: 0 }];
    await using other = await Server.start("tests/applications/commands.ts", {
      listeners,
      workers: 1,
      log: "off",
    });
    expect(other.port).toBeGreaterThan(0);
    const error = await errorOf(() => Server.start("./not_there.ts", options)) as RingportError;
    expect(error.code).toBe("ERR_APPLICATION");
    expect(error.message).toContain(system === "windows" ? "not_there.ts" : "/not_there.ts");
  });
});

describe("the names of an application's functions", () => {
  const wrong = (application: object | (new () => object)) =>
    (errorOf(() => applicationOf(application, "a.ts")) as Promise<Error | undefined>).then(String);

  it("are refused where they are a callback's with a slip", async () => {
    for (
      const [name, right] of [
        ["dtaa", "data"],
        ["Data", "data"],
        ["dataa", "data"],
        ["clse", "close"],
        ["opne", "open"],
        ["onData", "data"],
        ["timeOut", "timeout"],
        ["stoping", "stopping"],
      ]
    ) {
      const made = class {
        drain(): void {}
      };
      Object.defineProperty(made.prototype, name, { value: () => {}, enumerable: false });
      expect(await wrong(made), name).toContain(`(did you mean ${right}?)`);
      expect(await wrong({ drain() {}, [name]: () => {} }), name).toContain(`(did you mean ${right}?)`);
    }
    expect(await wrong({ recieveData() {}, daata() {} })).toContain("did you mean data?");
  });

  it("are the application's own otherwise", () => {
    class Own {
      data(): void {}
      onData(): void {}
      send(): void {}
      date(): void {}
      stat(): void {}
      message(): void {}
      reopen(): void {}
      top(): void {}
      #dtaa(): void {}
      get idel(): () => void {
        return () => this.#dtaa();
      }
    }
    expect(applicationOf(Own, "a.ts")).toBeInstanceOf(Own);
  });
});
