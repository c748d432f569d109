import type { LinkAnswer } from "../views/shapes.ts";
import type { Told } from "./told.ts";

type Notice = LinkAnswer["notices"][number];
type Value = number | string;

/** How something that a notice says stands to the proofs: certified, certified otherwise, or not in them. */
export type Standing = "proven" | "other" | "open";

/** How a notice stands to its proofs: that such a thing happened to its owner, and each of its facts. */
export type Agreement = {
  readonly event: Standing;
  readonly facts: Readonly<Record<string, Standing>>;
};

/**
 * Which of a notice's facts are held against an entry of the state, by the event that it tells of. Those behind `soft` may
 * be certified otherwise by now, or by another entry: there a difference proves nothing. All others follow from no
 * entry, or are of a moment that has passed: a price that was expected, what is left of an order.
 */
const heldFacts: Readonly<Record<string, { readonly hard: string; readonly soft?: string }>> = {
  "contract-signed": { hard: "contract slot other energy price", soft: "fee gate origin" },
  "contract-held": { hard: "contract slot other" },
  "contract-stands": { hard: "contract slot other" },
  "contract-void": { hard: "contract slot other" },
  "contract-cut": { hard: "contract slot other energy" },
  "contract-settled": { hard: "contract slot other", soft: "energy money fee subsidy" },
  "imbalance-settled": { hard: "slot difference money", soft: "contracted estimate" },
  "settlement-corrected": { hard: "slot version", soft: "why estimate" },
  "charges-settled": { hard: "slot", soft: "money fees taxes levies" },
  "bill-ready": { hard: "month import export", soft: "money provisional open" },
  "quote-cleared": { hard: "slot" },
  "slot-corrected": { hard: "slot meter import export", soft: "version" },
  "slot-certified": { hard: "slot form issued boughtGreen soldGreen retired" },
  "demand-ordered": { hard: "slot energy price", soft: "by unit action slots" },
  "demand-answered": { hard: "unit", soft: "status" },
  "demand-settled": { hard: "slot delivered money", soft: "unit ordered" },
  "device-suspended": { hard: "unit", soft: "by" },
  "device-resumed": { hard: "unit", soft: "by" },
  "device-replaced": { hard: "unit" },
  "meter-silent": { hard: "meter", soft: "since" },
  "meter-heard": { hard: "meter" },
  "registers-restarted": { hard: "meter" },
  "energy-unallocated": { hard: "meter" },
  violation: { hard: "why" },
  "credit-faded": { hard: "", soft: "left" },
};

/** Facts that entries have by another name than the notices of an event. */
const otherNames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "charges-settled": { money: "owed" },
};

/** Holds a notice against what was proven: all of it against one and the same proof, the one that fits best. */
export function agreementOf(notice: Notice, proven: readonly Told[]): Agreement {
  const judged = proven.map((told) => ({ ...judge(notice, told), whole: told.whole === true }));
  const countOf = ({ event, facts }: Agreement, standing: Standing) =>
    [event, ...Object.values(facts)].filter((one) => one === standing).length;
  const [best] = judged.sort(
    (a, b) =>
      countOf(b, "proven") - countOf(a, "proven") || countOf(a, "other") - countOf(b, "other"),
  );
  if (best !== undefined) return { event: best.event, facts: best.facts };
  return {
    event: "open",
    facts: Object.fromEntries(notice.facts.map(({ name }) => [name, "open"])),
  };
}

function judge(
  { type, key, facts }: Notice,
  { values, keys = {}, whole = false }: Told,
): Agreement {
  const { hard = "", soft = "" } = heldFacts[type] ?? {};
  const [hardNames, softNames] = [hard, soft].map((names) => new Set(names.split(" ")));
  const standingOf = ({ name, number, text }: Notice["facts"][number]): Standing => {
    const isHard = whole || hardNames?.has(name) === true;
    if (!isHard && softNames?.has(name) !== true) return "open";
    const value: Value = number ?? text ?? "";
    const known = otherNames[type]?.[name] ?? name;
    const certified = Object.hasOwn(values, whole ? name : known)
      ? values[whole ? name : known]
      : [];
    if (certified?.includes(value) === true) return "proven";
    return isHard ? "other" : "open";
  };
  const borne = Object.hasOwn(keys, key) ? keys[key] : whole ? false : undefined;
  return {
    event: borne === undefined ? "open" : borne ? "proven" : "other",
    facts: Object.fromEntries(facts.map((fact) => [fact.name, standingOf(fact)])),
  };
}
