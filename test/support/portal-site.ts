import { gzipSync } from "node:zlib";
import {
  chainHeads,
  chainStart,
  clockSource,
  encodeHeader,
  Failure,
  type Kind,
  keyId,
  type Message,
  microPerKwh,
  obis,
  type ReadingEntry,
  type Signer,
  sealFrame,
  sealQuotes,
  toBeSigned,
  utcMs,
  wh,
} from "@busbar/protocol";
import { privateKeyFromSeed, publicKeyFromSeed, sign, verify } from "@busbar/protocol/node";
import { billOf } from "../../aggregator/commands/bill-source.ts";
import type { Pool } from "../../aggregator/consensus/pool.ts";
import { type ConsensusStatus, recorderStatus } from "../../aggregator/consensus/status.ts";
import { messageDoor } from "../../aggregator/ingest/message-door.ts";
import {
  type QuoteDoor,
  type QuoteDoorOptions,
  quoteDoor,
} from "../../aggregator/ingest/quote-door.ts";
import { Application } from "../../aggregator/ledger/application.ts";
import type { CommittedBlock } from "../../aggregator/ledger/block.ts";
import { usualGates } from "../../aggregator/ledger/gates.ts";
import { genesisSchema } from "../../aggregator/ledger/genesis.ts";
import { rules } from "../../aggregator/ledger/rules/index.ts";
import { sha256 } from "../../aggregator/ledger/sha256.ts";
import { Store } from "../../aggregator/ledger/store.ts";
import { tryOut } from "../../aggregator/ledger/try-out.ts";
import { outbox } from "../../aggregator/notices/outbox.ts";
import { peopleOf } from "../../aggregator/portal/access/people.ts";
import type { NoticeCounts } from "../../aggregator/portal/api.ts";
import { Desk } from "../../aggregator/portal/desk.ts";
import { LedgerSource } from "../../aggregator/portal/ledger-source.ts";
import { sqliteReader } from "../../aggregator/portal/model/sqlite.ts";
import { portalReadModel } from "../../aggregator/portal/read-model.ts";
import { reportText } from "../../aggregator/portal/report.ts";
import type { PortalAccess } from "../../aggregator/portal/server.ts";
import type { Connections, ViewContext } from "../../aggregator/portal/views/context.ts";
import type { BillFault, BillFile } from "../../aggregator/settlement/bill/document.ts";
import { Counters } from "../../hardware/virtual-site/physics/counters.ts";
import { defaultPlace, makeSite, type Source } from "../../hardware/virtual-site/physics/site.ts";

const minute = 60_000;
const hour = 60 * minute;
const chain = "busbar-demo";
const member = "recorder-1";

/** A day later it is early afternoon at the site: sun, wind and load. */
export const portalSiteStart = Date.UTC(2026, 5, 13, 5);

const notices = outbox({
  ...{ currency: "CNY", member, send: false },
  webhooks: new Set<string>(),
});

/** Factors of the carbon figure, mg CO₂ equivalent per kWh. */
const carbon = { source: "a table of 2025", solar: 41_000, wind: 11_000, rest: 581_000 };

/** The parties and their meters: the cast of the virtual site. */
const cast = [
  {
    owner: "company",
    party: "company",
    name: "Microgrid company",
    meters: [
      { id: "company-net", role: "connection", source: "company.net" },
      { id: "company-pv", role: "generation", form: "solar", source: "company.pv" },
      { id: "company-wind", role: "generation", form: "wind", source: "company.wind" },
    ],
  },
  {
    owner: "bureau",
    party: "bureau",
    name: "Energy bureau",
    meters: [{ id: "bureau-exchange", role: "exchange", source: "bureau.exchange" }],
  },
  {
    owner: "user-1",
    party: "user",
    name: "User 1",
    meters: [{ id: "user-1-net", role: "connection", source: "user.1" }],
  },
  {
    owner: "user-2",
    party: "user",
    name: "User 2",
    meters: [{ id: "user-2-net", role: "connection", source: "user.2" }],
  },
  { owner: "operator", party: "operator", name: "Site operator", meters: [] },
] as const satisfies readonly Part[];

/** A party of the site. */
type Part = {
  readonly owner: string;
  readonly party: "company" | "bureau" | "user" | "operator";
  readonly name: string;
  readonly meters: readonly {
    readonly id: string;
    readonly role: "connection" | "generation" | "exchange";
    readonly form?: "solar" | "wind";
    readonly source: Source;
  }[];
};

/** Minutes between readings, and so between blocks. */
const stepMinutes = 10;

/**
 * A site on the real ledger, in memory: signed readings of the virtual site's physics, sealed and
 * opened quotes, the ledger's own market and settlement. The same in every run.
 */
export class PortalSite {
  readonly store: Store;
  readonly source: LedgerSource<"sqlite">;
  readonly #application: Application;
  readonly #counters: Counters;
  readonly #chains = new Map<string, { next: number; head: Uint8Array }>();
  /** Quotes that wait for their gate, by the time at which they are opened. */
  readonly #sealed = new Map<number, { owner: string; message: Message<"quote-reveal"> }[]>();
  notices: NoticeCounts = { queued: 0, delivered: 0, dead: 0 };
  /** Site time of the next block, and how fast pages let it run. */
  time = portalSiteStart;
  speed = 360;
  consensus: ConsensusStatus = recorderStatus(0);
  readonly desk: Desk<"sqlite">;
  readonly viewContext: ViewContext;
  clients: ReturnType<Connections["clients"]> = [];
  takeovers: ReturnType<Connections["takeovers"]> = [];
  /** Owners whose units' readings do not come. */
  readonly silent = new Set<string>();
  readonly #parts: Part[] = [...cast];

  constructor(store = new Store(":memory:", [portalReadModel, notices])) {
    this.store = store;
    this.#counters = new Counters(makeSite(7, defaultPlace), portalSiteStart - 2 * hour);
    this.#application = new Application({ genesis, store, verify, rules });
    this.#application.initChain();
    this.clients = cast.flatMap(({ owner, meters }) => {
      const identity = this.#application.registry.byId(`edge-${owner}`);
      if (identity === undefined || meters.length === 0) return [];
      return [{ client: identity.id, address: "127.0.0.1", since: 0, identity, looksOnly: false }];
    });
    const clock = new SiteTime(this);
    const model = sqliteReader(store.db);
    this.source = new LedgerSource({
      store,
      model,
      member,
      clock,
      notices: () => this.notices,
      consensus: () => this.consensus,
    });
    this.viewContext = {
      store,
      application: this.#application,
      member,
      clock,
      connections: { clients: () => this.clients, takeovers: () => this.takeovers },
      consensus: () => this.consensus,
      notices: () => this.notices,
      sums: () => this.source.sums(),
      carbon: { solar: 45, wind: 12, rest: 570 },
      now: () => Date.now(),
    };
    this.desk = new Desk(this.viewContext, model);
  }

  /** Whom proofs of the chain's first voters are checked against. */
  membership() {
    return this.#application.membershipAt(1);
  }

  /** What a member's quote door says of a frame: its own rules as they stand, and a pool. */
  quoteDoor(pool: Pool): QuoteDoor {
    return quoteDoor(this.#doors(pool));
  }

  /** All that a portal with sign-in needs; `onlookers` sign in besides the ledger's people. */
  access(pool: Pool, options: Partial<PortalAccess> = {}): PortalAccess {
    const { registry } = this.#application;
    const onlookers = (["auditor", "viewer"] as const).map((role) => ({
      id: role,
      role,
      key: signerOfName(role).publicKey,
    }));
    return {
      chain,
      people: peopleOf(registry, this.store.state, onlookers),
      verify,
      desk: this.desk,
      messages: messageDoor(this.#doors(pool)),
      bill: async ({ owner, month }) => {
        const file = this.bill(owner, month);
        if (!("ok" in file)) return gzipSync(JSON.stringify(file));
        throw new Failure(file.code, file.message, { retry: "never" });
      },
      report: async ({ days }) => gzipSync(reportText(this.store.state, days)),
      ...options,
    };
  }

  #doors(pool: Pool): QuoteDoorOptions {
    const application = this.#application;
    const on = { application, state: this.store.state, chain, rules, verify };
    return {
      chain,
      registry: application.registry,
      verify,
      pool,
      tryOut: (kind, message, signer) => tryOut(on, kind, message, signer),
      now: () => this.time,
    };
  }

  /** An owner's bill of a month, as a member makes it: `yyyy-mm`. */
  bill(owner: string, month: string): BillFile | BillFault {
    const { store } = this;
    const grounds = { genesis, store, application: this.#application, blocks: store };
    return billOf(grounds, { owner, month, carbon });
  }

  /** Makes blocks until `time`. */
  runUntil(time: number): void {
    while (this.time <= time) this.step();
  }

  /** From now on a household that was admitted is read too, and quotes: it uses what another one does. */
  join(owner: string): void {
    const meters = [{ id: `${owner}-net`, role: "connection", source: "user.2" } as const];
    this.#parts.push({ owner, party: "user", name: owner, meters });
  }

  /** One block with everybody's readings, and the quotes that are due; then ten minutes pass. */
  step(): CommittedBlock {
    const frames = [...this.#readings(), ...this.#quotes(), ...this.#reveals()];
    const block = this.commit(frames);
    const contracts = block.events.filter(({ type }) => type.startsWith("contract-")).length;
    if (contracts > 0) {
      const delivered = this.notices.delivered + 2 * contracts;
      this.notices = { ...this.notices, delivered };
      this.source.noticesChanged();
    }
    this.time += stepMinutes * minute;
    return block;
  }

  commit(frames: readonly Uint8Array[]): CommittedBlock {
    const time = utcMs(this.time);
    const input = { time, proposer: member, view: 0, frames };
    const { proposal, refused } = this.#application.prepareProposal(input);
    const [first] = refused;
    if (first !== undefined) throw new Error(`a frame was refused: ${first.refusal.message}`);
    const { header } = this.#application.finalizeBlock(proposal);
    const signer = signerOfName(member);
    const signed = toBeSigned(encodeHeader(header), signer.kid, { chain, kind: "block" });
    const block = this.#application.commit([{ kid: signer.kid, signature: signer.sign(signed) }]);
    // At once: the read model lies in the ledger's file.
    void this.source.committed(block);
    void this.desk.committed(block);
    return block;
  }

  #readings(): Uint8Array[] {
    const speaking = this.#parts.filter(({ owner }) => !this.silent.has(owner));
    return speaking.flatMap(({ owner, meters }) =>
      meters.map(({ id, source }) => {
        const at = this.#chains.get(id) ?? { next: 1, head: chainStart(chain, id) };
        const entries = [this.#entry(source)];
        this.#chains.set(id, { next: at.next + 1, head: chainHeads(at.head, entries) });
        const message = { meter: id, first: at.next, prev: at.head, entries };
        return frameOf(`edge-${owner}`, "readings", message);
      }),
    );
  }

  #entry(source: Source): ReadingEntry {
    const { powerWatts, importJoules, exportJoules } = this.#counters.read(source, this.time);
    return {
      time: utcMs(this.time),
      clock: clockSource.ntp,
      quality: 0,
      registers: new Map([
        [obis.importEnergy, [Math.floor(importJoules / 3600), 0] as const],
        [obis.exportEnergy, [Math.floor(exportJoules / 3600), 0] as const],
        [obis.netPower, [powerWatts, 0] as const],
      ]),
    };
  }

  /** Twenty past: everybody seals a quote for the next hour, knowing it well. */
  #quotes(): Uint8Array[] {
    const slot = Math.floor(this.time / hour) * hour + hour;
    if (this.time !== slot - 40 * minute) return [];
    const traders = this.#parts.filter(({ party }) => party === "company" || party === "user");
    return traders.map(({ owner, meters }, i) => {
      const net = this.#netWh(meters[0]?.source ?? "user.1", slot);
      const quote = {
        side: net > 0 ? ("bid" as const) : ("ask" as const),
        form: "any" as const,
        quantity: wh(Math.max(1, Math.abs(net))),
        // By the hour, so that prices move as prices do.
        limit: microPerKwh((net > 0 ? 610_000 : 520_000) + ((slot / hour + 3 * i) % 7) * 13_000),
      };
      const salt = sha256(Buffer.from(`salt ${owner} ${slot}`));
      const id = sha256(Buffer.from(`quote ${owner} ${slot}`)).subarray(0, 16);
      const opens = slot - 20 * minute;
      const waiting = this.#sealed.get(opens) ?? [];
      this.#sealed.set(opens, [...waiting, { owner, message: { id, quotes: [quote], salt } }]);
      const about = { id, owner, slot: utcMs(slot), gate: utcMs(opens) };
      return frameOf(owner, "quote-commit", { ...about, hash: sealQuotes(about, [quote], salt) });
    });
  }

  #reveals(): Uint8Array[] {
    const due = this.#sealed.get(this.time) ?? [];
    this.#sealed.delete(this.time);
    return due.map(({ owner, message }) => frameOf(owner, "quote-reveal", message));
  }

  /** What will flow through a meter in an hour, positive = drawn. */
  #netWh(source: Source, slot: number): number {
    const [from, to] = [slot, slot + hour].map((at) => this.#counters.read(source, at));
    if (from === undefined || to === undefined) return 0;
    const joules = to.importJoules - from.importJoules - (to.exportJoules - from.exportJoules);
    return Math.round(joules / 3600);
  }
}

const genesis = genesisSchema.parse({
  chain,
  site: chain,
  currency: "CNY",
  time: portalSiteStart,
  members: [{ id: member, key: keyText(member), voting: true, role: "company" }],
  owners: cast.map(({ owner, party, name }) => ({
    id: owner,
    party,
    name,
    key: keyText(owner),
    boxKey: keyText(`${owner} box`),
  })),
  devices: cast.map(({ owner, meters }) => ({
    id: `edge-${owner}`,
    owner,
    key: keyText(`edge-${owner}`),
    meters: meters.map(({ source: _source, ...meter }) => ({ ...meter, feeder: "feeder-1" })),
  })),
  parameters: { gates: usualGates(60).slice(-1) },
});

/** The site's time as it stands. */
class SiteTime {
  readonly #site: Pick<PortalSite, "time" | "speed">;

  constructor(site: Pick<PortalSite, "time" | "speed">) {
    this.#site = site;
  }

  now(): number {
    return this.#site.time;
  }

  get speed(): number {
    return this.#site.speed;
  }
}

function frameOf<K extends Kind>(name: string, kind: K, message: Message<K>): Uint8Array {
  return sealFrame(kind, message, { chain, signer: signerOfName(name) });
}

function keyText(name: string): string {
  return Buffer.from(signerOfName(name).publicKey).toString("base64url");
}

/** An owner's key file, as its owner has it. */
export function keyFileOf(name: string): string {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");
  return JSON.stringify({ seed: text(seedOf(name)), box: text(seedOf(`${name} box`)) });
}

function seedOf(name: string): Uint8Array {
  return sha256(Buffer.from(`portal test key of ${name}`));
}

/** Signs as somebody of the site, or as nobody that it knows. */
export function signerOfName(name: string): Signer {
  const seed = seedOf(name);
  const key = privateKeyFromSeed(seed);
  const publicKey = publicKeyFromSeed(seed);
  return { kid: keyId(publicKey), publicKey, sign: (message) => sign(message, key) };
}
