import {
  type CertificateMove,
  certificatePartsMax,
  type Micro,
  type Payment,
  utcMs,
  wh,
} from "@busbar/protocol";
import type { GreenAnswer } from "../views/shapes-community.ts";
import { t } from "./language.ts";
import type { Field } from "./ordering.ts";

/** What the forms that hand certificates on and acknowledge money come to. */

const forms = ["solar", "wind"] as const;
const most = 1_000_000_000;

/**
 * The move that a form comes to: as much as it says, of the earliest slots first. Throws: `Error` in words for people.
 */
export function moveFrom(
  field: Field,
  about: { readonly owner: string; readonly version: number; readonly lines: GreenAnswer["lines"] },
): CertificateMove {
  const { owner, version, lines } = about;
  const form = forms.find((one) => one === field("form")) ?? "solar";
  const [to, reason] = [field("to").trim(), field("reason").trim()];
  const asked = Math.round(Number(field("kwh")) * 1000);
  if (!Number.isSafeInteger(asked) || asked <= 0) {
    throw new Error(t("Expected an amount above 0, got {text}.", { text: field("kwh") }));
  }
  if (field("what") === "give" && to === "") throw new Error(t("Say who gets them."));
  let left = asked;
  const parts: { slot: ReturnType<typeof utcMs>; energy: ReturnType<typeof wh> }[] = [];
  const held = lines.filter((line) => line.form === form && line.heldWh > 0);
  for (const { slot, heldWh } of [...held].sort((a, b) => a.slot - b.slot)) {
    if (left === 0 || parts.length === certificatePartsMax) break;
    const energy = Math.min(left, heldWh);
    parts.push({ slot: utcMs(slot), energy: wh(energy) });
    left -= energy;
  }
  if (left > 0) {
    throw new Error(
      t("You hold {kwh} kWh of it in the hours that are listed.", { kwh: (asked - left) / 1000 }),
    );
  }
  return {
    owner,
    version,
    form,
    parts,
    ...(field("what") === "give" ? { to } : {}),
    ...(reason === "" ? {} : { reason }),
  };
}

/** The acknowledgement that a form comes to. Throws: `Error` in words for people. */
export function paymentFrom(
  field: Field,
  { by, version }: { readonly by: string; readonly version: number },
): Payment {
  const [from, reference] = [field("from").trim(), field("reference").trim()];
  const amount = Number(field("amount"));
  if (!(amount > 0 && amount <= most)) {
    throw new Error(t("Expected an amount above 0, got {text}.", { text: field("amount") }));
  }
  return {
    by,
    from,
    version,
    amount: Math.round(amount * 1_000_000) as Micro,
    purpose: field("purpose") === "collateral" ? "collateral" : "balance",
    ...(reference === "" ? {} : { reference }),
  };
}
