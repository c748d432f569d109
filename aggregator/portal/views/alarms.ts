import { faultsTolerated } from "../../consensus/tolerance.ts";
import type { Asking } from "../model/asking.ts";
import { consortiumOf } from "./consortium.ts";
import type { ViewContext } from "./context.ts";
import { devicesOf } from "./devices.ts";
import { certificateDaysMin } from "./health.ts";
import type { AlarmAnswer } from "./shapes.ts";

export type Trouble = Omit<AlarmAnswer, "raised" | "resolved">;

const dayMs = 86_400_000;
/** A member's term that ends within so many days is told of: the others vote on the next one. */
const termDaysMin = 30;

/** Troubles that ended and are still shown. */
const resolvedMax = 200;

/** Everything that somebody should look at now, as the ledger and this member see it. */
export function* troublesOf(context: ViewContext): Asking<readonly Trouble[]> {
  const devices = yield* devicesOf(context);
  return [
    ...devices.flatMap(({ device, owner, problems, meters }) => [
      ...problems.map((one) => ({ ...one, about: device, owner })),
      ...meters.flatMap(({ meter, problems: own }) =>
        own.map((one) => ({ ...one, about: meter, owner })),
      ),
    ]),
    ...consensusTroubles(context),
    ...booksTroubles(context),
    ...endingTroubles(context),
  ].map((trouble) => ({ id: `${trouble.code}/${trouble.about}`, ...trouble }));
}

function consensusTroubles(context: ViewContext): readonly Omit<Trouble, "id">[] {
  const { peers, liars, deviating, voters } = context.consensus();
  const away = peers.filter(({ reached, heard }) => !reached && !heard);
  // Beyond what is tolerated nothing is decided any more.
  const level = away.length > faultsTolerated(voters) ? "bad" : "warn";
  return [
    ...away.map(({ id, problem }) => trouble("member-away", id, level, problem)),
    ...liars.map((id) => trouble("member-two-words", id, "bad")),
    ...deviating.map(({ member, height }) =>
      trouble("member-deviates", member, "bad", null, height),
    ),
    ...consortiumOf(context).motions.map(({ about, what }) =>
      trouble("motion-open", about, "warn", what),
    ),
  ];
}

function booksTroubles({ sums, notices, member }: ViewContext): readonly Omit<Trouble, "id">[] {
  const { money, energyWh } = sums();
  const { dead } = notices();
  return [
    ...(money === 0 && energyWh === 0
      ? []
      : [trouble("books", member, "bad", `${money}, ${energyWh} Wh`)]),
    ...(dead === 0 ? [] : [trouble("notices-dead", member, "warn", null, dead)]),
  ];
}

function endingTroubles(context: ViewContext): readonly Omit<Trouble, "id">[] {
  const { member, certificateEnds, clock, now } = context;
  const ends = certificateEnds?.();
  return endings({
    member,
    certificateDays: ends === undefined ? undefined : daysBetween(now(), ends),
    terms: consortiumOf(context).members.flatMap(({ id, state, expires }) =>
      state !== "active" || expires === null
        ? []
        : [{ id, days: daysBetween(clock.now(), expires) }],
    ),
  });
}

const daysBetween = (from: number, to: number) => Math.floor((to - from) / dayMs);

/** Terms and certificates that end soon, in days. */
export function endings({
  member,
  certificateDays,
  terms,
}: {
  readonly member: string;
  /** Of this member's broker; undefined without one. */
  readonly certificateDays: number | undefined;
  readonly terms: readonly { readonly id: string; readonly days: number }[];
}): readonly Omit<Trouble, "id">[] {
  const isSoon = certificateDays !== undefined && certificateDays < certificateDaysMin;
  const level = (certificateDays ?? 0) < 0 ? "bad" : "warn";
  return [
    ...(isSoon ? [trouble("broker-certificate", member, level, null, certificateDays)] : []),
    ...terms
      .filter(({ days }) => days < termDaysMin)
      .map(({ id, days }) => trouble("member-term", id, "warn", null, days)),
  ];
}

function trouble(
  code: string,
  about: string,
  level: AlarmAnswer["level"],
  detail: string | null = null,
  value: number | null = null,
): Omit<Trouble, "id"> {
  return { code, about, level, owner: null, value, detail };
}

/**
 * Since when each trouble lasts, and which ended: what an alarm list adds to the present. In memory; a
 * restart sees all that lasts anew.
 */
export class Alarms {
  readonly #now: () => number;
  readonly #active = new Map<string, AlarmAnswer>();
  #resolved: AlarmAnswer[] = [];

  /** `now` is site ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** As the last look saw them; the active ones first, the worst and newest of them before others. */
  list(owner?: string): readonly AlarmAnswer[] {
    const rank = ({ level }: AlarmAnswer) => (level === "bad" ? 0 : 1);
    const active = [...this.#active.values()].sort(
      (a, b) => rank(a) - rank(b) || b.raised - a.raised || (a.id < b.id ? -1 : 1),
    );
    return [...active, ...this.#resolved].filter(
      (alarm) => owner === undefined || alarm.owner === owner,
    );
  }

  /** Takes in all that a look found: one now and then, so that what comes and goes while nobody asks is seen. */
  see(troubles: readonly Trouble[]): void {
    const now = this.#now();
    const seen = new Set<string>();
    for (const one of troubles) {
      seen.add(one.id);
      const raised = this.#active.get(one.id)?.raised ?? now;
      this.#active.set(one.id, { ...one, raised, resolved: null });
    }
    for (const [id, alarm] of this.#active) {
      if (seen.has(id)) continue;
      this.#active.delete(id);
      this.#resolved.unshift({ ...alarm, resolved: now });
    }
    this.#resolved = this.#resolved.slice(0, resolvedMax);
  }
}
