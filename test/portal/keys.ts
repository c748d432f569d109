import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { keepLook } from "../support/page-checks.ts";
import { keyFileOf } from "../support/portal-site.ts";
import { address, go, open, openAs, signInAs, skip, text } from "./scene.ts";

/** What this browser keeps: locked keys, quotes that are sealed, and nothing of who was here before. */

/** A quote as the page keeps one, of an owner. */
const keptQuote = (owner: string, id: string, more: object = {}) => ({
  ...{ id, owner, chain: "busbar-demo", slot: 9e12, gate: 9e12, revealUntil: 9e12 },
  ...{ reveal: "AAAA", state: "sealed", ...more },
});

const keep = (page: Page, place: string, value: unknown) =>
  page.evaluate(
    ([name, text]) => localStorage.setItem(name ?? "", text ?? ""),
    [place, typeof value === "string" ? value : JSON.stringify(value)],
  );

test("whatever lies in this browser's storage, the page shows, signs in and checks proofs", {
  skip,
}, async (t) => {
  const { page, complaints } = await open(t);
  const nonsense = [
    "{",
    "null",
    "7",
    '"x"',
    "[null, 1, {}, []]",
    '{"text":{"chain":"busbar-demo"}}',
  ];
  const kept = ["language", "quotes", "locked-keys", "pinned-busbar-demo"];
  for (const turn of [0, 2, 4]) {
    for (const [i, place] of kept.entries())
      await keep(page, `busbar-${place}`, nonsense[(i + turn) % nonsense.length]);
    await page.reload();
    await page.locator("#live[data-state=live]").waitFor();
  }
  // Half right is not right: of a list only what is whole counts.
  await keep(page, "busbar-quotes", [
    { ...keptQuote("user-1", "odd"), reveal: "?" },
    keptQuote("user-1", "even"),
  ]);
  await page.reload();
  await go(page, "sign-in");
  await signInAs(page, "user-1");
  await go(page, "quotes");
  const waiting = page.getByRole("list", { name: "Opened by this page" });
  await waiting.waitFor();
  assert.equal(await waiting.getByRole("listitem").count(), 1);
  await go(page, "trades");
  await page
    .getByRole("button", { name: /^Verify/ })
    .first()
    .click();
  await page
    .getByText(/✓ verified: block/)
    .first()
    .waitFor();
  assert.deepEqual(complaints, []);
});

test("whoever signs in next sees nothing of who was here before, and signs with no key of theirs", {
  skip,
}, async (t) => {
  const at = address().replace("127.0.0.1", "localhost");
  const page = await openAs(t, "user-1", { at });
  await keep(page, "busbar-quotes", [
    keptQuote("user-1", "sealed"),
    keptQuote("user-1", "opened", { state: "opened" }),
  ]);
  await page.reload();
  const waiting = page.getByRole("list", { name: "Opened by this page" });
  await go(page, "quotes");
  await waiting.waitFor();
  assert.equal(await waiting.getByRole("listitem").count(), 2);
  // Of a subscription and what it shows, the browser's own part stood in for.
  await page.evaluate(() => {
    const ended: string[] = [];
    Object.assign(globalThis, { ended });
    const subscription = { unsubscribe: async () => ended.push("subscription") };
    const registration = {
      pushManager: { getSubscription: async () => subscription },
      getNotifications: async () => [{ close: () => ended.push("notification") }],
    };
    navigator.serviceWorker.getRegistration = async () =>
      registration as unknown as ServiceWorkerRegistration;
  });
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in" }).first().waitFor();
  assert.deepEqual(await page.evaluate("ended"), ["subscription", "notification"]);
  const left = await page.evaluate(() => localStorage.getItem("busbar-quotes"));
  assert.deepEqual(
    (JSON.parse(left ?? "") as { id: string }[]).map(({ id }) => id),
    ["sealed"],
  );
  await go(page, "sign-in");
  await signInAs(page, "user-2");
  await go(page, "quotes");
  await page.getByRole("heading", { name: "Your quotes" }).waitFor();
  assert.equal(await waiting.count(), 0);
});

test("a link that signs in somebody else leaves no key of who was here", { skip }, async (t) => {
  const page = await openAs(t, "user-1");
  await page.route("**/api/sessions", (route) =>
    route.fulfill({
      json: { role: "owner", id: "user-2", csrf: "x", ends: null, open: true },
    }),
  );
  await go(page, "preferences");
  await page.getByRole("button", { name: "Sign and hand in" }).waitFor();
  await go(page, "link/AAAA");
  await page.locator("#who").getByText("user-2", { exact: true }).waitFor();
  await go(page, "preferences");
  await page.getByText("This is signed in this page: choose your key file.").first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Sign and hand in" }).count(), 0);
});

test("a passkey opens the key that this browser keeps locked, for whoever proves to be its user", {
  skip,
}, async (t) => {
  const at = address().replace("127.0.0.1", "localhost");
  const page = await openAs(t, "user-1", { at });
  const tool = await page.context().newCDPSession(page);
  await tool.send("WebAuthn.enable");
  const { authenticatorId } = await tool.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      ctap2Version: "ctap2_1",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      hasPrf: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await go(page, "settings");
  await page.getByRole("button", { name: "Lock my key with a passkey" }).click();
  await page.getByRole("list", { name: "Keys that this browser keeps locked" }).waitFor();
  await keepLook(page, "passkey");
  const kept = await page.evaluate(() => JSON.stringify(localStorage));
  const { seed } = JSON.parse(keyFileOf("user-1")) as { readonly seed: string };
  assert.ok(kept.includes("busbar-locked-keys") && !kept.includes(seed));
  const passkey = page.getByRole("button", { name: "Use the passkey of user-1" });
  const signOut = () => page.getByRole("button", { name: "Sign out" }).click();
  await signOut();
  await go(page, "sign-in");
  await passkey.click();
  await page.locator("#who").waitFor();
  assert.equal(await text(page, "#who"), "user-1");
  await signOut();
  await go(page, "sign-in");
  // Another secret than the one it was locked with does not open it.
  await page.evaluate(() => {
    const [one] = JSON.parse(localStorage.getItem("busbar-locked-keys") ?? "[]");
    const salt = `${one.salt.slice(0, -2)}AA`;
    localStorage.setItem("busbar-locked-keys", JSON.stringify([{ ...one, salt }]));
  });
  await page.reload();
  await passkey.click();
  await page.getByText(/This passkey does not open the key/).waitFor();
  await tool.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await passkey.click();
  await page.getByText(/The passkey was not used/).waitFor();
  assert.equal(await page.locator("#who").count(), 0);
});
