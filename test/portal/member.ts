import assert from "node:assert/strict";
import { test } from "node:test";
import { keepLook } from "../support/page-checks.ts";
import { address, block, go, hour, invitation, openAs, site, skip } from "./scene.ts";

/** What a member comes for: units that ask, alarms, blocks. */

/** Hands a request in, as a unit's owner does. */
async function ask(text: string): Promise<void> {
  const headers = { "content-type": "application/json", origin: address() };
  const body = JSON.stringify({ text });
  const { status } = await fetch(`${address()}/api/requests`, { method: "POST", headers, body });
  assert.equal(status, 202);
}

test("a member, from a unit's admission by its QR code to a resolved alarm", {
  skip,
}, async (t) => {
  for (const owner of ["ben", "mallory", "mallory-2"]) await ask(invitation(owner));
  const page = await openAs(t, "recorder-1", { permissions: ["camera"] });
  await go(page, "admission");
  const unit = (owner: string) => page.getByRole("article").filter({ hasText: `${owner}’s house` });
  const sign = unit("ben").getByRole("button", { name: "Sign the admission" });
  await unit("ben").waitFor();
  assert.ok(await sign.isDisabled());
  // What the camera sees is ben's unit: nobody else's request is that one.
  await unit("mallory").getByRole("button", { name: "Scan with the camera" }).click();
  await unit("mallory").getByText("This is another request").waitFor();
  await unit("ben").getByRole("button", { name: "Scan with the camera" }).click();
  await unit("ben").getByText("It is the same request").waitFor();
  await unit("mallory")
    .getByLabel(/QR code, to be sure/)
    .fill(` ${invitation("mallory").toLowerCase()} `);
  await unit("mallory").getByText("It is the same request").waitFor();
  await keepLook(page, "admission");
  await sign.click();
  await page.getByText("Signed and handed in").waitFor();
  block();
  await unit("ben").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Take all of these off the list" }).click();
  await page.getByText("Nobody waits.").waitFor();
  assert.deepEqual(
    site.desk.devices("ben").map(({ device }) => device),
    ["edge-ben"],
  );

  await go(page, "alarms");
  site.join("ben");
  site.runUntil(site.time + hour);
  site.silent.add("ben");
  site.takeovers = [{ client: "edge-ben", older: "10.0.0.7", newer: "10.0.0.9", at: Date.now() }];
  site.runUntil(site.time + 2 * hour);
  const alarm = page.getByText(/ben-net: silent for 2 h/);
  await alarm.waitFor();
  await page.getByText("two units sign in with its name, from 10.0.0.7 and 10.0.0.9").waitFor();
  await keepLook(page, "alarms");
  await go(page, "devices");
  await page.getByText(/ben-net: silent/).waitFor();
  await keepLook(page, "devices");
  site.silent.delete("ben");
  site.takeovers = [];
  site.step();
  await go(page, "alarms");
  await page.locator("[data-resolved=true]").filter({ hasText: "ben-net: silent" }).waitFor();
});

test("a member finds a block by its hash, and what is in it", { skip }, async (t) => {
  const page = await openAs(t, "recorder-1");
  await go(page, "blocks");
  const [newest] = site.source.blocks({ limit: 1 });
  await page.getByRole("searchbox").fill(newest?.hash ?? "");
  await page.keyboard.press("Enter");
  await page.getByRole("list", { name: "Found" }).getByRole("link").click();
  await page.getByText("recorder-1 (1 of 1)").waitFor();
  await page.getByText("readings-accepted").first().waitFor();
  await keepLook(page, "block");
});
