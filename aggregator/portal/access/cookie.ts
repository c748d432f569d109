import type { FastifyRequest } from "fastify";

const tokenPattern = /^[A-Za-z0-9_-]{43}$/;

/** The cookie that holds a session's token. */
export class SessionCookie {
  readonly #secure: boolean;

  /** `publicUrl`: where people open the portal, when a proxy stands before it. */
  constructor(publicUrl: string | undefined) {
    this.#secure = publicUrl?.startsWith("https:") === true;
  }

  tokenOf(request: FastifyRequest): string | undefined {
    const start = `${this.#nameFor(request)}=`;
    const pairs = (request.headers.cookie ?? "").split(/;\s*/);
    const value = pairs.find((pair) => pair.startsWith(start))?.slice(start.length);
    return value !== undefined && tokenPattern.test(value) ? value : undefined;
  }

  /** What `set-cookie` says; `leftMs` 0 takes it away. */
  header(request: FastifyRequest, token: string, leftMs: number): string {
    const seconds = Math.max(0, Math.floor(leftMs / 1000));
    const end = this.#secure ? "; Secure" : "";
    return `${this.#nameFor(request)}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${end}`;
  }

  /** Over TLS none but this host can set it. Without, browsers tell no ports of a host apart: the name does. */
  #nameFor({ socket }: FastifyRequest): string {
    if (this.#secure) return "__Host-busbar-session";
    return socket.localPort === undefined ? "busbar-session" : `busbar-session-${socket.localPort}`;
  }
}
