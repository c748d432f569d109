import assert from "node:assert/strict";
import { test } from "node:test";
import { linkingPortal } from "../../../test/support/portal-server.ts";
import { monthAt } from "./bills.ts";
import { boardLines } from "./board.ts";
import type { Part } from "./cast.ts";
import { demoOwner } from "./demo-owner.ts";
import type { Home } from "./home.ts";
import { paymentsDue } from "./payments.ts";

const slotMs = Date.UTC(2026, 5, 21, 3);
const context = {
  siteMs: slotMs,
  speed: 360,
  portal: "http://127.0.0.1:8100",
  flows: "http://127.0.0.1:8101",
  flowsPassword: "abcdefgh",
  notices: [
    { id: "a", owner: "company", time: slotMs, title: "Sold 324.500 kWh" },
    { id: "b", owner: "user-1", time: slotMs + 60_000, title: "Bought 324.500 kWh" },
  ],
  bill: undefined,
  credit: undefined,
  restarts: 0,
  units: "4 edge units, 6 meters",
};
const snapshot = {
  status: {
    time: slotMs,
    height: 1,
    blocks: 1,
    readings: 6,
    contracts: 1,
    settledContracts: 0,
    contractsByScale: { "day-ahead": 0, intraday: 0, "real-time": 1 },
    tradedWh: 324_500,
    moneySum: 0,
    appHash: "00",
    notices: { queued: 0, delivered: 2, dead: 0 },
  },
  slots: [],
};

test("the board shows what the owners were told, a line each, the newest last", () => {
  const lines = boardLines(snapshot, context);
  const at = lines.indexOf("  03:00  company     Sold 324.500 kWh");
  assert.ok(at > 0, lines.join("\n"));
  assert.equal(lines[at + 1], "  03:01  user-1      Bought 324.500 kWh");
});

test("the board says how to sign in to Node-RED where the password is known, else only where it is", () => {
  const line = (changes: object) =>
    boardLines(snapshot, { ...context, ...changes }).find((text) => text.includes("Node-RED"));
  assert.equal(line({}), "  Node-RED  http://127.0.0.1:8101   sign in: admin / abcdefgh");
  assert.equal(line({ flowsPassword: undefined }), "  Node-RED  http://127.0.0.1:8101");
  assert.equal(line({ flows: undefined, flowsPassword: undefined }), "  Node-RED  left out");
});

test("the board shows the newest bill, what was settled for it, and that it was verified", () => {
  const totals = { due: -12_340_000, slots: { final: 40, provisional: 2, open: 702 } };
  const bill = {
    ok: true,
    owner: "user-1",
    month: "2026-06",
    lines: 96,
    totals,
    credit: { score: 995 },
  };
  const line = (news: { bill: typeof bill; file: string } | undefined) =>
    boardLines(snapshot, { ...context, bill: news }).find((text) => text.startsWith("  Bill"));
  assert.match(line(undefined) ?? "", /when something is settled/);
  assert.equal(
    line({ bill, file: "bill.html" }),
    "  Bill      user-1 2026-06: pays 12.34 CNY, 40 slots settled, 2 provisional, 96 lines verified, credit 995   bill.html",
  );
  assert.equal(monthAt(Date.UTC(2026, 5, 30, 15, 59)), "2026-06");
  assert.equal(monthAt(Date.UTC(2026, 5, 30, 16)), "2026-07", "by the site's own clock");
});

test("the board says how to look around as an owner: once by link, always by key file", () => {
  const demo = {
    owner: "user-1",
    link: "http://127.0.0.1:8100/#/link/abc",
    key: "/site/owner.key",
  };
  const text = boardLines(snapshot, { ...context, demo }).join("\n");
  assert.match(text, /as user-1, once: http:\/\/127\.0\.0\.1:8100\/#\/link\/abc\n/);
  assert.match(text, /with its key file: \/site\/owner\.key\n/);
});

const standing = {
  ...{ id: "user-1", score: 990, balance: -12_340_000, collateral: 0, free: 500_000_000 },
  ...{ inDefault: false, acknowledged: 3 },
};

test("the board shows how the accounts stand: score, what is owed, what may still be bound", () => {
  const credit = [
    standing,
    { ...standing, id: "company", balance: 2_000_000, collateral: 10_000_000, inDefault: true },
  ];
  const lines = boardLines(snapshot, { ...context, credit });
  const at = lines.findIndex((line) => line.startsWith("  Credit"));
  assert.equal(lines[at], "  Credit    user-1     score 990, owes 12.34 CNY, may bind 500.00 more");
  assert.equal(
    lines[at + 1],
    "            company    score 990, is owed 2.00 CNY, 10.00 of collateral kept, may bind 500.00 more, IN DEFAULT",
  );
});

test("collateral is handed over once, and what is owed is paid through the bureau on a new day", () => {
  const company = { ...standing, id: "company", balance: 900_000_000, free: 800_000_000 };
  const bureau = { ...standing, id: "bureau", balance: -887_660_000 };
  const all = [standing, company, bureau];
  const due = (isNewDay: boolean, standings = all) =>
    paymentsDue(standings, { bureau: "bureau", isNewDay });
  const collateral = { by: "bureau", amount: 10_000_000_000, purpose: "collateral" };
  assert.deepEqual(due(false), [
    { ...collateral, from: "user-1" },
    { ...collateral, from: "company" },
  ]);
  const kept = all.map((one) => ({ ...one, collateral: 1 }));
  assert.deepEqual(due(false, kept), []);
  assert.deepEqual(due(true, kept), [
    { by: "bureau", from: "user-1", amount: 12_340_000, purpose: "balance" },
    { by: "company", from: "bureau", amount: 800_000_000, purpose: "balance" },
  ]);
});

test("the demo's link signs one browser in as the owner, once; where no portal answers there is none", async (t) => {
  const portal = await linkingPortal();
  t.after(() => portal.stop());
  const key = portal.keyFile("user-1");
  const home = { ownerKey: () => key } as unknown as Home;
  const part = { owner: "user-1" } as Part;
  const demo = await demoOwner(home, part, portal.url);
  assert.ok(demo !== undefined);
  assert.deepEqual([demo.owner, demo.key], ["user-1", key]);
  const [address = "", link = ""] = demo.link.split("/#/link/");
  assert.equal(address, portal.url);
  const follow = () =>
    fetch(`${portal.url}/api/sessions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ link }),
    });
  const first = await follow();
  const { role, id } = (await first.json()) as { role: string; id: string };
  assert.deepEqual([first.status, role, id], [200, "owner", "user-1"]);
  assert.equal((await follow()).status, 401);
  // Port 1 of loopback: nobody listens there.
  assert.equal(await demoOwner(home, part, "http://127.0.0.1:1"), undefined);
});
