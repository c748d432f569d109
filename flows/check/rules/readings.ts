import { carriedTo } from "../carried.ts";
import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { byKind, type Flow, type FlowNode } from "../flow.ts";
import { type Carried, isNear } from "../gathered.ts";

/** What a sign node takes of a payload, and which register it becomes. */
const fields = [
  ["payload.importWh", "import"],
  ["payload.exportWh", "export"],
  ["payload.power", "power"],
  ['payload.values["1-0:1.8.0"]', "import"],
  ['payload.values["1-0:2.8.0"]', "export"],
  ['payload.values["1-0:16.7.0"]', "power"],
] as const;

type Field = (typeof fields)[number];
type Said = Pick<Finding, "code" | "message" | "remedy"> & { readonly severity?: "warning" };

/** What is to be signed, and is no reading of what it says that it is. */
export function checkReadings(flow: Flow): Finding[] {
  return byKind(flow, "busbar-sign").flatMap((sign) => readings(flow, sign));
}

function readings(flow: Flow, sign: FlowNode): Finding[] {
  // A meter node's message carries the exact reading beside any payload, and it is what is signed.
  const exact = new Set(
    carriedTo(flow, sign.id, "reading").flatMap(({ what, from }) =>
      what === "reading" ? [from] : [],
    ),
  );
  const found: Finding[] = [];
  const once = new Set<string>();
  const tell = (carried: Carried, said: Said | undefined) => {
    if (said === undefined) return;
    const { code, severity, ...words } = said;
    const key = [code, carried.from.id, carried.through?.id].join(" ");
    if (once.has(key)) return;
    once.add(key);
    const others = new Set([carried.through, carried.from].filter((one) => one !== undefined));
    found.push(finding(code, severity ?? "error", [sign, ...others], words));
  };
  for (const carried of carriedTo(flow, sign.id)) {
    if (exact.has(carried.from)) continue;
    tell(carried, wholePayload(sign, carried));
  }
  for (const field of fields) {
    for (const carried of carriedTo(flow, sign.id, field[0])) {
      if (exact.has(carried.from)) tell(carried, keptReading(sign, carried));
      else tell(carried, wrongField(sign, field, carried));
    }
  }
  return found;
}

function wholePayload(sign: FlowNode, { what, unit, from, through }: Carried): Said | undefined {
  if (from.type === "busbar-unit" && what !== "unknown") return signedAlready(sign, from);
  if (what === "reading" || what === "other") return undefined;
  // A node that cannot be read may well make a reading: its fields are looked at one by one.
  if (what === "unknown") return through === from ? cannotTell(sign, { from, through }) : undefined;
  return {
    code: "unit.not-a-reading",
    message: `${nameOf(sign)} signs readings, and ${nameOf(from)} sends one number (${unit})`,
    remedy: "sign a meter node's message, or a payload { importWh, exportWh } in Wh",
  };
}

/** The unit at the meter signs what it reads: signed again, the same energy counts twice. */
function signedAlready(sign: FlowNode, from: FlowNode): Said {
  return {
    code: "duplicate.meter",
    message: `${nameOf(sign)} signs what ${nameOf(from)} tells, which its edge unit has signed already: the energy would be counted twice`,
    remedy: "take the sign node away; one is needed only for a meter node, which no unit reads",
  };
}

function cannotTell(
  sign: FlowNode,
  { from, through = from }: Pick<Carried, "from" | "through">,
): Said {
  return {
    code: "unit.unknown",
    severity: "warning",
    message: `${nameOf(sign)} takes Wh and W, and what ${nameOf(through)} makes of ${nameOf(from)} cannot be told from the flow`,
    remedy:
      'see that it gives Wh, and say so: a comment "// unit: Wh" in the function, or "unit: Wh" in the node\'s description; or make it plain arithmetic of the payload',
  };
}

function keptReading(sign: FlowNode, { from, factor, what, through }: Carried): Said | undefined {
  if (what !== "unknown" && isNear(factor, 1)) return undefined;
  const by = through === undefined ? "a node on the way changes" : `${nameOf(through)} makes`;
  return {
    code: "unit.reading-kept",
    severity: "warning",
    message: `${nameOf(sign)} signs the exact reading of ${nameOf(from)}, and not what ${by} of its payload`,
    remedy:
      "take the reading out of the message (delete msg.reading) where the payload is to be signed, or leave the payload alone",
  };
}

function wrongField(sign: FlowNode, [path, expected]: Field, carried: Carried): Said | undefined {
  const { what, from, factor, unit, declared, phase } = carried;
  const [to, source] = [nameOf(sign), nameOf(from)];
  const key = path.replace("payload.", "");
  if (declared) return undefined;
  if (what === "unknown") return cannotTell(sign, carried);
  if (from.type === "busbar-unit") return signedAlready(sign, from);
  if (what === "price") {
    return {
      code: "unit.price",
      message: `${to} signs ${key} from ${source}, which tells a price`,
      remedy: "sign what a meter counted: importWh and exportWh in Wh, power in W",
    };
  }
  if (what === "phase") {
    return {
      code: "unit.phase",
      message: `${to} signs ${key} from phase ${phase} alone, as ${source} tells it`,
      remedy: "take the register of all phases, or add all three",
    };
  }
  if (expected === "power" ? what !== "power" : what === "power" || what === "other") {
    return {
      code: "unit.wrong",
      message: `${to} signs ${key} in ${expected === "power" ? "W" : "Wh"}, and ${source} tells ${what === "other" ? "neither energy nor power" : `${what} in ${unit}`}`,
      remedy:
        "importWh and exportWh are what the meter's registers count in Wh, power is what flows now in W",
    };
  }
  if (
    (expected === "import" && what === "export") ||
    (expected === "export" && what === "import")
  ) {
    return {
      code: "direction.swapped",
      message: `${to} signs ${key} from what ${source} counts as ${what}`,
      remedy:
        "import is what is drawn from the grid (1.8.0), export what is fed in (2.8.0); if the meter's wires are swapped, turn its current transformers",
    };
  }
  if (factor < 0) {
    return {
      code: "direction.turned",
      message: `${to} signs ${key} from ${source} with the sign turned`,
      remedy:
        "take the minus away: power is above 0 when it is drawn, and registers count upwards only",
    };
  }
  if (isRatio(factor)) return undefined;
  return {
    code: "unit.factor",
    message: `${to} signs ${key} in ${expected === "power" ? "W" : "Wh"}, and gets ${Number(factor.toPrecision(4))} × what ${source} tells in ${unit}`,
    remedy:
      "hand the register on as it is, in Wh and W; only the ratio of current transformers is multiplied in",
  };
}

/** As it is, or times the ratio of current transformers: 5, 40, 250. */
const isRatio = (factor: number): boolean =>
  isNear(factor, Math.round(factor)) && factor >= 1 && factor < 1_000;
