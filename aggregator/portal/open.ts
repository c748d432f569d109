import type { Verify } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import type { Logger } from "pino";
import type { Broker } from "../broker/broker.ts";
import type { Ledger } from "../commands/ledger.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import type { Pool } from "../consensus/pool.ts";
import type { ConsensusStatus } from "../consensus/status.ts";
import type { OtherFeeders } from "../feeders/others.ts";
import { messageDoor } from "../ingest/message-door.ts";
import { type QuoteDoorOptions, quoteDoor } from "../ingest/quote-door.ts";
import { rules } from "../ledger/rules/index.ts";
import { tryOut } from "../ledger/try-out.ts";
import { countDeliveries } from "../notices/delivery-table.ts";
import { peopleOf } from "./access/people.ts";
import { Aside, makeInThread } from "./aside.ts";
import { endOf } from "./certificate-end.ts";
import { Desk } from "./desk.ts";
import type { LedgerSource } from "./ledger-source.ts";
import type { Reader } from "./model/asking.ts";
import type { Engine } from "./model/statements.ts";
import { type Portal, startPortal } from "./server.ts";

/** Of a running aggregator, as far as its portal needs it. */
type Parts = {
  readonly ledger: Ledger;
  readonly verify: Verify;
  readonly clock: SiteClock;
  readonly log: Logger;
};

/** What a page hands in is judged by: the rules as things are, and the pool that keeps it. */
function doorOptions({ ledger, verify }: Parts, pool: Pool): QuoteDoorOptions {
  const { application, store, genesis } = ledger;
  const on = { application, state: store.state, chain: genesis.chain, rules, verify };
  return {
    chain: genesis.chain,
    registry: application.registry,
    verify,
    pool,
    tryOut: (kind, message, signer) => tryOut(on, kind, message, signer),
    now: Date.now,
  };
}

/** What those who sign in are shown. */
export function openDesk<E extends Engine>(
  { member, carbon, broker: { tls } }: AggregatorConfig,
  { ledger, clock }: Parts,
  {
    broker,
    source,
    model,
    consensus,
    others,
  }: {
    readonly broker: Broker;
    readonly others: OtherFeeders;
    readonly source: LedgerSource<E>;
    readonly model: Reader<E>;
    readonly consensus: () => ConsensusStatus;
  },
): Desk<E> {
  const { store, application } = ledger;
  const context = {
    store,
    application,
    member,
    clock,
    connections: broker,
    consensus,
    notices: () => countDeliveries(store.db),
    sums: () => source.sums(),
    others,
    carbon: carbon?.gramsPerKwh,
    ...(tls === undefined ? {} : { certificateEnds: endOf(tls.certificate) }),
    now: Date.now,
  };
  return new Desk(context, model);
}

/** Serves it. Throws: `Failure` as `startPortal`. */
export function openPortal(
  config: AggregatorConfig,
  parts: Parts,
  {
    pool,
    source,
    desk,
  }: { readonly pool: Pool; readonly source: LedgerSource; readonly desk: Desk },
): Promise<Portal> {
  const { portal } = config;
  const { ledger, verify, log } = parts;
  const { application, store, genesis } = ledger;
  const { host, port, url, hosts, proxies, open, links, streams } = portal;
  const doors = doorOptions(parts, pool);
  const aside = new Aside({
    height: () => store.height,
    now: Date.now,
    make: (work) => makeInThread(config, work),
  });
  const onlookers = portal.people.map(({ key, ...person }) => ({
    ...person,
    key: new Uint8Array(Buffer.from(key, "base64url")),
  }));
  return startPortal({
    host,
    port,
    open,
    hosts,
    proxies,
    limits: { clientsMax: streams },
    ...(url === undefined ? {} : { publicUrl: url }),
    source,
    quotes: quoteDoor(doors),
    access: {
      chain: genesis.chain,
      people: peopleOf(application.registry, store.state, onlookers),
      verify,
      desk,
      messages: messageDoor(doors),
      bill: aside.bill,
      report: aside.report,
      links,
    },
    log,
  });
}
