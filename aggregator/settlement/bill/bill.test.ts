import assert from "node:assert/strict";
import { before, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { decodeStateProof, microPerKwh, type StatePath, utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import fc from "fast-check";
import { billOf as ledgerBill } from "../../commands/bill-source.ts";
import { checkBillText, goodText } from "../../commands/bill-verify.ts";
import { accounts, gridOwner } from "../../ledger/accounts.ts";
import { Store } from "../../ledger/store.ts";
import { CouncilStory, councilGenesis } from "../../ledger/test-councils.ts";
import { rememberingVerify } from "../../ledger/verified.ts";
import { checkBill } from "./check.ts";
import { collectBill } from "./collect.ts";
import { billCsv } from "./csv.ts";
import type { BillFile } from "./document.ts";
import { type Evidence, encodeEvidence } from "./evidence.ts";
import { settlementKey } from "./keys.ts";
import { billPage, pageDifference, readPage } from "./page.ts";
import { FramePaths } from "./paths.ts";
import { Community, usualDeed } from "./test-community.ts";
import {
  bent,
  canBeEncoded,
  changed,
  evidenceOf,
  forged,
  isEmpty,
  leavesOf,
  listsOf,
  type Path,
  withoutKeys,
} from "./test-tampering.ts";

const minute = 60_000;
/** The month's first slots, with the sun that shines at noon. */
const first = Date.UTC(2026, 4, 1);
const noonMs = 10 * 3_600_000;
const month = "2026-05";
const once = rememberingVerify(verify);

function against(community: Community) {
  const { chain } = community.genesis;
  return { pinned: { chain, members: community.members }, verify: once };
}

function collected(community: Community, owner: string, wanted = month) {
  const { store, application } = community;
  const head = store.header(store.height);
  assert.ok(head !== undefined);
  const prove = (key: string): StatePath => application.query(key).path;
  const paths = new FramePaths(store);
  const source = {
    head,
    state: store.state,
    prove,
    blocks: store,
    history: store.history,
    paths,
    steps: [],
  };
  return collectBill(source, { owner, month: wanted, ...against(community) });
}

function billOf(community: Community, owner: string): BillFile {
  const file = collected(community, owner);
  assert.ok(!("ok" in file), JSON.stringify(file));
  return file;
}

/** Three slots at noon; the meter of home-3 is silent in the last two, and brings one reading two hours later. */
const statesOf = ({ bill }: BillFile) => bill.slots.map(({ state }) => state);
const sum = (list: readonly number[]) => list.reduce((all, one) => all + one, 0);
let community: Community;
let file: BillFile;

before(() => {
  community = new Community({ owners: 4, from: first, verify: once });
  const slotMs = community.slotMs;
  const last = first + 2 * slotMs;
  // It bids at noon and needs twice what it said.
  const deeds = (owner: string, slot: number) => {
    // In the last slot there is no sun: all of it comes from the bureau.
    const deed = usualDeed(owner, slot === last ? slot : slot + noonMs);
    return owner === "home-2" ? { ...deed, importWh: 2 * deed.importWh } : deed;
  };
  const silent = [last - slotMs, last];
  community.live(first, 3, deeds, (slot) => (silent.includes(slot) ? ["home-3"] : []));
  const estimated = last + slotMs + 121 * minute;
  community.block(estimated, []);
  assert.equal(statesOf(billOf(community, "home-3")).at(-1), "provisional");
  community.block(estimated + minute, [
    community.reading("home-3", last + slotMs, {
      importWh: sum(silent.map((slot) => deeds("home-3", slot).importWh)),
      exportWh: sum(silent.map((slot) => deeds("home-3", slot).exportWh)),
    }),
  ]);
  file = billOf(community, "home-2");
});

test("bills prove themselves, and what they come to is what the accounts hold", () => {
  const kinds = new Set<string>();
  let all = 0;
  for (const owner of community.owners) {
    const made = billOf(community, owner);
    const checked = checkBill(made, against(community));
    assert.ok(checked.ok, JSON.stringify(checked));
    const { bill } = made;
    for (const { lines } of bill.slots) for (const { kind } of lines) kinds.add(kind);
    const { received, paid, fees, taxes, subsidies, orders, takings } = bill.totals;
    const { total, due, rounding } = bill.totals;
    assert.equal(received - paid - fees - taxes + subsidies + orders + takings, total);
    assert.equal(total + rounding, due);
    assert.equal(bill.accounts.sales + bill.accounts.purchase, total, owner);
    all += total;
  }
  for (const kind of [
    "sale",
    "purchase",
    "grid-fee",
    "subsidy",
    "shortage",
    "fee",
    "tax",
    "levy",
  ]) {
    assert.ok(kinds.has(kind), `no line of ${kind}`);
  }
  const rest = Array.from(accounts.scan(community.store.state)).filter(
    ([id]) => !id.startsWith("home"),
  );
  const others = rest.reduce((sum, [, { money }]) => sum + money, 0);
  assert.equal(all + others, 0, "nothing arose, nothing was lost");
  const grid = ["sales", "purchase"].map((side) => {
    return accounts.get(community.store.state, `${gridOwner}/${side}`)?.money ?? 0;
  });
  assert.ok(
    (grid[0] ?? 0) > 0 && (grid[0] ?? 0) + (grid[1] ?? 0) === 0,
    "the lines' account keeps nothing",
  );
});

test("an estimate that readings replaced stands in the bill with the difference", () => {
  const { bill } = billOf(community, "home-3");
  const [, , slot] = bill.slots;
  assert.deepEqual([slot?.state, slot?.why, slot?.method], ["final", "delivered", null]);
  const versions = slot?.lines.flatMap(({ version }) => version ?? []) ?? [];
  assert.ok(versions.includes(1) && versions.includes(2), JSON.stringify(versions));
});

test("slots between readings that lie too far apart cost at least what any use would have cost", () => {
  const { bill } = billOf(community, "home-3");
  const [exact, ...apart] = bill.slots.map(({ importWh, exportWh, lines }) => {
    const of = (sorts: readonly string[]) => lines.filter(({ kind }) => sorts.includes(kind));
    const bought = sum(of(["purchase"]).map(({ energyWh }) => -energyWh));
    const paid = -sum(of(["shortage", "surplus"]).map(({ money }) => money));
    return { importWh, surplusWh: exportWh + bought, bought, paid };
  });
  assert.ok((exact?.bought ?? 0) > 0 && (exact?.paid ?? 0) < 40_000, JSON.stringify(exact));
  for (const { importWh, surplusWh, bought, paid } of apart) {
    // 1 + 100 ‰ and twice 200 ‰ of growth on retail, and as much less than feed-in.
    assert.ok(bought > 0);
    assert.ok(paid >= importWh * 0.7 * 1_500 - surplusWh * 0.4 * 500 - 3, `${paid}`);
  }
});

/** Checks a bill that somebody changed: it has to be found, with the lines that it concerns. */
function insistOnFault(made: Pick<BillFile, "bill" | "evidence">, what: string) {
  const checked = checkBill(made, against(community));
  assert.ok(!checked.ok, `${what}: nobody noticed`);
  return checked;
}

test("whatever is changed in a bill is found, and the line is named", () => {
  const { bill, evidence } = file;
  let named = 0;
  for (const path of leavesOf(bill)) {
    const what = path.join(".");
    const fault = insistOnFault({ bill: changed(bill, path, bent), evidence }, what);
    if (path[0] === "format") continue;
    assert.ok(fault.lines.length > 0, `${what}: ${fault.code} names no line`);
    if (path[2] !== "lines") continue;
    const line = bill.slots[Number(path[1])]?.lines[Number(path[3])];
    assert.match(fault.lines[0] ?? "", new RegExp(`^line ${line?.line} `), what);
    named += 1;
  }
  assert.ok(named > 100, `${named} places in lines`);
  for (const path of listsOf(bill)) {
    const less = changed(bill, path, (list) => (list as unknown[]).slice(1));
    insistOnFault({ bill: less, evidence }, `${path.join(".")} without its first`);
    const twice = changed(bill, path, (list) => [(list as unknown[])[0], ...(list as unknown[])]);
    insistOnFault({ bill: twice, evidence }, `${path.join(".")} with its first twice`);
  }
});

test("whatever is changed in a reading, a proof or a certificate is found, and the lines are named", () => {
  const evidence = evidenceOf(file);
  const codes = new Map<string, number>();
  const check = (other: Evidence, what: string) => {
    const fault = insistOnFault({ bill: file.bill, evidence: encodeEvidence(other) }, what);
    assert.ok(fault.lines.length > 0, `${what}: ${fault.code} names no line`);
    codes.set(fault.code, (codes.get(fault.code) ?? 0) + 1);
    return fault;
  };
  for (const path of leavesOf(evidence)) {
    const old = path.reduce<unknown>(
      (value, key) => (value as Record<string, unknown>)[key],
      evidence,
    );
    // Of bytes the first, the last and one between: a signature, a path and a message are all of these.
    const places = old instanceof Uint8Array ? [0, old.length >> 1, old.length - 1] : [0];
    for (const byte of isEmpty(evidence, path) ? [] : places) {
      const other = changedOrNothing(evidence, path, byte);
      if (other !== undefined) check(other, `${path.join(".")} at ${byte}`);
    }
  }
  for (const path of listsOf(evidence)) {
    const less = changed(evidence, path, (list) => (list as unknown[]).slice(0, -1));
    if (canBeEncoded(less)) check(less, `${path.join(".")} without its last`);
  }
  for (const code of ["bill.certificate", "bill.state", "bill.history", "bill.inclusion"]) {
    assert.ok((codes.get(code) ?? 0) > 20, `${code}: ${JSON.stringify([...codes])}`);
  }

  // A reading names the lines of the slots that rest on it, and no others.
  const slot = file.bill.slots[1];
  const frame = slot?.meters[0]?.frames?.[1] ?? 0;
  const fault = check(
    changedOrNothing(evidence, ["frames", frame, "frame"], 40) ?? evidence,
    "a reading",
  );
  const [one, ...more] = slot?.lines ?? [];
  assert.ok(fault.lines.some((line) => line.startsWith(`line ${one?.line} `)));
  const first = file.bill.slots[0]?.lines[0];
  assert.ok(
    more.length > 0 && !fault.lines.some((line) => line.startsWith(`line ${first?.line} (`)),
  );
});

/** Undefined where what comes of it can stand in no evidence at all. */
function changedOrNothing(evidence: Evidence, path: Path, byte: number): Evidence | undefined {
  const other = changed(evidence, path, (old) => bent(old, byte));
  return canBeEncoded(other) ? other : undefined;
}

test("a forger who knows the form leaves nothing out and invents nothing", () => {
  const evidence = evidenceOf(file);
  const { bill } = file;
  const without = (wanted: (key: string) => boolean) => withoutKeys(community, evidence, wanted);
  const code = (other: Evidence, own = bill) => insistOnFault(forged(own, other), "forged").code;
  const slot = String(bill.slots[1]?.slot).padStart(15, "0");
  const hour = settlementKey(bill.slots[1]?.slot ?? 0, "home-2");
  const isOfSlot = (key: string) => key.includes(slot) || key === hour;
  assert.equal(code(without(isOfSlot)), "bill.incomplete", "a whole slot");
  assert.equal(code(without((key) => key.startsWith(`contract/${slot}`))), "bill.settlement");
  assert.equal(code(without((key) => key.startsWith("credit/"))), "bill.incomplete");
  assert.equal(code(without((key) => key === "owner/home-2")), "bill.incomplete");
  assert.equal(code(without((key) => key.startsWith("slot-balance/"))), "bill.incomplete");
  const last = evidence.entries.findLast(({ key }) => key.startsWith("settlement/"));
  assert.equal(code(without((key) => key === last?.key)), "bill.incomplete", "the last slot");
  assert.equal(code(without((key) => key === "history/blocks")), "bill.incomplete");
  const torn = evidence.entries.filter((_, i) => i !== 1);
  assert.equal(
    code({ ...evidence, entries: torn }),
    "bill.state",
    "a path that another one rests on",
  );
  const sealed = bill.slots[1]?.lines[0]?.order?.sealed;
  const quotes = evidence.frames.filter((_, i) => i !== sealed);
  assert.equal(code({ ...evidence, frames: quotes }), "bill.order");
  const closed = evidence.frames.map(({ opening, ...frame }, i) =>
    i === sealed || opening === undefined ? frame : { ...frame, opening },
  );
  assert.equal(code({ ...evidence, frames: closed }), "bill.frame");
  const another = evidence.frames.map((frame, i) => {
    const { opening } = evidence.frames.find((one, at) => at !== sealed && one.opening) ?? frame;
    return i === sealed && opening ? { ...frame, opening } : frame;
  });
  assert.equal(code({ ...evidence, frames: another }), "bill.order");
  const [first, ...others] = evidence.frames;
  assert.ok(first);
  assert.match(code({ ...evidence, frames: others }), /bill\.(energy|readings|line)/);
  const other = evidenceOf(billOf(community, "home-4"));
  assert.match(code(other), /bill\.incomplete/, "somebody else's evidence");
  const renamed = { ...bill, owner: { ...bill.owner, id: "home-4" } };
  insistOnFault(forged(renamed, evidence), "somebody else's bill");
  insistOnFault(forged({ ...bill, month: "2026-06" }, evidence), "another month");
  const { head } = evidence;
  const vote = { kid: new Uint8Array(20), signature: new Uint8Array(64) };
  const more = { ...head, certificate: [...head.certificate, vote] };
  assert.equal(code({ ...evidence, head: more }), "bill.certificate", "a stranger's vote");
  const [block, ...blocks] = evidence.blocks;
  assert.ok(block);
  const invented = { ...block, header: { ...block.header, txRoot: new Uint8Array(32) } };
  assert.equal(code({ ...evidence, blocks: [invented, ...blocks] }), "bill.history");
  // Other members' signatures prove nothing here.
  const stranger = { ...against(community), pinned: { chain: bill.chain, members: [] } };
  const checked = checkBill(file, stranger);
  assert.ok(!checked.ok && checked.code === "bill.certificate");
});

test("after changes of voters a bill carries the steps, and the first membership is enough", () => {
  const { store, application } = CouncilStory.told(new Store(":memory:"), true);
  const head = store.header(store.height);
  assert.ok(head !== undefined);
  const steps = store.councilSteps.after(0).map(({ proof }) => {
    const decoded = decodeStateProof(proof);
    assert.ok(decoded.ok);
    return decoded.proof;
  });
  const prove = (key: string): StatePath => application.query(key).path;
  const paths = new FramePaths(store);
  const source = {
    head,
    state: store.state,
    prove,
    blocks: store,
    history: store.history,
    paths,
    steps,
  };
  const { chain, members } = councilGenesis;
  const first = { pinned: { chain, members }, verify: once };
  const made = collectBill(source, { owner: "user-a", month: "2026-06", ...first });
  assert.ok(!("ok" in made), JSON.stringify(made));
  assert.ok(checkBill(made, first).ok);
  const without = { ...evidenceOf(made), steps: [] };
  const checked = checkBill({ bill: made.bill, evidence: encodeEvidence(without) }, first);
  assert.ok(!checked.ok && checked.code === "bill.certificate" && checked.lines.length > 0);
});

test("at prices below 0 the seller's bill says what it paid, and proves itself", () => {
  const price = microPerKwh;
  const burden = {
    bands: {
      company: [price(-100_000), price(-45_000)],
      bureau: [price(-80_000), price(250_000)],
      user: [price(-80_000), price(250_000)],
    },
    feedIn: price(-50_000),
    retail: price(300_000),
  } as const;
  const low = new Community({ owners: 4, from: first, verify: once, parameters: burden });
  low.live(first, 2, (owner, slot) => {
    const deed = usualDeed(owner, slot + noonMs);
    return { ...deed, limit: deed.quoteWh > 0 ? -50_000 : 250_000 };
  });
  const [seller, buyer] = ["home-1", "home-2"].map((owner) => billOf(low, owner));
  assert.ok(seller && buyer);
  for (const made of [seller, buyer]) assert.ok(checkBill(made, against(low)).ok);
  const lines = seller.bill.slots.flatMap((slot) => slot.lines);
  assert.ok(
    lines.some(({ kind, price: at, money }) => kind === "sale" && (at ?? 0) < 0 && money < 0),
  );
  assert.ok(seller.bill.totals.received < 0);
});

test("a month that the state forgets is billed from the state that still had it, made again", () => {
  const old = new Community({ owners: 2, from: first, verify: once });
  old.live(first, 1, (owner, slot) => usualDeed(owner, slot + noonMs));
  const known = billOf(old, "home-2");
  const day = 86_400_000;
  for (const days of [1, 70]) old.block(first + days * day, []);
  const { genesis, store, application } = old;
  const made = ledgerBill(
    { genesis, store, application, blocks: store },
    { owner: "home-2", month },
  );
  assert.ok(!("ok" in made), JSON.stringify(made));
  assert.ok(checkBill(made, against(old)).ok);
  assert.equal(made.bill.asOf.height, store.height - 1, "of the last block before it was too late");
  assert.deepEqual(made.bill.slots[0], known.bill.slots[0]);
  const late = collected(old, "home-2");
  assert.ok("ok" in late, "a state that has forgotten proves that there was nothing");
  assert.equal(late.code, "bill.incomplete", late.message);
});

test("a state from before a month proves nothing of it, and a good bill says what it lacks", () => {
  const early = collected(community, "home-2", "2026-06");
  assert.ok("ok" in early, "a month that has not begun");
  assert.equal(early.code, "bill.incomplete", early.message);
  const checked = checkBill(file, against(community));
  assert.ok(checked.ok);
  const said = goodText(checked);
  const { open } = file.bill.totals.slots;
  assert.match(said, new RegExp(`nothing of ${open} more\\n  the month is not over`));
  const over = { ...checked.bill, asOf: { ...checked.bill.asOf, time: utcMs(file.bill.to) } };
  assert.match(goodText({ ...checked, bill: over }), /\n {2}the month is over\n/);
});

test("a page shows its bill in both languages, asks nobody, and what is changed in it is found", () => {
  for (const language of ["en", "zh"] as const) {
    const page = billPage(file, language);
    assert.deepEqual(readPage(page), { file, language });
    assert.ok(checkBillText(page, against(community)).ok);
    assert.doesNotMatch(
      page.replace(/<script type="application\/gzip" id="busbar-bill">.*?<\/script>/s, ""),
      /<script|https?:|url\(|@import|src=/,
    );
    const [line] = file.bill.slots[1]?.lines ?? [];
    const row = page.split("\n").find((text) => text.includes(`id="l${line?.line}"`)) ?? "";
    const shown = page.replace(
      row,
      row
        .replace(/\d(?=<\/td><td class="t">[^<]*<\/td><td class="id">)/, "9")
        .replace(/>[−\d]/, ">7"),
    );
    const fault = checkBillText(shown, against(community));
    assert.ok(!fault.ok && fault.code === "bill.page");
    assert.deepEqual(fault.lines, [`line ${line?.line}`]);
  }
  assert.match(billPage(file, "zh"), /电费账单/);
  const whole = billPage(file, "en");
  // Packed by another zlib it is the same bill; with anything else in it it is none.
  const [before = "", inside = "", after = ""] = whole.split(
    /(?<=id="busbar-bill">)|(?=<\/script>)/,
  );
  const [bill = "", evidence = ""] = inside.trim().split("\n");
  const packed = (text: string, level: number) =>
    gzipSync(gunzipSync(Buffer.from(text, "base64")), { level }).toString("base64");
  const otherwise = `${before}\n${packed(bill, 1)}\n${packed(evidence, 0)}\n${after}`;
  assert.ok(otherwise !== whole && checkBillText(otherwise, against(community)).ok);
  for (const less of [bill, "", `${bill}\n!`, `${bill.slice(0, -9)}\n${evidence}`, "AAAA\nAAAA"]) {
    assert.equal(readPage(`${before}\n${less}\n${after}`), undefined, less.slice(0, 20));
  }
  const older = { bill: { ...file.bill, format: "busbar-bill/3" }, evidence: file.evidence };
  const page = `<html lang="en"><script type="application/json" id="busbar-bill">${JSON.stringify(older)}</script>`;
  const fault = checkBillText(page, against(community));
  assert.ok(!fault.ok && fault.code === "bill.form", "a page of the form before is told apart");
  const rows = whole.split("\n");
  const data = rows.findIndex((row) => row.includes('id="busbar-bill"'));
  for (const [i, row] of rows.entries()) {
    if (i >= data && i <= data + 2) continue;
    const other = [...rows.slice(0, i), `${row} `, ...rows.slice(i + 1)].join("\n");
    assert.ok(pageDifference(other, rows.join("\n")) !== undefined);
  }
});

test("a spreadsheet has every line with exact money", () => {
  const [head, ...rows] = billCsv(file.bill).trimEnd().split("\r\n");
  assert.match(head ?? "", /^line,slot,slot_utc,/);
  const lines = file.bill.slots.flatMap((slot) => slot.lines);
  assert.equal(rows.length, lines.length);
  const at = head?.split(",").indexOf("money") ?? -1;
  const sum = rows.reduce((all, row) => all + Math.round(Number(row.split(",")[at]) * 1e6), 0);
  assert.equal(sum, file.bill.totals.total);
});

test("no garbage makes a bill good, or throws anything but what is catalogued", () => {
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    fc.constantFrom("{}", "[]", "null", "<html>", '{"bill":{}}'),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        assert.ok(!checkBillText(text, against(community)).ok);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "bill.file");
      }
    }),
  );
  const { bill, evidence } = file;
  fc.assert(
    fc.property(fc.nat(evidence.length - 1), fc.base64String({ maxLength: 8 }), (at, put) => {
      const other = `${evidence.slice(0, at)}${put}${evidence.slice(at + put.length)}`;
      if (other === evidence) return;
      assert.ok(!checkBill({ bill, evidence: other }, against(community)).ok);
    }),
    { numRuns: 60 },
  );
});

test("who has no bill, and what is no month, is told", () => {
  assert.throws(
    () => collected(community, "nobody"),
    (error: { fault?: { code: string } }) => error.fault?.code === "bill.owner",
  );
});
