import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { freshPalette } from "../../flows/build.ts";
import { FlowsProcess } from "../../flows/testing/flows-process.ts";
import { FlowsSite } from "../support/flows-site.ts";
import { chromiumArgs, program } from "../support/programs.ts";

/** An operator's session in the real editor: drag, wire, check, deploy, watch. */

const tool = program("chromium", "chromium");
const skip = "skip" in tool && tool.skip;
const password = "a long enough one";
/** Where screenshots are put to be looked at; none by default. */
const pictures = process.env.BUSBAR_PICTURES;
let site: FlowsSite;
let flows: FlowsProcess;
let browser: Browser;
let page: Page;
const complaints: string[] = [];

before(async () => {
  if ("skip" in tool) return;
  await freshPalette();
  site = await FlowsSite.start();
  const environment = Object.entries(site.environment).map(([name, value]) => `${name}=${value}`);
  flows = await FlowsProcess.start(
    ["--port", "0", "-u", site.file("user"), "--env", ...environment],
    { BUSBAR_FLOWS_PASSWORD: password },
  );
  browser = await chromium.launch({ executablePath: tool.path, args: [...chromiumArgs] });
  page = await (await browser.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
  // A machine at its limit draws slowly, too.
  page.setDefaultTimeout(120_000);
  page.on("pageerror", (error) => complaints.push(error.message));
});
after(async () => {
  await browser?.close();
  await flows?.stop();
  await site?.stop();
});

async function picture(name: string): Promise<void> {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

/** Drags a node from the palette to a place on the sheet. */
async function drag(type: string, at: { x: number; y: number }): Promise<void> {
  const tile = page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`);
  await tile.scrollIntoViewIfNeeded();
  const box = await tile.boundingBox();
  const sheet = await page.locator("#red-ui-workspace-chart").boundingBox();
  assert.ok(box !== null && sheet !== null, type);
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 30, box.y + 30, { steps: 4 });
  await page.mouse.move(sheet.x + at.x, sheet.y + at.y, { steps: 8 });
  await page.mouse.up();
}

/** The element of the node of a type on the sheet. */
async function node(type: string) {
  const id = await page.evaluate(`RED.nodes.filterNodes({ type: ${JSON.stringify(type)} })[0].id`);
  return page.locator(`[id="${String(id)}"]`);
}

async function open(type: string): Promise<void> {
  await (await node(type)).locator(".red-ui-flow-node").first().dblclick();
  await page.locator("#node-dialog-ok").waitFor();
}

async function close(button = "#node-dialog-ok"): Promise<void> {
  await page.locator(button).click();
  await page.locator(button).waitFor({ state: "hidden" });
}

async function wire(from: string, to: string): Promise<void> {
  const output = await (await node(from)).locator(".red-ui-flow-port-output").boundingBox();
  const input = await (await node(to)).locator(".red-ui-flow-port-input").boundingBox();
  assert.ok(output !== null && input !== null);
  await page.mouse.move(output.x + output.width / 2, output.y + output.height / 2);
  await page.mouse.down();
  await page.mouse.move(input.x - 20, input.y + 2, { steps: 6 });
  await page.mouse.move(input.x + input.width / 2, input.y + input.height / 2, { steps: 4 });
  await page.mouse.up();
}

/** Presses the check's button; the codes of what it found. */
async function check(): Promise<string[]> {
  await page.evaluate('RED.actions.invoke("busbar:check-flow")');
  await page.locator("#busbar-check-answer > *").first().waitFor();
  const links = await page
    .locator("#busbar-check-answer .busbar-finding a.busbar-code")
    .allTextContents();
  return links.map((text) => text.split(" · ").at(-1) ?? "");
}

test("nodes are dragged, scanned, wired, checked, deployed, and show what lives", {
  skip,
}, async () => {
  await page.goto(flows.url);
  await page.fill("#node-dialog-login-username", "admin");
  await page.fill("#node-dialog-login-password", password);
  await page.keyboard.press("Enter");
  await page.locator('.red-ui-palette-node[data-palette-type="busbar-quote"]').waitFor();
  await drag("busbar-meter", { x: 120, y: 120 });
  await drag("busbar-quote", { x: 340, y: 120 });
  await drag("busbar-notice", { x: 560, y: 120 });
  await picture("1-dragged");

  await open("busbar-meter");
  await page.fill("#node-input-place", site.environment.BUSBAR_METER_PLACE ?? "");
  await page.click("#busbar-meter-scan");
  await page.locator("#busbar-meter-answer button", { hasText: "eastron-sdm630" }).first().click();
  await page.click("#busbar-meter-test");
  await page.locator("#busbar-meter-answer", { hasText: "power.total: 1234 W" }).waitFor();
  await page.fill("#node-input-every", "1");
  await page.evaluate('$("#node-input-output").typedInput("type", "power")');
  await picture("2-meter-scanned-and-tested");
  await close();

  await open("busbar-quote");
  await page.locator("#node-input-lookup-site, #node-input-btn-site-add").last().click();
  await page.locator("#node-config-dialog-ok").waitFor();
  const fields = {
    broker: "BROKER",
    site: "SITE",
    identity: "IDENTITY",
    keyFile: "KEY_FILE",
    portal: "PORTAL",
  };
  for (const [field, name] of Object.entries(fields)) {
    await page.fill(`#node-config-input-${field}`, ["$", "{BUSBAR_", name, "}"].join(""));
  }
  await picture("3-site");
  await close("#node-config-dialog-ok");
  await page.selectOption("#node-input-when", "gates");
  await close();
  await open("busbar-notice");
  await page.fill("#node-input-url", site.environment.BUSBAR_PUSH ?? "");
  await close();
  await wire("busbar-meter", "busbar-quote");
  await wire("busbar-quote", "busbar-notice");

  // Power into a quote's energy: the mistake that this check is there for.
  assert.deepEqual(await check(), ["unit.wrong"]);
  await picture("4-check-finds-watts-for-kilowatt-hours");
  await open("busbar-quote");
  await page.evaluate('$("#node-input-kwh").typedInput("type", "num").typedInput("value", "1.5")');
  await page.evaluate('$("#node-input-side").typedInput("value", "bid")');
  await picture("5-quote");
  await close();
  assert.deepEqual(await check(), []);

  site.sayGates(true);
  await page.click("#red-ui-header-button-deploy");
  const status = async (type: string, text: string) =>
    (await node(type)).locator(".red-ui-flow-node-status-label", { hasText: text }).waitFor();
  await status("busbar-meter", "1234 W");
  await status("busbar-quote", "bid 1.5 @");
  const { title, message } = await site.nextPush();
  assert.equal(title, "quote/sealed");
  assert.match(message, /"side":"bid".*"kwh":1\.5/);
  assert.ok(site.waiting.some(({ kind }) => kind === "quote-commit"));
  await status("busbar-notice", "quote/");
  await picture("6-deployed-and-live");
  assert.deepEqual(complaints, []);
});

test("in a Chinese editor the check says what is wrong, and what to do, in Chinese", {
  skip,
}, async () => {
  const context = await browser.newContext({ locale: "zh-CN" });
  context.setDefaultTimeout(120_000);
  const chinese = await context.newPage();
  await chinese.goto(flows.url);
  await chinese.fill("#node-dialog-login-username", "admin");
  await chinese.fill("#node-dialog-login-password", password);
  await chinese.keyboard.press("Enter");
  await chinese.locator('.red-ui-palette-node[data-palette-type="busbar-quote"]').waitFor();
  const quote = { id: "lonely", type: "busbar-quote", site: "", name: "lonely", wires: [[]] };
  await chinese.evaluate(
    `RED.nodes.import([{ ...${JSON.stringify(quote)}, z: RED.workspaces.active(), x: 200, y: 300 }])`,
  );
  await chinese.evaluate('RED.actions.invoke("busbar:check-flow")');
  const answer = chinese.locator("#busbar-check-answer");
  await answer
    .getByText("打开节点选择站点，或用旁边的铅笔新建一个；只用于推送的通知节点请填写网址。")
    .waitFor();
  await answer.getByText("没有任何消息能到达此节点。").waitFor();
  if (pictures !== undefined) await chinese.screenshot({ path: join(pictures, "7-chinese.png") });
});
