import type { LedgerEvent } from "../../ledger/events.ts";
import { contracts } from "../../ledger/rules/market/tables.ts";
import { settlementId, settlements, slotKey } from "../../ledger/settlements.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { isGreen } from "../../settlement/certificates.ts";

/** Proofs of one link at most: a slot's contracts, each proven apart. */
const proofsMax = 24;

/**
 * Keys of the state that prove what an event says to one of those it concerns, as the ledger stands now.
 * Each of them is this owner's to see; an event that left nothing in the state has none.
 */
export function keysOfEvent(
  state: StateReader,
  event: LedgerEvent,
  owner: string,
): readonly string[] {
  return keysOf(state, event, owner).slice(0, proofsMax);
}

function keysOf(state: StateReader, event: LedgerEvent, owner: string): readonly string[] {
  switch (event.type) {
    case "contract-signed":
    case "contract-held":
    case "contract-stands":
    case "contract-void":
    case "contract-cut":
      return [`contract/${event.contract}`];
    case "contract-settled":
      return [`contract/${event.contract}`, ...settlementKeys(state, event.slot, owner)];
    case "imbalance-settled":
    case "charges-settled":
    case "settlement-corrected":
      return settlementKeys(state, event.slot, owner);
    case "settlement-held":
      return contractKeys(state, event.slot, owner);
    case "quote-cleared":
      return [`slot/${slotKey(event.slot)}`, ...contractKeys(state, event.slot, owner)];
    case "violation":
    case "violation-struck":
    case "credit-faded":
      return [`credit/${event.id}`];
    case "bill-ready":
      return [`bill/${event.owner}/${event.month}`];
    case "device-suspended":
    case "device-resumed":
      return [`device-status/${event.device}`];
    case "device-replaced":
      return [`device/${event.device}`];
    case "meter-silent":
    case "meter-heard":
    case "energy-unallocated":
    case "registers-restarted":
      return [`reading/${event.meter}`];
    case "slot-corrected":
      return [`corrected/${slotKey(event.slot)}/${event.meter}`];
    case "demand-ordered":
    case "demand-answered":
    case "demand-settled":
      return [`demand/${event.order}`];
    case "payment-acknowledged":
    case "default-began":
    case "collateral-seized":
    case "default-ended":
      return [`account/${owner}`];
    case "slot-certified":
      return event.certificates
        .filter((line) => line.owner === owner && isGreen(line.form))
        .map(({ form }) => `green/${slotKey(event.slot)}/${owner}/${form}`);
    default:
      return [];
  }
}

/** Where every version of what a party's slot came to stands, and which of its contracts are paid. */
export function settlementKeys(state: StateReader, slot: number, owner: string): readonly string[] {
  const id = settlementId(slot, owner);
  return settlements.get(state, id) === undefined ? [] : [settlements.keyOf(id)];
}

function contractKeys(state: StateReader, slot: number, owner: string): readonly string[] {
  return Array.from(contracts.scan(state, `${slotKey(slot)}-`)).flatMap(
    ([id, { seller, buyer }]) => (seller === owner || buyer === owner ? [`contract/${id}`] : []),
  );
}

/**
 * Owners who may read a whole event: those whom all of it is about. A result is one leaf over all of its
 * events, so it is handed to those alone who may read each of them.
 */
export function readersOfEvent(event: LedgerEvent): readonly string[] {
  switch (event.type) {
    case "demand-ordered":
    case "demand-answered":
    case "demand-settled":
      return [event.by, event.owner];
    case "payment-acknowledged":
      return [event.by, event.from];
    case "certificates-moved":
      return event.to === null ? [event.owner] : [event.owner, event.to];
    case "device-suspended":
    case "device-resumed":
    case "device-replaced":
    case "mandate-set":
    case "demand-mandate-set":
    case "assets-stated":
    case "notice-preferences-set":
    case "quote-committed":
    case "quote-revealed":
    case "quote-cleared":
    case "quote-void":
    case "meter-silent":
    case "meter-heard":
    case "registers-restarted":
    case "energy-unallocated":
    case "imbalance-settled":
    case "settlement-corrected":
    case "charges-settled":
    case "default-began":
    case "collateral-seized":
    case "default-ended":
    case "bill-ready":
    case "account-changed":
      return [event.owner];
    case "violation":
    case "violation-struck":
    case "credit-faded":
      return [event.id];
    default:
      return [];
  }
}
