import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pino } from "pino";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { type Portal, startPortal } from "../../aggregator/portal/server.ts";
import { freshPalette } from "../../flows/build.ts";
import { FlowsProcess } from "../../flows/testing/flows-process.ts";
import { MemoryPool } from "../support/memory-pool.ts";
import { keyFileOf, PortalSite } from "../support/portal-site.ts";
import { chromiumArgs, program } from "../support/programs.ts";

/** People come to the real editor by the real portal's page (`npm run build` makes it). */

const tool = program("chromium", "chromium");
const skip = "skip" in tool && tool.skip;
const folder = mkdtempSync(join(tmpdir(), "busbar-portal-session-"));
/** Where screenshots are put to be looked at; none by default. */
const pictures = process.env.BUSBAR_PICTURES;
let portal: Portal;
let flows: FlowsProcess;
let browser: Browser;

before(async () => {
  if ("skip" in tool) return;
  await freshPalette();
  const site = new PortalSite();
  portal = await startPortal({
    host: "127.0.0.1",
    port: 0,
    source: site.source,
    access: site.access(new MemoryPool()),
    log: pino({ level: "silent" }),
  });
  const config = { port: 0, userDir: "user", signIn: { portal: portal.url } };
  writeFileSync(join(folder, "flows.yaml"), JSON.stringify(config));
  flows = await FlowsProcess.start(["--config", join(folder, "flows.yaml")]);
  browser = await chromium.launch({ executablePath: tool.path, args: [...chromiumArgs] });
});
after(async () => {
  await browser?.close();
  await flows?.stop();
  await portal?.stop();
  rmSync(folder, { recursive: true });
});

async function picture(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `portal-${name}.png`) });
}

/** From the editor's address by the portal's sign-in page, in a tab of its own, back to the editor's. */
async function comeIn(context: BrowserContext, name: string): Promise<Page> {
  // A machine at its limit draws slowly, too.
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  await page.goto(flows.url);
  const link = page.getByRole("link", { name: "Sign in at the portal" });
  await link.waitFor();
  await picture(page, `${name}-led-there`);
  const [portalTab] = await Promise.all([context.waitForEvent("page"), link.click()]);
  const key = {
    name: `${name}.key`,
    mimeType: "application/json",
    buffer: Buffer.from(keyFileOf(name)),
  };
  await portalTab.locator('input[type="file"]').setInputFiles(key);
  await portalTab.waitForURL(/#\/($|home)/);
  await portalTab.close();
  await page.reload();
  return page;
}

test("an operator signs in at the portal alone, and edits; a viewer looks", {
  skip,
}, async () => {
  const operator = await comeIn(await browser.newContext(), "operator");
  const tile = '.red-ui-palette-node[data-palette-type="busbar-quote"]';
  await operator.locator(tile).waitFor();
  assert.equal(new URL(operator.url()).pathname, "/");
  const who = await operator.evaluate("RED.settings.user");
  assert.deepEqual(who, { username: "operator", permissions: "*" });
  await operator.waitForFunction("RED.workspaces.active()");
  await operator.evaluate(
    'RED.nodes.import([{ id: "c", type: "comment", z: RED.workspaces.active(), x: 200, y: 100 }]); RED.nodes.dirty(true)',
  );
  await operator.locator("#red-ui-header-button-deploy:not(.disabled)").waitFor();
  const deployed = operator.waitForResponse((answer) => answer.request().method() === "POST");
  await operator.click("#red-ui-header-button-deploy");
  assert.ok((await deployed).ok());
  await picture(operator, "operator-edits");

  const viewer = await comeIn(await browser.newContext(), "viewer");
  await viewer.locator("#red-ui-workspace-chart").waitFor();
  assert.deepEqual(await viewer.evaluate("RED.settings.user"), {
    username: "viewer",
    permissions: "read",
  });
  assert.equal(await viewer.evaluate('RED.user.hasPermission("flows.write")'), false);
  await picture(viewer, "viewer-looks");
});

test("an owner of the site whom the flows are not for is told so", { skip }, async () => {
  const owner = await comeIn(await browser.newContext(), "user-1");
  await owner.getByText("signed in as user-1 (owner)").waitFor();
});
