import type { Sale } from "../../../settlement/position.ts";
import type { Contract } from "./tables.ts";

/** A contract as far as money is concerned. */
export function saleOf(
  contract: string,
  { seller, buyer, energy, price, fee, from, to }: Contract,
): Sale {
  return {
    contract,
    seller,
    buyer,
    energy,
    price,
    ...(fee === undefined ? {} : { fee }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}
