import type { IncomingMessage, ServerResponse } from "node:http";
import type { FlowsConfig } from "./config.ts";
import type { Behind } from "./front.ts";
import { log } from "./log.ts";
import { type NodeGuard, openGuard, passwordGuard } from "./node-guard.ts";
import { foreignSender, hidePortalCookie, PortalDoor } from "./portal-door.ts";
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
export function passwordSignIn(config: FlowsConfig, passwordHash: string): SignIn {
  const { adminUser, httpNode } = config;
  return {
    guard: httpNode === "open" ? openGuard : passwordGuard(adminUser, passwordHash),
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
  const { portal, page = portal, edit, read } = settings;
  const report = (text: string) => log("warn", "portal", { msg: text });
  const door = new PortalDoor({ portal, edit, read, report });
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

const withoutCookie: NodeGuard = async (request) => {
  hidePortalCookie(request);
  return undefined;
};

/** Flows' pages are for those who may look at flows. */
function pagesGuard(door: PortalDoor, page: string): NodeGuard {
  return async (request) => {
    const refused = foreignSender(request);
    if (refused !== undefined) return refused;
    const visitor = await door.visitorOf(request.headers.cookie).catch(() => "unknown" as const);
    if (typeof visitor !== "object" || visitor.may === "nothing") {
      return signInPage(request, { page, visitor });
    }
    return withoutCookie(request);
  };
}
