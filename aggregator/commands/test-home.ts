import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Genesis } from "../ledger/genesis.ts";
import { Store } from "../ledger/store.ts";
import { CouncilStory, councilGenesis } from "../ledger/test-councils.ts";
import { genesis, type TestLedger, told } from "../ledger/test-ledger.ts";

/** A member's folder with a ledger of some blocks, as commands find it. */
export type TestHome = {
  readonly folder: string;
  readonly config: string;
  readonly store: string;
  readonly membership: string;
};

/** Makes one; the ledger stays open for whoever wants to go on with it. */
export function testHome(
  folder: string,
  blocks: number,
): TestHome & { readonly ledger: TestLedger } {
  const home = homeOf(folder, genesis);
  return { ...home, ledger: told(blocks, new Store(home.store)) };
}

/** Makes one of a consortium whose voters changed four times. */
export function councilHome(folder: string): TestHome & { readonly ledger: TestLedger } {
  const home = homeOf(folder, councilGenesis);
  return { ...home, ledger: CouncilStory.told(new Store(home.store), true) };
}

function homeOf(folder: string, { chain, site, members, ...rest }: Genesis): TestHome {
  mkdirSync(folder, { recursive: true });
  const home = {
    folder,
    config: join(folder, "aggregator.yaml"),
    store: join(folder, "ledger.sqlite"),
    membership: join(folder, "membership.json"),
  };
  const text = (_: string, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : value;
  writeFileSync(
    join(folder, "genesis.json"),
    JSON.stringify({ chain, site, members, ...rest }, text),
  );
  writeFileSync(home.membership, JSON.stringify({ chain, site, members, brokers: [] }, text));
  writeFileSync(home.config, `site: ${site}\nmember: member-a\nportal: { port: 0 }\n`);
  return home;
}
