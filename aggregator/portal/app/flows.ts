import type { PortalMeter } from "../api.ts";
import { t } from "./language.ts";

/** Something that hangs on a busbar. Watts are positive when they come from the busbar. */
export type Branch = {
  readonly id: string;
  readonly label: string;
  readonly kind: "solar" | "wind" | "generation" | "load" | "company" | "user" | "bureau";
  readonly watts: number | null;
  /** Behind its own connection: plants, and what is left as its own load. */
  readonly behind: readonly Branch[];
};

/** The site at one glance: what hangs on the busbar, and the sums over all of it. */
export type SiteFlows = {
  readonly grid: Branch | undefined;
  readonly branches: readonly Branch[];
  readonly generationW: number | null;
  readonly loadW: number | null;
};

/** Reads the site's topology and live flows from its meters. */
export function flowsOf(meters: readonly PortalMeter[]): SiteFlows {
  const owners = new Map<string, PortalMeter[]>();
  for (const meter of meters) owners.set(meter.owner, [...(owners.get(meter.owner) ?? []), meter]);
  const branches = [...owners.values()]
    .flatMap((own) => branchOf(own) ?? [])
    .sort((a, b) => Number(b.kind === "company") - Number(a.kind === "company"));
  const generationW = generation(branches);
  const drawn = sum(branches.map(({ watts }) => watts));
  return {
    grid: gridOf(meters) ?? balancing(branches),
    branches,
    generationW,
    loadW: generationW === null || drawn === null ? null : Math.max(0, generationW + drawn),
  };
}

/** An owner with a connection to the busbar. */
function branchOf(own: readonly PortalMeter[]): Branch | undefined {
  const connections = own.filter(({ role }) => role === "connection");
  const [first] = connections;
  if (first === undefined) return undefined;
  const watts = sum(connections.map(({ powerW }) => powerW));
  const plants = own.filter(({ role }) => role === "generation").map(plantOf);
  const produced = sum(plants.map((plant) => plant.watts));
  const load: Branch = {
    id: `${first.owner} own load`,
    label: t("own load"),
    kind: "load",
    // What flows in, and what the plants give, is used behind the connection.
    watts: watts === null || produced === null ? null : Math.max(0, watts - produced),
    behind: [],
  };
  const kind = first.party === "company" ? "company" : "user";
  const behind = plants.length === 0 ? [] : [...plants, load];
  return { id: first.owner, label: first.ownerName, kind, watts, behind };
}

function plantOf({ meter, form, powerW }: PortalMeter): Branch {
  const kind = form === "solar" || form === "wind" ? form : "generation";
  const label = { solar: t("photovoltaic"), wind: t("wind"), generation: t("generator") }[kind];
  return { id: meter, label, kind, watts: powerW, behind: [] };
}

/** The exchange with the grid: what its meter draws comes to the busbar. */
function gridOf(meters: readonly PortalMeter[]): Branch | undefined {
  const exchange = meters.filter(({ role }) => role === "exchange");
  const [first] = exchange;
  if (first === undefined) return undefined;
  const drawn = sum(exchange.map(({ powerW }) => powerW));
  const watts = drawn === null ? null : -drawn;
  return { id: first.owner, label: first.ownerName, kind: "bureau", watts, behind: [] };
}

/** Without a meter of its own the exchange is what all others leave. */
function balancing(branches: readonly Branch[]): Branch | undefined {
  if (branches.length === 0) return undefined;
  const drawn = sum(branches.map(({ watts }) => watts));
  const watts = drawn === null ? null : -drawn;
  return { id: "grid", label: t("Grid"), kind: "bureau", watts, behind: [] };
}

/** Plants count as generators; where an owner has none, what its connection gives does. */
function generation(branches: readonly Branch[]): number | null {
  const given = branches.flatMap(({ watts, behind }) =>
    behind.length === 0
      ? [watts === null ? null : Math.min(0, watts)]
      : behind.filter(({ kind }) => kind !== "load").map((plant) => plant.watts),
  );
  const total = sum(given);
  return total === null ? null : Math.max(0, -total);
}

/** null as soon as one part is not known: a sum without it would be wrong. */
function sum(parts: readonly (number | null)[]): number | null {
  let total = 0;
  for (const part of parts) {
    if (part === null) return null;
    total += part;
  }
  return parts.length === 0 ? null : total;
}
