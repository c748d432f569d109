import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { encodeAnswer, type StateProof } from "@busbar/protocol";
import { pino } from "pino";
import { Store } from "../../aggregator/ledger/store.ts";
import {
  CouncilStory,
  certifiedBy,
  councilGenesis,
  four,
} from "../../aggregator/ledger/test-councils.ts";
import { chain } from "../../aggregator/ledger/test-site.ts";
import { MemberProofs } from "../../aggregator/publish/member-proofs.ts";
import { MembershipFile } from "../../aggregator/publish/membership-file.ts";
import { loadMembership } from "../../edge/config/membership-file.ts";
import { Answers } from "../../edge/link/answers.ts";
import { Councils } from "../../edge/link/councils.ts";
import { MemberBrokers } from "../../edge/link/member-brokers.ts";
import { Sender } from "../../edge/link/sender.ts";
import { Counters } from "../../edge/status/counters.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-brokers-"));
after(() => rmSync(folder, { recursive: true }));
const log = pino({ level: "silent" });
const pinned = [{ url: "mqtt://127.0.0.1:1883", allowPlainText: false }];
const broker = (name: string) => `mqtts://${name}.example:8883`;

/** A consortium to which a member with a broker came, whose proofs are as an aggregator gives them. */
function consortium() {
  const story = new CouncilStory();
  story.block();
  story.admit("member-e", { broker: broker("e") });
  story.admit("member-f", { broker: broker("f"), voting: false });
  story.block();
  const proofs = new MemberProofs(story);
  return { story, proofs };
}

/** A unit's side of the receipts topic. */
function unitOf(councils: Councils, notes = new Map<string, string>()) {
  const counters = new Counters();
  const brokers = new MemberBrokers(pinned, {
    read: (name) => notes.get(name),
    write: (name, value) => void notes.set(name, value),
  });
  const answers = new Answers({
    councils,
    sender: new Sender({ outboxes: [], now: () => 0, random: () => 0 }),
    counters,
    log,
    onAnswer: () => {},
    onMember: (member, height) => void brokers.take(member, height),
  });
  const take = (entry: StateProof) => answers.take(encodeAnswer({ kind: "member", entry }));
  const urls = () => brokers.list.map(({ url }) => url);
  return { brokers, counters, notes, take, urls };
}

const present = ({ application }: CouncilStory) => {
  const { epoch, since } = application.council();
  return new Councils({ ...application.membershipAt(since), epoch, since });
};

test("a unit learns the brokers of later members by proof, behind its own, and keeps them over restarts", () => {
  const { story, proofs } = consortium();
  const unit = unitOf(present(story));
  for (const proof of proofs.list()) unit.take(proof);
  const all = [pinned[0]?.url, broker("e"), broker("f")];
  assert.deepEqual(unit.urls(), all);
  assert.deepEqual(unit.brokers.members, ["member-e", "member-f"]);
  for (const proof of proofs.list()) unit.take(proof);
  assert.deepEqual(unit.urls(), all, "said again it is nothing new");
  assert.deepEqual(unitOf(present(story), unit.notes).urls(), all);

  const before = proofs.list();
  const version = proofs.version;
  story.remove("member-f");
  proofs.committed(story.block());
  proofs.committed({ events: [{ type: "member-changed" } as never] });
  assert.equal(proofs.version, version + 1);
  const again = unitOf(present(story), unit.notes);
  for (const proof of proofs.list()) again.take(proof);
  assert.deepEqual(again.brokers.members, ["member-e"]);
  for (const proof of before) again.take(proof);
  assert.deepEqual(again.brokers.members, ["member-e"], "an older proof brings nobody back");
  assert.deepEqual(unitOf(present(story), unit.notes).urls(), all.slice(0, 2));
});

test("no broker is taken on somebody's word, nor one that is reached in clear over a network", () => {
  const { story, proofs } = consortium();
  const [proof] = proofs.list();
  assert.ok(proof);
  const unit = unitOf(present(story));
  const lies: StateProof[] = [
    certifiedBy(proof, ["x", "y", "z"]),
    certifiedBy(proof, four.slice(0, 2)),
    { ...proof, key: "member/member-a" },
    { ...proof, header: { ...proof.header, chain: "other" } },
    { ...proof, key: "account/user-a" },
  ];
  for (const lie of lies) unit.take(lie);
  assert.deepEqual(unit.urls(), [pinned[0]?.url]);
  assert.ok(unit.counters.of("certificate.quorum") >= 2 && unit.counters.of("proof.key") === 1);

  const clear = new CouncilStory();
  clear.block();
  clear.admit("member-e", { broker: "mqtt://192.0.2.9:1883" });
  clear.block();
  const other = unitOf(present(clear));
  for (const one of new MemberProofs(clear).list()) other.take(one);
  assert.deepEqual(other.urls(), [pinned[0]?.url]);
  assert.deepEqual(other.brokers.members, ["member-e"]);
});

test("where its own broker's member left, a unit begins with the others; with none left it stays", () => {
  const entry = (id: string, state: "active" | "removed", url: string) =>
    ({
      id,
      key: new Uint8Array(32),
      voting: true,
      role: "company",
      broker: url,
      state,
      since: 1,
    }) as const;
  const notes = new Map<string, string>();
  const own = { url: broker("a"), allowPlainText: false };
  const open = () =>
    new MemberBrokers([own], {
      read: (name) => notes.get(name),
      write: (name, value) => void notes.set(name, value),
    });
  open().take(entry("a", "removed", broker("a")), 5);
  assert.deepEqual(
    open().list.map(({ url }) => url),
    [broker("a")],
  );
  open().take(entry("b", "active", broker("b")), 6);
  assert.deepEqual(
    open().list.map(({ url }) => url),
    [broker("b")],
  );
  notes.set("member-brokers", "no JSON");
  assert.deepEqual(open().list, [own]);
  for (let n = 0; n < 400; n++) open().take(entry(`m${n}`, "active", broker(`m${n}`)), 7);
  assert.ok(open().list.length <= 257);
});

test("a member that runs keeps a membership file from which a unit begins", () => {
  const { story } = consortium();
  const path = join(folder, "membership-now.json");
  const file = new MembershipFile({ path, state: story.store.state, log });
  file.start();
  const loaded = loadMembership(path, chain);
  assert.ok(loaded);
  const { epoch, since, voters } = story.application.council();
  assert.deepEqual([loaded.epoch, loaded.since], [epoch, since]);
  assert.deepEqual(
    loaded.members.filter(({ voting }) => voting).map(({ id }) => id),
    voters.map(({ id }) => id),
  );
  assert.deepEqual(loaded.brokers, [broker("e"), broker("f")]);
  assert.equal(new Councils(loaded).epoch, epoch);

  const before = readFileSync(path, "utf8");
  file.committed(story.block());
  assert.equal(readFileSync(path, "utf8"), before);
  story.remove("member-b");
  file.committed({ events: [{ type: "member-changed" } as never] });
  assert.equal(loadMembership(path, chain)?.epoch, epoch + 1);
});

test("a membership file that cannot be written stops nobody, and is tried again", () => {
  const store = new Store(":memory:");
  const story = new CouncilStory(store);
  const path = join(folder, "taken");
  mkdirSync(join(path, "inside"), { recursive: true });
  const said: unknown[] = [];
  const warn = { warn: (line: unknown) => void said.push(line) } as never;
  const file = new MembershipFile({ path, state: store.state, log: warn });
  file.start();
  assert.equal(said.length, 1);
  rmSync(path, { recursive: true });
  file.committed(story.block());
  assert.equal(loadMembership(path, chain)?.members.length, councilGenesis.members.length);
  writeFileSync(path, "somebody's own");
  file.committed(story.block());
  assert.equal(readFileSync(path, "utf8"), "somebody's own", "written only where it changed");
});
