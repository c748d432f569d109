import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Denial } from "./foreign-sender.ts";
import { log } from "./log.ts";
import type { NodeGuard } from "./node-guard.ts";
import type { HttpApp } from "./node-red.ts";

/** What stands behind the front once Node-RED is there. */
export type Behind = {
  /** Editor and admin API; they ask by themselves who is there. */
  readonly admin: HttpApp;
  /** Pages and endpoints that flows make. */
  readonly node: HttpApp;
  readonly guard: NodeGuard;
  /** What the editor and its API refuse before they look at anything. */
  readonly adminGuard: (request: IncomingMessage) => Denial | undefined;
  /** Told of each socket that was let in, and may stay open for days. */
  readonly onSocket: (socket: Duplex, request: IncomingMessage) => void;
};

/** Node-RED's own socket, which asks by itself who is there. */
const editorSocket = "/comms";

/**
 * The server that people reach. Node-RED and its palettes get another one, which never listens: socket
 * libraries put themselves before all that a server does, and would answer whom no guard had seen.
 */
export class Front {
  readonly server = createServer((request, response) => {
    const broke = (error: unknown) => {
      failed("request", error);
      end(response, { status: 500 });
    };
    void this.#answer(request, response, broke).catch(broke);
  });
  /** The server that Node-RED is given. */
  readonly inner = createServer();
  readonly #sockets = new Set<Duplex>();
  #behind: Behind | undefined;

  constructor() {
    this.inner.on("request", (request: IncomingMessage, response: ServerResponse) =>
      this.#behind?.node(request, response, () => end(response, { status: 404 })),
    );
    this.server.on("upgrade", (request, socket, head) => {
      void this.#upgrade(request, socket, head).catch((error) => {
        failed("upgrade", error);
        socket.destroy();
      });
    });
  }

  /** From now on requests are answered. */
  open(behind: Behind): void {
    this.#behind = behind;
  }

  /** Ends every connection, those of open editors too. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  /** What fails after the answer was left to others goes to `broke`, as what fails before is thrown. */
  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    broke: (error: unknown) => void,
  ): Promise<void> {
    const behind = this.#behind;
    if (behind === undefined) return end(response, { status: 503 });
    if (!isTarget(request)) return end(response, badTarget);
    const refused = behind.adminGuard(request);
    if (refused !== undefined) return end(response, refused);
    behind.admin(request, response, () => {
      void askGuard(behind.guard, request)
        .then((denial) => {
          if (denial === undefined) this.inner.emit("request", request, response);
          else end(response, denial);
        })
        .catch(broke);
    });
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // Until somebody takes it, nobody else hears of its errors.
    socket.on("error", () => {});
    const denial = await this.#mayUpgrade(request);
    if (socket.destroyed) return;
    if (denial !== undefined) return void socket.end(responseText(denial));
    this.#behind?.onSocket(socket, request);
    if (!this.inner.emit("upgrade", request, socket, head)) socket.destroy();
  }

  async #mayUpgrade(request: IncomingMessage): Promise<Denial | undefined> {
    const behind = this.#behind;
    if (behind === undefined) return { status: 503 };
    if (!isTarget(request)) return badTarget;
    if (pathOf(request) !== editorSocket) return askGuard(behind.guard, request);
    return behind.adminGuard(request);
  }
}

/** A guard that cannot tell lets nobody in. */
async function askGuard(guard: NodeGuard, request: IncomingMessage): Promise<Denial | undefined> {
  try {
    return await guard(request);
  } catch {
    // Whom it concerns has been told by the guard itself.
    return { status: 500 };
  }
}

const badTarget: Denial = { status: 400, body: "expected a path that begins with /" };

/** Socket libraries and frameworks parse a target in ways that throw for what is no path. */
function isTarget({ url = "" }: IncomingMessage): boolean {
  return url.startsWith("/") && URL.canParse(url, "http://here");
}

/** One broken request ends for whoever sent it, and for nobody else. */
function failed(what: "request" | "upgrade", error: unknown): void {
  log("error", `${what}-failed`, { msg: error instanceof Error ? error.message : String(error) });
}

function pathOf({ url = "" }: IncomingMessage): string {
  return url.split("?", 1)[0] ?? "";
}

function end(response: ServerResponse, { status, headers = {}, body = "" }: Denial): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { ...headers }).end(body);
}

/** A refusal as HTTP says it, for a socket that was to be upgraded. */
function responseText({ status, headers = {} }: Denial): string {
  const lines = Object.entries({ ...headers, connection: "close", "content-length": "0" });
  return [`HTTP/1.1 ${status} Refused`, ...lines.map((line) => line.join(": ")), "", ""].join(
    "\r\n",
  );
}
