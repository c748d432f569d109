import type { LinkAnswer } from "../views/shapes.ts";
import type { Told } from "./proved-state.ts";

type Notice = LinkAnswer["notices"][number];
type Value = number | string;

/**
 * Which of a notice's facts a proof has to repeat, by the event that it tells of. The others follow from these, or are
 * of a moment that has passed: a price that was expected, what is left of an order.
 */
const provenFacts: Readonly<Record<string, readonly string[]>> = {
  "contract-signed": ["contract", "slot", "other", "energy", "price"],
  "contract-held": ["contract", "slot", "other"],
  "contract-stands": ["contract", "slot", "other"],
  "contract-void": ["contract", "slot", "other"],
  "contract-cut": ["contract", "slot", "energy"],
  "contract-settled": ["contract", "slot", "other"],
  "imbalance-settled": ["slot", "difference", "money"],
  "settlement-corrected": ["slot", "version"],
  "charges-settled": ["slot"],
  "bill-ready": ["month", "import", "export"],
  "quote-cleared": ["slot"],
  "slot-corrected": ["slot", "meter", "import", "export"],
  "slot-certified": ["slot", "form", "issued", "boughtGreen", "soldGreen", "retired"],
  "demand-ordered": ["slot", "energy", "price"],
  "demand-settled": ["slot", "delivered", "money"],
  "payment-acknowledged": ["money"],
  "certificates-moved": ["form", "energy"],
  "device-suspended": ["unit"],
  "device-resumed": ["unit"],
  "device-replaced": ["unit"],
  "meter-silent": ["meter"],
  "meter-heard": ["meter"],
  "registers-restarted": ["meter"],
  "energy-unallocated": ["meter"],
  violation: ["why"],
};

/** What of a notice is proven, and what is proven otherwise. */
export type Agreement = { readonly same: readonly string[]; readonly other: readonly string[] };

/** Holds a notice against what was proven: all of its facts by one and the same proof, the one that fits best. */
export function agreementOf({ notice, facts }: Notice, proven: readonly Told[]): Agreement {
  const wanted = (provenFacts[notice.type] ?? []).flatMap((name) => {
    const fact = facts.find((one) => one.name === name);
    const value = fact?.number ?? fact?.text;
    return value === undefined || value === null ? [] : [{ name, value }];
  });
  const judged = proven.map((told) => judge(told, wanted));
  const best = judged.sort(
    (a, b) => b.same.length - a.same.length || a.other.length - b.other.length,
  );
  return best[0] ?? { same: [], other: wanted.map(({ name }) => name) };
}

function judge(
  { values }: Told,
  wanted: readonly { readonly name: string; readonly value: Value }[],
): Agreement {
  const fits = ({ name, value }: { readonly name: string; readonly value: Value }) =>
    Object.hasOwn(values, name) && (values[name] ?? []).includes(value);
  return {
    same: wanted.filter(fits).map(({ name }) => name),
    other: wanted.filter((one) => !fits(one)).map(({ name }) => name),
  };
}
