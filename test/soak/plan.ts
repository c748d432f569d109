import { Random } from "../simulation/random.ts";

/** Whom a fault of each kind befalls. */
export const kinds = {
  "kill member": "member",
  "restart member": "member",
  "pause member": "member",
  "stop and go": "member",
  "kill unit": "unit",
  "pause unit": "unit",
  "restart meters": "site",
  "kill flows": "site",
  "member cut off": "member",
  "members in two halves": "member",
  "silent wires": "member",
  "slow wires": "member",
  "unit cut off": "unit",
  "silent broker": "member",
  "slow broker": "member",
  "disk full": "member",
  "disk full at a unit": "unit",
  "files cannot grow": "member",
  "read-only disk": "member",
  "failing disk": "member",
  "slow disk": "member",
  "ledger lost": "member",
  "clock step": "member",
  "clock step of a unit": "unit",
  "noise on the lines": "site",
  "an outsider's bytes": "member",
  "an outsider's frames": "member",
} as const satisfies Record<string, "member" | "unit" | "site">;

export type Kind = keyof typeof kinds;
export const allKinds = Object.keys(kinds) as readonly Kind[];

/** One thing that goes wrong. */
export type Fault = {
  readonly kind: Kind;
  /** Which member or unit, from 0. */
  readonly victim: number;
  /** How long it lasts; what is over at once (a kill) leaves the rest of the time to itself. */
  readonly forMs: number;
  /** By how much a clock is put forward (or back, below 0). */
  readonly stepMs: number;
};

/** What happens next: a quiet time, then one or two faults at once. */
export type Round = { readonly quietMs: number; readonly faults: readonly Fault[] };

const quietMs = { min: 3_000, max: 12_000 };
const lastsMs = { min: 2_000, max: 20_000 };
/** Members refuse a block that is 30 s off their clock: steps lie on both sides of that. */
const stepMsMax = 45_000;
/** Two at once as often. */
const pairShare = 0.25;

/**
 * All that goes wrong in a run, without an end. The same seed and kinds give the same rounds. Each kind comes once
 * before any comes again; of two at once no two befall the same member or unit.
 */
export function* plan(
  seed: number,
  {
    members,
    units,
    among = allKinds,
  }: { readonly members: number; readonly units: number; readonly among?: readonly Kind[] },
): Generator<Round, never> {
  const random = new Random(seed);
  let bag: Kind[] = [];
  const next = (): Fault => {
    if (bag.length === 0) bag = random.shuffled(among);
    const kind = bag.pop() ?? "kill member";
    const many = { member: members, unit: units, site: 1 }[kinds[kind]];
    return {
      kind,
      victim: random.int(0, many - 1),
      forMs: random.int(lastsMs.min, lastsMs.max),
      stepMs: random.int(1_000, stepMsMax) * (random.chance(0.5) ? 1 : -1),
    };
  };
  for (;;) {
    const first = next();
    const second = random.chance(pairShare) ? next() : undefined;
    const isOther = second !== undefined && !sameVictim(first, second);
    yield {
      quietMs: random.int(quietMs.min, quietMs.max),
      faults: isOther ? [first, second] : [first],
    };
  }
}

function sameVictim(a: Fault, b: Fault): boolean {
  return kinds[a.kind] === kinds[b.kind] && a.victim === b.victim;
}

/** In words: "clock step of member 2 by −31 s, for 12 s". */
export function faultText({ kind, victim, forMs, stepMs }: Fault): string {
  const who = kinds[kind] === "site" ? "" : `, ${kinds[kind]} ${victim + 1}`;
  const by = kind.startsWith("clock") ? ` by ${Math.round(stepMs / 1000)} s` : "";
  return `${kind}${who}${by}, ${Math.round(forMs / 1000)} s`;
}
