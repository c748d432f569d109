import type { LedgerEvent } from "../../ledger/events.ts";
import type { Telling } from "../notice.ts";
import { tellBill } from "./bill.ts";
import {
  tellAccount,
  tellAnswer,
  tellCertificates,
  tellDefault,
  tellFaded,
  tellMoved,
  tellOrder,
  tellOrderSettled,
  tellPayment,
  tellStruck,
} from "./community.ts";
import { tellCase, tellContract, tellCut, tellPrice, tellQuote, tellVoid } from "./market.ts";
import {
  tellCharges,
  tellCredit,
  tellHeld,
  tellImbalance,
  tellResettled,
  tellSettled,
  tellSlotCorrected,
} from "./settlement.ts";
import {
  tellHeard,
  tellReplaced,
  tellRestarted,
  tellSilent,
  tellUnallocated,
  tellUnit,
} from "./site.ts";

/**
 * What one event says to the owners that it concerns. Each reads what is its own: of the other side of
 * a contract the name and nothing else. An event that is not listed does not compile: whoever adds one
 * says here whether owners are told.
 */
export function tellingsOf(event: LedgerEvent): readonly Telling[] {
  switch (event.type) {
    case "quote-cleared":
      return [...tellQuote(event), ...tellPrice(event)];
    case "quote-void":
      return tellVoid(event);
    case "contract-signed":
      return tellContract(event);
    case "contract-held":
    case "contract-stands":
    case "contract-void":
      return tellCase(event);
    case "contract-cut":
      return tellCut(event);
    case "contract-settled":
      return tellSettled(event);
    case "imbalance-settled":
      return tellImbalance(event);
    case "charges-settled":
      return tellCharges(event);
    case "settlement-corrected":
      return tellResettled(event);
    case "settlement-held":
      return tellHeld(event);
    case "slot-corrected":
      return tellSlotCorrected(event);
    case "violation":
      return tellCredit(event);
    case "device-suspended":
    case "device-resumed":
      return tellUnit(event);
    case "device-replaced":
      return tellReplaced(event);
    case "meter-silent":
      return tellSilent(event);
    case "meter-heard":
      return tellHeard(event);
    case "energy-unallocated":
      return tellUnallocated(event);
    case "registers-restarted":
      return tellRestarted(event);
    case "demand-ordered":
      return tellOrder(event);
    case "demand-answered":
      return tellAnswer(event);
    case "demand-settled":
      return tellOrderSettled(event);
    case "payment-acknowledged":
      return tellPayment(event);
    case "default-began":
    case "collateral-seized":
    case "default-ended":
      return tellDefault(event);
    case "account-changed":
      return tellAccount(event);
    case "violation-struck":
      return tellStruck(event);
    case "credit-faded":
      return tellFaded(event);
    case "slot-certified":
      return tellCertificates(event);
    case "certificates-moved":
      return tellMoved(event);
    case "bill-ready":
      return tellBill(event);
    // The installer's, the members', or the owner's own doing; or the site's as a whole: the portal shows it.
    case "readings-accepted":
    case "owner-admitted":
    case "device-admitted":
    case "device-claimed":
    case "label-opened":
    case "label-revoked":
    case "motion-opened":
    case "ballot-cast":
    case "motion-decided":
    case "parameters-decided":
    case "parameters-in-force":
    case "contract-decided":
    case "member-changed":
    case "member-change-void":
    case "epoch-began":
    case "feeder-changed":
    case "feeder-trade":
    case "unit-commissioned":
    case "unit-reported":
    case "release-decided":
    case "release-stopped":
    case "mandate-set":
    case "demand-mandate-set":
    case "assets-stated":
    case "gate-planned":
    case "notice-preferences-set":
    case "notice-lease-taken":
    case "notice-report-taken":
    case "slot-opened":
    case "gate-closed":
    case "quote-committed":
    case "quote-revealed":
    case "slot-cleared":
    case "case-opened":
    case "case-closed":
    case "slot-settled":
      return [];
    default:
      return event satisfies never;
  }
}
