/**
 * Who looks at the portal. An owner sees its own affairs; an operator looks on at the whole site, an
 * auditor at the whole ledger too; a member also acts; a viewer sees the board; a guest did not sign in.
 */
export const roles = ["guest", "viewer", "owner", "operator", "auditor", "member"] as const;
export type Role = (typeof roles)[number];

/** Somebody who signed in. */
export type Person = {
  readonly role: Exclude<Role, "guest">;
  readonly id: string;
  /** The key that signed; a session ends when it is its identity's no more. */
  readonly key: Uint8Array;
};

export type Viewer = { readonly role: "guest"; readonly id: null } | Person;

export const guest: Viewer = { role: "guest", id: null };

const everybody = roles;
const signedIn = roles.filter((role) => role !== "guest");
/** Who sees trades and meters: an owner its own. On an open site guests are let in as viewers. */
const board = signedIn;
/** Who owns something, and sees of that its own alone: who runs the site is an owner too. */
const owning: readonly Role[] = ["owner", "operator"];
const household: readonly Role[] = [...owning, "auditor", "member"];
const wholeSite: readonly Role[] = ["operator", "auditor", "member"];
const concerned: readonly Role[] = ["owner", ...wholeSite];

/**
 * Every route of the API and who may use it. A route that is not here is not served: the server does
 * not start with one. `HEAD` goes with `GET`.
 */
export const access = {
  "GET /api/status": everybody,
  "GET /api/slots": everybody,
  "GET /api/gates": everybody,
  "GET /api/passes": everybody,
  /** Another feeder's members and buyers are guests here; of the rows they see the offers. */
  "GET /api/feeders": everybody,
  "GET /api/feeders/proof": everybody,
  "GET /api/blocks": everybody,
  "GET /api/membership": everybody,
  "GET /api/council-steps": everybody,
  "GET /api/events": everybody,
  "POST /api/quotes": everybody,
  "POST /api/requests": everybody,
  "POST /api/challenges": everybody,
  "POST /api/sessions": everybody,
  "GET /api/me": everybody,
  "DELETE /api/sessions": signedIn,
  "POST /api/links": signedIn,
  "GET /api/meters": board,
  "GET /api/trades": board,
  "GET /api/account": household,
  "GET /api/statement": household,
  "GET /api/statement/:slot": household,
  "GET /api/bill": household,
  "GET /api/payments": household,
  "GET /api/notices": owning,
  "GET /api/preferences": owning,
  /** Others' addresses are sealed for members, and so is what became of them. */
  "GET /api/deliveries": [...owning, "member"],
  "POST /api/deliveries/resend": [...owning, "member"],
  "GET /api/quotes": ["owner"],
  "GET /api/proofs/state": concerned,
  "GET /api/proofs/reading": concerned,
  /** A result's leaf holds the events of everybody whom it concerned: an owner has those of its own alone. */
  "GET /api/proofs/event": concerned,
  "GET /api/proofs/link": concerned,
  "GET /api/devices": concerned,
  "GET /api/alarms": concerned,
  "GET /api/credit": concerned,
  "GET /api/orders": concerned,
  "GET /api/green": concerned,
  "GET /api/report": concerned,
  /** What the feeders' lines carry, and nobody's trades: as much as the prices of feeders say. */
  "GET /api/flows": board,
  /** An operator signs as the owner that it is: who runs the site orders demand response. */
  "POST /api/messages": ["owner", "operator", "member"],
  "GET /api/requests": ["member"],
  "DELETE /api/requests": ["member"],
  "DELETE /api/requests/:request": ["member"],
  "GET /api/consortium": wholeSite,
  "GET /api/blocks/:height": wholeSite,
  "GET /api/search": wholeSite,
} as const satisfies Readonly<Record<string, readonly Role[]>>;

export type Route = keyof typeof access;

/** What guests of an open site use as viewers do. */
export const openRoutes: ReadonlySet<string> = new Set<Route>([
  "GET /api/meters",
  "GET /api/trades",
]);

export function rolesOf(route: string): readonly Role[] | undefined {
  return Object.hasOwn(access, route) ? access[route as Route] : undefined;
}

/** What a viewer sees of what belongs to owners: one owner's, everybody's, or nobody's. */
export type Scope = { readonly of: "all" } | { readonly of: "owner"; readonly owner: string };

export function scopeOf({ role, id }: Viewer): Scope | undefined {
  switch (role) {
    case "guest":
      return undefined;
    case "owner":
      return { of: "owner", owner: id };
    case "viewer":
    case "operator":
    case "auditor":
    case "member":
      return { of: "all" };
    default:
      return role satisfies never;
  }
}
