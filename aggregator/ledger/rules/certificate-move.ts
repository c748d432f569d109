import { type CertificateMove, compareBytes, encodeMessage, type Wh, wh } from "@busbar/protocol";
import { bytes, field, int, record } from "@busbar/protocol/schema";
import {
  addGreenDebt,
  type GreenMove,
  greenDebtOf,
  greenMoves,
  heldOf,
  moveOf,
} from "../certificates.ts";
import { refuse } from "../refuse.ts";
import type { BlockContext, Outcome, TxRefusal, TxRule } from "../rule.ts";
import { slotKey } from "../settlements.ts";
import { sha256 } from "../sha256.ts";
import type { State } from "../state/state.ts";
import { table } from "../state/table.ts";
import { owners } from "../tables.ts";

/** `certificate-moves/<owner>`: what it moved last. */
export const certificateMoves = table(
  "certificate-moves",
  record("certificate-moves", {
    version: field(1, int(1, Number.MAX_SAFE_INTEGER)),
    hash: field(2, bytes(32)),
  }),
);

/**
 * Takes an owner's word that certificates which it holds are another one's, or retired. Each Wh of a slot is held
 * by one owner at a time, so none is handed on or retired twice. What an owner moved and later readings or
 * decisions took back it owes: until it has retired as many others it hands on none.
 *
 * Codes, in order: `certificate.rights`, `certificate.exists-different`, `certificate.version`,
 * `certificate.unknown`, `certificate.self`, `certificate.slots`, `certificate.owes`, `certificate.held`.
 */
export const certificateMoveRule: TxRule<"certificate-move"> = (
  context,
  message,
  signer,
): Outcome => {
  const { state, emit } = context;
  const { owner, version, form, parts, to } = message;
  if (signer.kind !== "owner" || signer.id !== owner) {
    const text = `expected the signature of owner ${owner}, got ${signer.id}'s`;
    return refuse("certificate.rights", text);
  }
  const hash = sha256(encodeMessage("certificate-move", message));
  const known = certificateMoves.get(state, owner);
  if (known !== undefined && known.version === version) {
    if (compareBytes(known.hash, hash) === 0) return { ok: true, code: "exists" };
    const text = `move ${version} of ${owner} says something else on the ledger`;
    return refuse("certificate.exists-different", text);
  }
  const next = (known?.version ?? 0) + 1;
  if (version !== next) {
    return refuse("certificate.version", `expected move ${next} of ${owner}, got ${version}`);
  }
  const refusal = checkMove(context, message);
  if (refusal !== undefined) return refusal;
  const energyWh = parts.reduce((sum, { energy }) => sum + energy, 0);
  const madeGoodWh = to === undefined ? Math.min(energyWh, greenDebtOf(state, owner, form)) : 0;
  addGreenDebt(state, owner, form, 0 - madeGoodWh);
  let debt = madeGoodWh;
  for (const { slot, energy } of parts) {
    const idOf = (who: string) => `${slotKey(slot)}/${who}/${form}`;
    if (to !== undefined) {
      addTo(state, idOf(owner), { givenWh: energy });
      addTo(state, idOf(to), { receivedWh: energy });
      continue;
    }
    const good = wh(Math.min(debt, energy));
    debt -= good;
    addTo(state, idOf(owner), { retiredWh: energy, madeGoodWh: good });
  }
  certificateMoves.set(state, owner, { version, hash });
  emit({ type: "certificates-moved", owner, to: to ?? null, form, energyWh, parts, madeGoodWh });
  return { ok: true };
};

function checkMove(
  { state }: BlockContext,
  { owner, form, parts, to }: CertificateMove,
): TxRefusal | undefined {
  if (to !== undefined && owners.get(state, to) === undefined) {
    return refuse("certificate.unknown", `expected an owner who gets them, got ${to}`);
  }
  if (to === owner) return refuse("certificate.self", `${owner} has them already`);
  const odd = parts.find(
    ({ slot, energy }, i) => energy === 0 || slot <= (parts[i - 1]?.slot ?? -1),
  );
  if (odd !== undefined) {
    const text = `expected each slot once, the earliest first, with some energy; got ${odd.energy} Wh of slot ${odd.slot}`;
    return refuse("certificate.slots", text);
  }
  const owed = greenDebtOf(state, owner, form);
  if (to !== undefined && owed > 0) {
    const text = `${owner} owes ${owed} Wh of ${form} that it moved and that stand no more: it retires as many first`;
    return refuse("certificate.owes", text);
  }
  for (const { slot, energy } of parts) {
    const held = heldOf(state, `${slotKey(slot)}/${owner}/${form}`);
    if (energy <= held) continue;
    const text = `${owner} holds ${Math.max(0, held)} Wh of ${form} of slot ${slot}, got ${energy}`;
    return refuse("certificate.held", text);
  }
  return undefined;
}

function addTo(state: State, id: string, more: Partial<GreenMove>): void {
  const before = moveOf(state, id);
  const sum = (what: Exclude<keyof GreenMove, "withheldWh">): Wh =>
    wh(before[what] + (more[what] ?? 0));
  greenMoves.set(state, id, {
    ...before,
    receivedWh: sum("receivedWh"),
    givenWh: sum("givenWh"),
    retiredWh: sum("retiredWh"),
    madeGoodWh: sum("madeGoodWh"),
  });
}
