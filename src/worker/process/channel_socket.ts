/**
 * Where processes report on Linux: a Unix socket in a folder that no other user can enter. It is there while
 * a process is expected and no longer, so that a server that is killed as a rule leaves nothing behind.
 *
 * @module
 */
import { RingportError } from "../../base/errors.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import { type BoundSource, listenRaw } from "../../listen/bound_source.ts";
import { host } from "../../host/mod.ts";
import { makeMeetingFolder, removeMeetingFolder } from "../../loop/native.ts";
import { acceptChannel } from "./channel_lane.ts";
import { type Arrival, type ChannelDoor, type ChannelPlace, ChannelTokens } from "./channel_tokens.ts";

/** Nobody but this user may connect. */
const ownerOnly = 0o600;

/** A socket in its folder. */
interface Meeting {
  folder: string;
  path: string;
  listener: BoundSource;
}

export class ChannelSocket implements ChannelDoor {
  readonly #loop: EventLoop;
  readonly #library: string | undefined;
  readonly #tokens = new ChannelTokens();
  #meeting: Meeting | undefined = undefined;
  /** Resolves when every socket that is no longer wanted is gone. */
  #gone: Promise<unknown> = Promise.resolve();

  constructor(loop: EventLoop, library: string | undefined) {
    this.#loop = loop;
    this.#library = library;
  }

  get place(): ChannelPlace {
    return { path: this.#meeting?.path };
  }

  expect(arrived: Arrival): string {
    this.#meeting ??= this.#open();
    const token = this.#tokens.expect((channel) => {
      const owner = arrived(channel);
      this.#endUnlessExpected();
      return owner;
    });
    return token;
  }

  forget(token: string): void {
    this.#tokens.forget(token);
    this.#endUnlessExpected();
  }

  async close(): Promise<void> {
    this.#tokens.clear();
    this.#endUnlessExpected();
    await this.#gone;
  }

  #open(): Meeting {
    const folder = makeFolder(this.#library);
    const path = `${folder}/s`;
    try {
      const listener = listenRaw(this.#loop, { unix: path, mode: ownerOnly }, (descriptor) => {
        acceptChannel(this.#loop, descriptor, (connected) => this.#tokens.greet(connected), this.#library);
      });
      listener.unref();
      return { folder, path, listener };
    } catch (error) {
      removeMeetingFolder(folder, this.#library);
      throw error;
    }
  }

  #endUnlessExpected(): void {
    const meeting = this.#meeting;
    if (meeting === undefined || !this.#tokens.empty) return;
    this.#meeting = undefined;
    const ended = meeting.listener.close().then(() => removeMeetingFolder(meeting.folder, this.#library));
    this.#gone = Promise.all([this.#gone, ended]);
  }
}

/** In the first place that takes one. Which ones there are depends on how the system was set up. */
function makeFolder(library: string | undefined): string {
  const places = [host.variable("XDG_RUNTIME_DIR"), host.variable("TMPDIR"), "/tmp", "/dev/shm"];
  const refused: string[] = [];
  for (const place of new Set(places)) {
    if (!place?.startsWith("/")) continue;
    try {
      return makeMeetingFolder(place, library);
    } catch (error) {
      refused.push(`"${place}": ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const message = `no place for a socket where processes report (option "isolation"): ${refused.join("; ")}`;
  throw new RingportError(message, { code: "ERR_MEETING_PLACE", operation: "start", origin: "kernel" });
}
