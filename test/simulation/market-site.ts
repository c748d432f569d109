import { micro, type Owner } from "@busbar/protocol";
import type { Genesis } from "../../aggregator/ledger/genesis.ts";
import { signerOfName, startTime, testGenesis } from "../../aggregator/ledger/test-site.ts";

/** The site of the lives with a market: two companies, of which one makes energy of the sun, two users, a bureau. */

export const minuteMs = 60_000;
export const hourMs = 3_600_000;

/** What the bureau balances for; its own meter is no party's. */
export const traders = ["company-a", "company-b", "user-a", "user-b"] as const;
export type Trader = (typeof traders)[number];
export const bureau = "bureau-a";

/** Owes this much an account may have without collateral: some slots' worth, so that some come to default. */
export const creditLine = micro(8_000_000);
/** Who delivers less than it sold by more than so many thousandths has broken its word. */
export const tolerancePermille = 100;

export const charges = [
  { id: "metering", sort: "fee", on: "import", rate: 20_000, to: bureau },
  { id: "energy-levy", sort: "levy", on: "import", rate: 5_000 },
  { id: "vat", sort: "tax", on: "cost", rate: 100 },
] as const;

export const connectionOf = (owner: string): string => `${owner}-meter`;
/** The plant of the company that has one: behind its connection meter. */
export const sunMeter = "company-a-sun";
export const sunOwner = "company-a";

/** The n-th slot of a life, from 0: the first whose gate opens after genesis. */
export const slotAt = (n: number): number => startTime + (n + 1) * hourMs;

/** When all meters began to count: long enough ago for a baseline. */
export const historyFrom = startTime - 4 * 24 * hourMs;
/** What each meter drew in an hour until then, Wh. */
export const historyWh = 1_000;

export function marketGenesis(members: number): Genesis {
  const small = testGenesis();
  const key = (name: string) => signerOfName(name).publicKey;
  const owner = (id: string): Owner => {
    const party = id.startsWith("company") ? "company" : id === bureau ? "bureau" : "user";
    return { id, party, name: id, key: key(id), boxKey: key(`${id} box`) };
  };
  const sun = { id: sunMeter, role: "generation", form: "solar", feeder: "feeder-1" } as const;
  return testGenesis({
    members: Array.from({ length: members }, (_, i) => {
      const id = `member-${String.fromCharCode(97 + i)}`;
      return { id, key: key(id), voting: true, role: "company" as const };
    }),
    owners: [...traders, bureau].map(owner),
    devices: [...traders, bureau].map((id) => {
      const own = { id: connectionOf(id), role: "connection", feeder: "feeder-1" } as const;
      const meters = id === sunOwner ? [own, sun] : [own];
      return { id: `${id}-unit`, owner: id, key: key(`${id}-unit`), meters };
    }),
    parameters: {
      ...small.parameters,
      charges,
      imbalanceGrowthPermille: 200,
      provisionalMinutes: 90,
      credit: { line: creditLine, tolerancePermille },
    } as unknown as Genesis["parameters"],
  });
}
