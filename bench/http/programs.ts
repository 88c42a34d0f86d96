/**
 * Builds the peers that are no scripts into the ignored folder bench/out. What cannot be built is left out.
 *
 * @module
 */
import { build, buildLoad, OUT, PEERS } from "../echo/programs.ts";
import { HELLO } from "./work.ts";

/** Paths of the built programs; undefined for what this machine cannot build. */
export interface HttpPrograms {
  load: string;
  epollHttp: string;
  hyper?: string;
  go?: string;
  /** The command that starts nginx on a port. */
  nginx?: (port: number) => string[];
}

/** Runs a command; false where it fails or its program is missing. */
function run(command: string[], cwd: string, env: Record<string, string> = {}): boolean {
  const path = Bun.which(command[0]);
  if (!path) return false;
  const result = Bun.spawnSync([path, ...command.slice(1)], {
    cwd,
    stdout: "ignore",
    stderr: "ignore",
    env: { ...(process.env as Record<string, string | undefined>), ...env },
  });
  return result.exitCode === 0;
}

async function exists(path: string): Promise<boolean> {
  return await Bun.file(path).exists();
}

/** Built in a copy, because cargo writes beside the sources. */
async function buildHyper(): Promise<string | undefined> {
  const folder = `${OUT}/hyper`;
  run(["cp", "-r", `${PEERS}/hyper`, OUT], OUT);
  const target = `${folder}/target/release/hyper_peer`;
  return run(["cargo", "build", "--release", "--quiet"], folder) && await exists(target) ? target : undefined;
}

function buildGo(): string | undefined {
  const target = `${OUT}/go_http`;
  const wanted = { GO111MODULE: "off", CGO_ENABLED: "0" };
  return run(["go", "build", "-o", target, `${PEERS}/go_http.go`], OUT, wanted) ? target : undefined;
}

const NGINX_CONFIGURATION = `daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
worker_rlimit_nofile 40000;
events { worker_connections 20000; }
http {
  access_log off;
  default_type text/plain;
  keepalive_requests 1000000000;
  keepalive_timeout 255s;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:PORT backlog=4096;
    location / { return 200 "${HELLO}"; }
  }
}
`;

/** nginx of the machine, or that of the distribution unpacked into a folder: it is not installed. */
async function findNginx(): Promise<HttpPrograms["nginx"]> {
  const folder = `${OUT}/nginx`;
  let program = Bun.which("nginx");
  if (!program) {
    program = `${folder}/usr/sbin/nginx`;
    if (!await exists(program)) {
      run(["mkdir", "-p", `${folder}/packages`], OUT);
      if (!run(["apt-get", "download", "nginx"], `${folder}/packages`)) return undefined;
      run(["sh", "-c", `for one in packages/*.deb; do dpkg -x "$one" .; done`], folder);
    }
  }
  if (!await exists(program)) return undefined;
  const home = `${OUT}/nginx_home`;
  run(["mkdir", "-p", home], OUT);
  return (port) => {
    const configuration = NGINX_CONFIGURATION.replace("PORT", String(port));
    // It does not tell its port, so the shell does.
    const script = `printf '%s' "$1" > nginx.conf; echo '{"port":${port}}'; ` +
      `exec "$0" -p "$2" -c "$2/nginx.conf" -e error.log`;
    return ["sh", "-c", `cd "$2"; ${script}`, program, configuration, home];
  };
}

/** Builds everything that can be built here; without `fetching` nothing that needs a package registry. */
export async function buildHttpPrograms(fetching: boolean): Promise<HttpPrograms> {
  return {
    load: buildLoad(),
    epollHttp: build("epoll_http", [`${PEERS}/epoll_http.c`]),
    hyper: fetching ? await buildHyper() : undefined,
    go: buildGo(),
    nginx: fetching ? await findNginx() : undefined,
  };
}
