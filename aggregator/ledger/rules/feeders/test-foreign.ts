import {
  encodeStateProof,
  type FeederPurchase,
  type FeederSale,
  type FeederTerms,
  feederPurchaseTable,
  feederSaleTable,
  feederTrade,
  microPerKwh,
  type UtcMs,
  utcMs,
  wh,
} from "@busbar/protocol";
import { encodeAs, feederPurchase, feederSale } from "@busbar/protocol/schema";
import { StateTree } from "../../state/tree.ts";
import { signerOfName } from "../../test-site.ts";
import { certificateOf } from "./test-feeders.ts";

/** A foreign chain of one voter, of which there is no more than what it certifies. */

const voter = "abroad-a";
export const abroad = "abroad";
export const abroadCouncil = {
  epoch: 0,
  since: 1,
  voters: [{ id: voter, key: signerOfName(voter).publicKey }],
};

const minute = 60_000;

/** A trade of an hour, with every deadline as early as may be. */
export const hourTerms = (
  slot: number,
  sides: Pick<FeederTerms, "sellerChain" | "seller" | "buyerChain">,
): FeederTerms => ({
  ...sides,
  nonce: new Uint8Array(16).fill(1),
  slot: utcMs(slot),
  slotMinutes: 60,
  energy: wh(1_000),
  price: microPerKwh(0),
  bond: microPerKwh(0),
  confirmBy: utcMs(slot),
  deliverBy: utcMs(slot + 70 * minute),
  payBy: utcMs(slot + 80 * minute),
  closeBy: utcMs(slot + 90 * minute),
});

type Entry =
  | { readonly sale: Pick<FeederSale, "stage"> }
  | { readonly purchase: Pick<FeederPurchase, "stage" | "buyer"> };

/** What that chain certifies of a trade. */
export function abroadProof(time: UtcMs, terms: FeederTerms, entry: Entry): Uint8Array {
  const trade = feederTrade(terms);
  const about = { terms, height: 5, time };
  const [key, value] =
    "sale" in entry
      ? ([
          `${feederSaleTable}/${trade}`,
          encodeAs(feederSale, { ...about, ...entry.sale }),
        ] as const)
      : ([
          `${feederPurchaseTable}/${trade}`,
          encodeAs(feederPurchase, { ...about, ...entry.purchase }),
        ] as const);
  const tree = StateTree.of([[key, value]]);
  const zero = new Uint8Array(32);
  const header = {
    ...{ chain: abroad, height: 5 + ("sale" in entry ? 0 : 1), time, previous: zero },
    ...{ txRoot: zero, resultsRoot: zero, appHash: tree.root, validatorsHash: zero },
    ...{ proposer: voter, view: 0 },
  };
  const { siblings } = tree.prove(key);
  const certificate = certificateOf(header, [voter]);
  return encodeStateProof({ header, certificate, key, value, siblings });
}
