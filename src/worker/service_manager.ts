/**
 * Notifications to the service manager, by systemd's protocol, in the sockets and variables of
 * sd_notify(3) and sd_watchdog_enabled(3).
 *
 * @module
 */
import { TIMER_DELAY_MAX_MS } from "../base/layout.ts";
import { host } from "../host/mod.ts";
import { notifyManager } from "../loop/native.ts";

/** Milliseconds until a notification is sent again to a manager that had no room for it. */
const retryMilliseconds = 50;
/** Notifications that wait for room at most: more than a server sends in its life. */
const maxWaiting = 32;
const statusLengthMax = 200;
const microsecondsOfMillisecond = 1_000;

/** One datagram. `stamped`: its last line ends with the time. */
interface Notice {
  readonly text: string;
  readonly stamped: boolean;
}

/** What a manager is reached by. */
interface ManagerVariables {
  /** The path of its socket; a name of the kernel's begins with a zero byte. */
  readonly path: string;
  /** Milliseconds within which it wants a sign of life; undefined where it wants none. */
  readonly watchdog: number | undefined;
}

/** Reads the variables a manager has set for this process; undefined where there is none. */
export function readManagerVariables(
  variable: (name: string) => string | undefined,
  processId: number,
): ManagerVariables | undefined {
  const socket = variable("NOTIFY_SOCKET") ?? "";
  // Other forms name sockets of other families.
  if (!/^[/@]./.test(socket)) return undefined;
  const path = socket.startsWith("@") ? `\0${socket.slice(1)}` : socket;
  return { path, watchdog: watchdogOf(variable, processId) };
}

function watchdogOf(
  variable: (name: string) => string | undefined,
  processId: number,
): number | undefined {
  const text = variable("WATCHDOG_USEC") ?? "";
  const meantFor = variable("WATCHDOG_PID") ?? "";
  if (!/^[1-9]\d{0,15}$/.test(text) || (meantFor !== "" && meantFor !== String(processId))) return undefined;
  return Math.min(Number(text) / microsecondsOfMillisecond, TIMER_DELAY_MAX_MS);
}

export class ServiceManager {
  readonly #path: string;
  readonly #watchdog: number | undefined;
  readonly #unreachable: () => void;
  readonly #waiting: Notice[] = [];
  #retry: ReturnType<typeof setTimeout> | undefined = undefined;
  #pings: ReturnType<typeof setInterval> | undefined = undefined;
  #ended = false;

  /** The manager that started this process; undefined where there is none. */
  static ofProcess(unreachable: () => void): ServiceManager | undefined {
    if (host.operatingSystem !== "linux") return undefined;
    const variables = readManagerVariables((name) => host.variable(name), host.pid);
    return variables && new ServiceManager(variables, unreachable);
  }

  /** `unreachable`: called once if it cannot be notified. */
  constructor({ path, watchdog }: ManagerVariables, unreachable: () => void) {
    this.#path = path;
    this.#watchdog = watchdog;
    this.#unreachable = unreachable;
  }

  /** The server serves. `isNew`: in place of another process, which the manager knew until now. */
  ready(status: string, isNew: boolean): void {
    this.#tell("READY=1", isNew ? `MAINPID=${host.pid}` : "", statusLine(status));
  }

  /** The server is about to be another one, or has been asked to reload; ended by `ready`. */
  reloading(status: string): void {
    this.#send({ text: `RELOADING=1\n${statusLine(status)}\nMONOTONIC_USEC=`, stamped: true });
  }

  stopping(status: string): void {
    this.#tell("STOPPING=1", statusLine(status));
  }

  status(status: string): void {
    this.#tell(statusLine(status));
  }

  /** Gives signs of life as long as the server is healthy. */
  watch(isHealthy: () => boolean): void {
    if (this.#watchdog === undefined || this.#ended) return;
    const ping = () => {
      // A sign that waits for room says as much as a second one.
      if (isHealthy() && this.#waiting.length === 0) this.#tell("WATCHDOG=1");
    };
    ping();
    this.#pings = setInterval(ping, this.#watchdog / 2);
  }

  /** Tells nothing more. */
  end(): void {
    this.#ended = true;
    clearInterval(this.#pings);
    clearTimeout(this.#retry);
    this.#waiting.length = 0;
  }

  #tell(...lines: string[]): void {
    this.#send({ text: lines.filter((line) => line !== "").join("\n"), stamped: false });
  }

  #send(notice: Notice): void {
    if (this.#ended) return;
    if (this.#waiting.length >= maxWaiting) this.#waiting.shift();
    this.#waiting.push(notice);
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#retry);
    while (this.#waiting.length > 0) {
      const [{ text, stamped }] = this.#waiting;
      const outcome = notifyManager(this.#path, text, stamped);
      if (outcome === "busy") return void (this.#retry = setTimeout(() => this.#flush(), retryMilliseconds));
      if (outcome === "failed") return this.#fail();
      this.#waiting.shift();
    }
  }

  #fail(): void {
    this.end();
    this.#unreachable();
  }
}

/** One line, whatever it is made of. */
function statusLine(status: string): string {
  // deno-lint-ignore no-control-regex
  return `STATUS=${status.replace(/[\x00-\x1f\x7f]+/g, " ").slice(0, statusLengthMax)}`;
}
