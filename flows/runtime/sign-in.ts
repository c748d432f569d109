import type { IncomingMessage, ServerResponse } from "node:http";
import type { FlowsConfig } from "./config.ts";
import { type Denial, foreignSender } from "./foreign-sender.ts";
import type { Behind } from "./front.ts";
import { log } from "./log.ts";
import {
  type NodeGuard,
  openGuard,
  type PasswordGuardOptions,
  passwordGuard,
} from "./node-guard.ts";
import { hidePortalCookie, PortalDoor } from "./portal-door.ts";
import { signInPage } from "./sign-in-page.ts";

/** How people come in: what the front asks, and what Node-RED is told. */
export type SignIn = Pick<Behind, "guard" | "adminGuard" | "onSocket"> & {
  /** Node-RED's setting of who may use the editor. */
  readonly adminAuth: Readonly<Record<string, unknown>>;
  /** What of the editor's addresses it answers itself. */
  readonly middleware: Middleware;
  /** Where signing out leads; undefined for the editor's own page. */
  readonly signOutAt: string | undefined;
  close(): void;
};

type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** One name and its password, of a `busbar-flows` that stands by itself. */
export function passwordSignIn(
  config: FlowsConfig,
  passwordHash: string,
  onWrong: NonNullable<PasswordGuardOptions["onWrong"]>,
): SignIn {
  const { adminUser, httpNode } = config;
  return {
    guard: httpNode === "open" ? openGuard : passwordGuard(adminUser, passwordHash, { onWrong }),
    adminGuard: () => undefined,
    onSocket: () => {},
    adminAuth: {
      type: "credentials",
      sessionExpiryTime: 86_400,
      users: [{ username: adminUser, password: passwordHash, permissions: "*" }],
    },
    middleware: (_request, _response, next) => next(),
    signOutAt: undefined,
    close: () => {},
  };
}

/** Whoever is signed in at the portal, by its role there. */
export function portalSignIn(
  settings: NonNullable<FlowsConfig["signIn"]>,
  { httpNode }: Pick<FlowsConfig, "httpNode">,
): SignIn {
  const { portal, page = portal, edit, read, act } = settings;
  const report = (text: string) => log("warn", "portal", { msg: text });
  if (isOpenToOthers(portal)) {
    report(`${portal}: sessions go over the network unencrypted; use https:// for another machine`);
  }
  const door = new PortalDoor({ portal, edit, read, act, report });
  return {
    guard: httpNode === "open" ? withoutCookie : pagesGuard(door, page),
    adminGuard: foreignSender,
    onSocket: (socket, { headers }) => door.watch(socket, headers.cookie),
    adminAuth: {
      type: "strategy",
      tokenHeader: "cookie",
      tokens: async (cookies: string) => {
        const visitor = await door.visitorOf(cookies);
        if (visitor === undefined || visitor.may === "nothing") return null;
        return { username: visitor.id, permissions: visitor.may === "edit" ? "*" : "read" };
      },
      // Nobody comes in by it: whoever has no session is led to `auth/strategy`, which `middleware` answers.
      strategy: { name: "busbar", label: "", autoLogin: true, strategy: NoStrategy, options: {} },
    },
    middleware: (request, response, next) => {
      const { pathname } = new URL(request.url ?? "/", "http://here");
      if (!/^\/auth\/strategy(\/|$)/.test(pathname)) return next();
      void answerSignIn(door, page, { request, response });
    },
    signOutAt: page,
    close: () => door.close(),
  };
}

/** Passport asks for one. */
class NoStrategy {
  readonly name = "busbar";
  declare readonly fail: (status: number) => void;
  authenticate(): void {
    this.fail(401);
  }
}

async function answerSignIn(
  door: PortalDoor,
  page: string,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
): Promise<void> {
  const visitor = await door.visitorOf(request.headers.cookie).catch(() => "unknown" as const);
  if (typeof visitor === "object" && visitor.may !== "nothing") {
    return void response.writeHead(303, { location: "../" }).end();
  }
  const { status, headers, body } = signInPage(request, { page, visitor });
  response.writeHead(status, { ...headers }).end(body);
}

const mayLookOnly: Denial = { status: 403, body: "your role may look here, and not act" };

const withoutCookie: NodeGuard = async (request) => {
  hidePortalCookie(request);
  return openGuard(request);
};

/** Whether what is said to an address can be read on the way. */
export function isOpenToOthers(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

/** Flows' pages are for those who may look at flows; what acts, sockets too, for those who may edit or act. */
export function pagesGuard(door: Pick<PortalDoor, "visitorOf">, page: string): NodeGuard {
  return async (request) => {
    const refused = foreignSender(request);
    if (refused !== undefined) return refused;
    const visitor = await door.visitorOf(request.headers.cookie).catch(() => "unknown" as const);
    if (typeof visitor !== "object" || (visitor.may === "nothing" && !visitor.acts)) {
      return signInPage(request, { page, visitor });
    }
    const { method = "", headers } = request;
    const looks = headers.upgrade === undefined && ["GET", "HEAD"].includes(method);
    if (!looks && !visitor.acts) return mayLookOnly;
    hidePortalCookie(request);
    return undefined;
  };
}
