import assert from "node:assert/strict";
import { test } from "node:test";
import { places } from "../../aggregator/portal/app/route.ts";
import { keyboardFindings } from "../support/keyboard-walk.ts";
import { go, open, openAs, shorten, skip, unfold } from "./scene.ts";

/** The page without a mouse: what is before signing in, and an operator's; everybody else's is walked in `looks.ts`. */

test("Tab reaches all that a guest can use, from the top of the page to its end", {
  skip,
}, async (t) => {
  const { page } = await open(t);
  assert.deepEqual(await keyboardFindings(page, "body"), []);
  for (const place of ["sign-in", "ask", "nowhere"]) {
    await go(page, place);
    await unfold(page);
    assert.deepEqual(await keyboardFindings(page, "main"), [], place);
  }
});

test("an operator is let into an owner's pages, and Tab leads through them", {
  skip,
}, async (t) => {
  const page = await openAs(t, "operator");
  await shorten(page);
  const both = places.filter(({ roles }) => roles.includes("owner") && roles.includes("operator"));
  for (const place of ["home", "statement", "payments", "bills", "notices", "preferences"]) {
    assert.ok(
      both.some((one) => one.page === place),
      place,
    );
    await go(page, place);
    await page.locator("main > .card:visible, main > .tiles:visible").first().waitFor();
    assert.equal(await page.locator("main .problem").count(), 0, place);
    assert.equal(await page.getByText(/^This page is for/).count(), 0, place);
    assert.deepEqual(await keyboardFindings(page, "main"), [], place);
  }
});

test("the walk finds what is wrong: hidden, out of order, without a mark, for a mouse alone", {
  skip,
}, async (t) => {
  const { page } = await open(t);
  // Away from the portal, which lets nobody write styles into its page.
  await page.goto("about:blank");
  await page.setContent(`<main>
    <p style="display:flex;flex-direction:row-reverse"><button>right</button><button>left</button></p>
    <p style="display:flex;flex-direction:column-reverse"><button>low</button><button>high</button></p>
    <button style="outline:none">no mark</button>
    <p style="position:relative"><button>covered</button><i style="position:absolute;inset:0"></i></p>
    <p style="cursor:pointer">for a mouse</p>
    <button id="early" tabindex="3">early</button>
    <button id="last">last</button></main>`);
  // Nothing but a mouse leaves this one.
  await page.evaluate(() => {
    const last = document.querySelector("#last");
    last?.addEventListener("keydown", (event) => event.preventDefault());
  });
  const found = (await keyboardFindings(page, "main")).join("\n");
  for (const what of [
    "an order of its own",
    "against what eyes see: <button>right",
    "against what eyes see: <button>low",
    "no mark of the focus: <button style",
    "focused and covered: <button>covered",
    "for a mouse alone: <p style",
    "a place that Tab does not leave",
  ])
    assert.ok(found.includes(what), `${what}\n${found}`);
});
