import type { Role } from "../access/roles.ts";
import { Watched } from "./store.ts";

/** Where the page is: `#/statement/1780000000000?owner=anna`. */
export type Route = {
  readonly page: string;
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
};

export const route = new Watched<Route>(parse(""));

/** Where somebody was sent to sign in from, and belongs afterwards. */
let left: string | undefined;

export function startRouting(): void {
  let last = "";
  const changed = () => {
    const now = parse(location.hash);
    // A link into the page keeps its place while its reader signs in.
    if (now.page === "sign-in" && route.value.page !== "") left = last;
    last = location.hash;
    route.set(now);
  };
  addEventListener("hashchange", changed);
  changed();
}

export function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [page = "", ...rest] = path.split("/").map(decoded);
  return { page, rest, query: new URLSearchParams(query) };
}

export function go(hash: string): void {
  location.hash = hash;
}

/** Goes back to where signing in was asked for, or to `home`. */
export function goOn(home: string): void {
  const to = left ?? home;
  left = undefined;
  go(to);
}

/** Broken escapes are somebody's typing: shown as they are. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A page of the navigation, and who has it. */
export type Place = {
  readonly page: string;
  readonly title: string;
  readonly roles: readonly Role[];
};

const everybody: readonly Role[] = ["guest", "viewer", "owner", "operator", "auditor", "member"];
/** Who owns something: who runs the site is an owner too. */
const owning: readonly Role[] = ["owner", "operator"];
const wholeSite: readonly Role[] = ["operator", "auditor", "member"];

/** In the order in which they are shown; titles are names of texts. */
export const places: readonly Place[] = [
  { page: "home", title: "Home", roles: owning },
  { page: "", title: "Site", roles: everybody },
  { page: "prices", title: "Prices", roles: everybody },
  { page: "quotes", title: "Quotes", roles: ["owner"] },
  { page: "trades", title: "Trades", roles: ["viewer", "owner", ...wholeSite] },
  { page: "statement", title: "Money", roles: owning },
  { page: "payments", title: "Payments", roles: owning },
  { page: "bills", title: "Bills", roles: owning },
  { page: "notices", title: "Notices", roles: owning },
  { page: "preferences", title: "Preferences", roles: owning },
  { page: "orders", title: "Orders", roles: ["owner", ...wholeSite] },
  { page: "green", title: "Green", roles: ["owner", ...wholeSite] },
  { page: "feeders", title: "Feeders", roles: ["owner", ...wholeSite] },
  { page: "report", title: "What if", roles: ["owner", ...wholeSite] },
  { page: "alarms", title: "Alarms", roles: ["owner", ...wholeSite] },
  { page: "devices", title: "Devices", roles: ["owner", ...wholeSite] },
  { page: "admission", title: "Admission", roles: ["member"] },
  { page: "consortium", title: "Members", roles: wholeSite },
  { page: "blocks", title: "Blocks", roles: wholeSite },
  { page: "credit", title: "Credit", roles: ["owner", ...wholeSite] },
  { page: "settings", title: "Settings", roles: ["owner", "viewer", ...wholeSite] },
];

/** Pages that are reached from others. */
export const hidden: readonly string[] = ["sign-in", "link", "proof", "ask"];
