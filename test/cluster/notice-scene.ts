import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  type Kind,
  type Message,
  type Micro,
  type NoticePreferences,
  sealFrame,
  topicsOf,
} from "@busbar/protocol";
import { publicKeysOf, readKeyFile } from "@busbar/protocol/node";
import { boxKeyOf, openNotice, sealAddresses } from "@busbar/protocol/notice";
import mqtt, { type MqttClient } from "mqtt";
import { parseDocument } from "yaml";
import { Portal } from "../../aggregator/commands/quote-portal.ts";
import {
  noticeLeases,
  noticePreferencesTable,
} from "../../aggregator/ledger/rules/notices/tables.ts";
import { payments } from "../../aggregator/ledger/rules/payment.ts";
import { sha256 } from "../../aggregator/ledger/sha256.ts";
import type { StateReader } from "../../aggregator/ledger/state/state.ts";
import { Store } from "../../aggregator/ledger/store.ts";
import { chain, signerOfName, testGenesis } from "../../aggregator/ledger/test-site.ts";
import { loginToken } from "../support/login-token.ts";
import { finish, freePortBase, programs, until } from "../support/virtual-site.ts";
import { foundersCount, placeOf, writeRequests } from "./layout.ts";
import { MemberProcess } from "./member-process.ts";

/** A lease lasts an hour of site time at most: three seconds here. */
const speed = 1200;
/** Far above what a busy machine needs. */
const patienceMs = 300_000;
const bureau = "bureau-a";
const payers = ["user-a", "company-a"] as const;
/** Whom notices go to. */
export const told = [bureau, ...payers] as const;

const boxSecret = sha256(Buffer.from("box of the phone"));
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));

/**
 * Four members that send notices, in a time that runs fast, and owners who are told by a webhook. What
 * gives rise to notices are payments that the bureau acknowledges: one for each side.
 */
export class NoticeScene {
  readonly members: readonly MemberProcess[];
  readonly #home: string;
  readonly #down = new Set<MemberProcess>();
  #paid = 0;

  private constructor(home: string, base: number) {
    this.#home = home;
    this.members = Array.from(
      { length: foundersCount },
      (_, index) => new MemberProcess(home, index, placeOf(base, index)),
    );
  }

  static async start(hook: string): Promise<NoticeScene> {
    const home = mkdtempSync(join(tmpdir(), "busbar-notices-"));
    const base = await freePortBase();
    const scene = new NoticeScene(home, base);
    try {
      await scene.#make(base);
      await Promise.all(scene.members.map((member) => member.start()));
      await scene.#prefer(hook);
      return scene;
    } catch (error) {
      await scene.end();
      throw error;
    }
  }

  get up(): readonly MemberProcess[] {
    return this.members.filter((member) => !this.#down.has(member));
  }

  /** Payments that are acknowledged, one after the other; resolves when all that are up have them. */
  async pay(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const version = ++this.#paid;
      const from = payers[version % payers.length] ?? "user-a";
      const amount = 1_000_000 as Micro;
      const message = { by: bureau, from, version, amount, purpose: "balance" } as const;
      await this.#say(bureau, "payment", message, (state) => {
        return (payments.get(state, bureau)?.version ?? 0) >= version;
      });
    }
  }

  /** Ids of all that owners are to be told, as a member's outbox has them. */
  ids(owner?: string): readonly string[] {
    const [member] = this.up;
    const sql = "SELECT id, owner FROM notice_message ORDER BY seq";
    const all = member === undefined ? [] : rows(member, sql);
    const own = all.filter((row) => owner === undefined || row.owner === owner);
    return own.map(({ id }) => String(id));
  }

  /** Who sends by webhook now: whoever holds the newest lease. */
  sender(): MemberProcess {
    const leases = this.up.flatMap((member) => {
      const lease = withState(member, (state) => noticeLeases.get(state, "webhook"));
      return lease === undefined ? [] : [lease];
    });
    const newest = leases.sort((a, b) => b.number - a.number)[0];
    const found = this.members.find(({ id }) => id === newest?.member);
    if (found === undefined) throw new Error("nobody sends");
    return found;
  }

  async kill(member: MemberProcess): Promise<void> {
    this.#down.add(member);
    await member.stop("SIGKILL");
  }

  /** Starts it again; resolves when it has the others' blocks. */
  async revive(member: MemberProcess): Promise<void> {
    await member.start();
    const others = await Promise.all(this.up.map((other) => other.status()));
    const goal = Math.max(...others.map((status) => status?.height ?? 0));
    await until(
      `${member.id} comes to height ${goal}`,
      async () => ((await member.status())?.height ?? 0) >= goal || undefined,
      patienceMs,
    );
    this.#down.delete(member);
  }

  /** Resolves when no member holds a notice that it thinks nobody has sent. */
  async allKnow(): Promise<void> {
    const waiting = "SELECT notice FROM delivery WHERE state NOT IN ('delivered', 'elsewhere')";
    for (const member of this.up) {
      await until(
        `${member.id} knows that all was told`,
        () => rows(member, waiting).length === 0 || undefined,
        patienceMs,
      );
    }
  }

  /** An owner's phone at a member's broker; `opened` gets the ids of what it can open. */
  async phone(
    member: MemberProcess,
    owner: string,
    opened: (id: string) => "acknowledge" | "keep still",
  ): Promise<MqttClient> {
    const signer = signerOfName(owner);
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${member.place.broker}`, {
      clientId: owner,
      username: owner,
      password: Buffer.from(loginToken({ identity: owner, signer, chain })),
      protocolVersion: 4,
      reconnectPeriod: 0,
    });
    // A connection to a member that is killed ends with an error.
    client.on("error", () => {});
    client.handleMessage = ({ payload }, done) => {
      const box = openNotice(new Uint8Array(payload as Buffer), boxSecret);
      if (!box.ok) throw new Error(box.message);
      const { id } = JSON.parse(Buffer.from(box.plain).toString()) as { id: string };
      if (opened(id) === "acknowledge") done();
    };
    await client.subscribeAsync(topicsOf(chain).notices(owner), { qos: 1 });
    return client;
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    rmSync(this.#home, { recursive: true, force: true });
  }

  async #make(base: number): Promise<void> {
    const home = this.#home;
    const clock = join(home, "clock.json");
    const origin = { originWallMs: Date.now(), originSiteMs: Date.now(), speed };
    writeFileSync(clock, JSON.stringify(origin));
    const requests = writeRequests(home, { ...testGenesis(), owners: ownersWithPhones() });
    const { broker, portal, link } = placeOf(base, 0);
    await finish(programs.aggregator, [
      ...["init", "--home", home, "--site", chain, "--members", String(foundersCount)],
      ...["--broker-port", broker, "--portal-port", portal, "--link-port", link].map(String),
      ...["--clock", clock, "--admit", ...requests],
    ]);
    for (const { config: file } of this.members) {
      const config = parseDocument(readFileSync(file, "utf8"));
      // A consortium says where its portal is; else each sender names its own.
      config.set("notices", { privateAddresses: true, portalUrl: "https://portal.example" });
      writeFileSync(file, config.toString());
    }
  }

  /** All want their notices at the webhook at once; the user on its phone too. */
  async #prefer(url: string): Promise<void> {
    const members = this.members.map(({ id, key }) => {
      return { id, key: publicKeysOf(readKeyFile(key)).key };
    });
    const webhook = { url, secret: new Uint8Array(32) };
    for (const owner of told) {
      const channels = owner === "user-a" ? (["webhook", "mqtt"] as const) : (["webhook"] as const);
      const message: NoticePreferences = {
        ...{ owner, version: 1, language: "en", timeZone: "UTC0", digestAt: 0, muted: [] },
        ways: channels.map((channel) => ({ channel, when: "at-once", quiet: false })),
        threshold: 0 as Micro,
        addresses: sealAddresses({ webhook }, members, random),
      };
      await this.#say(owner, "notice-preferences", message, (state) => {
        return noticePreferencesTable.get(state, owner) !== undefined;
      });
    }
  }

  /** Hands in what an owner says, again where a member forgot it with its life; resolves when all have it. */
  async #say<K extends Kind>(
    owner: string,
    kind: K,
    message: Message<K>,
    stands: (state: StateReader) => boolean,
  ): Promise<void> {
    const frame = sealFrame(kind, message, { chain, signer: signerOfName(owner) });
    await until(
      `${kind} of ${owner} stands on the ledger`,
      async () => {
        const [member] = this.up;
        if (member === undefined) return undefined;
        if (this.up.every((one) => withState(one, stands))) return true;
        const portal = new Portal(`http://127.0.0.1:${member.place.portal}`);
        // Until it is taken it is refused by nobody; after that it is known.
        await portal.send(frame).catch(() => undefined);
        return undefined;
      },
      patienceMs,
    );
  }
}

function ownersWithPhones() {
  return testGenesis().owners.map((owner) => ({ ...owner, boxKey: boxKeyOf(boxSecret) }));
}

function withState<T>({ ledger }: MemberProcess, look: (state: StateReader) => T): T {
  const store = new Store(ledger, [], { snapshot: true });
  try {
    return look(store.state);
  } finally {
    store.close();
  }
}

function rows({ ledger }: MemberProcess, sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(ledger, { readOnly: true, timeout: 5_000 });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}
