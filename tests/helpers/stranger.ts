/**
 * Programs of another user on this machine, which tests use to attack a server. They are written in Python,
 * which can change its user and make the system calls that neither runtime offers.
 *
 * @module
 */
import { Child } from "./process.ts";
import { system } from "./runtime.ts";

/** The user `nobody` of most systems; it needs no entry in the list of users. */
const STRANGER = 65534;

const becomeStranger = `
import os
os.setgroups([])
os.setgid(${STRANGER})
os.setuid(${STRANGER})
`;

const preamble = `
import glob, os, re, socket, struct, sys, time
def receive(sock, seconds=1.0):
    """Bytes and descriptors that come until the end or until the time is over."""
    sock.settimeout(seconds)
    try:
        data, control, _, _ = sock.recvmsg(65536, 4096)
    except OSError as error:
        return type(error).__name__, 0
    count = sum(len(data) // 4 for _, kind, data in control if kind == socket.SCM_RIGHTS)
    return data, count
`;

/** Why no program of another user can be started here; false where it can. For the option `ignore`. */
export const noStranger: string | false = await whyNot();

async function whyNot(): Promise<string | false> {
  if (system === "windows") return "Wine has one user";
  try {
    await using child = new Child(["python3", "-c", "import os; print(os.getuid())"], {});
    const { output } = await child.end();
    return output.trim() === "0" ? false : "only root can start a program as another user";
  } catch {
    return "there is no python3 here";
  }
}

/** Starts a script as another user; `sys.argv` has the arguments from 1 on. */
export function stranger(script: string, ...args: string[]): Child {
  return sameUser(becomeStranger + script, ...args);
}

/** The same as this user. */
export function sameUser(script: string, ...args: string[]): Child {
  return new Child(["python3", "-c", preamble + script, ...args], {});
}
