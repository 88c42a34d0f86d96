/**
 * What a trusted proxy says of a request: `Forwarded` (RFC 7239), or the `X-Forwarded-` fields.
 *
 * @module
 */

/** The part of a request that names its client. */
interface Fields {
  header(name: string): string | undefined;
}

/** What is known through the proxy. */
export interface Forwarded {
  readonly scheme?: string;
  readonly host?: string;
  /** The address of the client, without a port. */
  readonly client?: string;
}

const SCHEME = /^https?$/i;
const HOST = /^[\w.:[\]-]+$/;

/** Reads the fields. Of several proxies the last one counts: it is the one that is trusted. */
export function readForwarded(fields: Fields): Forwarded {
  const standard = fields.header("forwarded");
  if (standard !== undefined) return readStandard(standard);
  return checked(
    last(fields.header("x-forwarded-proto")),
    last(fields.header("x-forwarded-host")),
    last(fields.header("x-forwarded-for")),
  );
}

function readStandard(value: string): Forwarded {
  const element = value.slice(value.lastIndexOf(",") + 1);
  const parts = new Map<string, string>();
  for (const part of element.split(";")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, equals).trim().toLowerCase();
    parts.set(name, part.slice(equals + 1).trim().replace(/^"(.*)"$/, "$1"));
  }
  return checked(parts.get("proto"), parts.get("host"), parts.get("for"));
}

function checked(
  scheme: string | undefined,
  host: string | undefined,
  client: string | undefined,
): Forwarded {
  return {
    scheme: scheme !== undefined && SCHEME.test(scheme) ? scheme.toLowerCase() : undefined,
    host: host !== undefined && HOST.test(host) ? host : undefined,
    client: client === undefined ? undefined : withoutPort(client),
  };
}

/** `[::1]:80`, `::1`, `1.2.3.4:5` without brackets and port. */
function withoutPort(client: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(client);
  if (bracketed !== null) return bracketed[1];
  return client.indexOf(":") === client.lastIndexOf(":") ? client.replace(/:\d+$/, "") : client;
}

function last(value: string | undefined): string | undefined {
  return value === undefined ? undefined : value.slice(value.lastIndexOf(",") + 1).trim();
}
