import { encodeStateProof, microPerKwh, type StateProof, utcMs, watt, wh } from "@busbar/protocol";
import { demands } from "../../aggregator/ledger/demand.ts";
import { proveState } from "../../aggregator/ledger/prove.ts";
import { openLedger, record } from "../../aggregator/ledger/test-ledger.ts";
import { chain, entry, frameOf, MeterChain, startTime } from "../../aggregator/ledger/test-site.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * 60;

/** The unit that the orders are to, its owner, and where the order's one slot begins. */
export const orderedUnit = "user-a-unit";
export const orderedOwner = "user-a";
export const orderedSlot = utcMs(startTime + 4 * day * minute + 2 * hour);
export const orderId = "01".repeat(16);

/**
 * The life of one order on the real ledger, as proofs of certified blocks: a contract within the owner's
 * mandate that leaves 600 W of the usual 1 000, the same when the unit refused it, and the contract as a
 * block proves it long after its slot, for the meter stays silent.
 */
export function orderLife() {
  const { contracted, acknowledged, ended: refused, proof, membership } = lifeOf("refused");
  const { ended: overdue } = lifeOf("overdue");
  return { chain, membership, contracted, acknowledged, refused, overdue, proof };
}

function lifeOf(end: "refused" | "overdue") {
  const ledger = openLedger();
  const { application, store } = ledger;
  const meter = new MeterChain(orderedOwner);
  const block = (minutes: number, ...frames: Uint8Array[]) => record(ledger, { minutes, frames });
  const prove = (): StateProof => {
    const [[order] = [""]] = [...demands.scan(store.state)];
    const proof = proveState(application, store, `demand/${order}`);
    if (proof === undefined) throw new Error("the ledger has a block");
    return proof;
  };
  const readings = [entry(startTime, 0), entry(startTime + 4 * day * minute, 96_000)] as const;
  block(4 * day, meter.frame(...readings));
  const mandate = frameOf(orderedOwner, "demand-mandate", {
    ...{ owner: orderedOwner, device: orderedUnit, version: 1, slotsMax: 4 },
    ...{ energyMax: wh(400), limitWMin: watt(0), priceMin: microPerKwh(1) },
    until: utcMs(orderedSlot + 10 * hour),
  });
  const order = frameOf("bureau-a", "demand-order", {
    action: "shed",
    id: new Uint8Array(16).fill(1),
    ...{ by: "bureau-a", device: orderedUnit, slot: orderedSlot, slots: 1 },
    ...{ energy: wh(400), price: microPerKwh(500_000), answerBy: orderedSlot },
  });
  block(4 * day + 10, mandate, order);
  const contracted = prove();
  const answer = (word: "accept" | "refuse") =>
    frameOf(orderedUnit, "demand-answer", {
      ...{ id: new Uint8Array(16).fill(1), owner: orderedOwner, word },
    });
  block(4 * day + 11, answer("accept"));
  const acknowledged = prove();
  if (end === "refused") block(4 * day + 12, answer("refuse"));
  else block(4 * day + 6 * 60);
  return {
    membership: { ...application.membershipAt(1), epoch: 0, since: 1 },
    contracted: encodeStateProof(contracted),
    acknowledged: encodeStateProof(acknowledged),
    ended: encodeStateProof(prove()),
    proof: contracted,
  };
}
