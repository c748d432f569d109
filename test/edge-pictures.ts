/** `npm run pictures:edge`: takes the unit's pages and a commissioning sheet as a browser shows them, for the READMEs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { sheetPage } from "../edge/commissioning/page.ts";
import { sheetOf } from "../edge/commissioning/sheet.ts";
import { loadConfig } from "../edge/config/load.ts";
import { serveStatus } from "../edge/status/server.ts";
import type { Status } from "../edge/status/status.ts";
import { meterOf, statusOfTest } from "../edge/status/test-support/status.ts";
import { testSigner } from "./support/memory-registry.ts";
import { chromiumArgs, program } from "./support/programs.ts";

const edge = join(import.meta.dirname, "../edge");
const scratch = mkdtempSync(join(tmpdir(), "busbar-pictures-"));
const at = "2026-06-21T12:20:00.000Z";
const path = "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A1-if00-port0";

const configuration = `site: elm-street
device: { id: anna-unit }
owner: { id: anna, party: user, name: Anna, key: owner.key }
meters:
  - { id: anna-grid, profile: eastron-sdm630, unit: 1, connection: { kind: rtu, path: ${path} } }
  - { id: anna-solar, role: generation, profile: eastron-sdm630, unit: 2, connection: { kind: rtu, path: ${path} } }
`;

/** A unit with two meters: at the street, and behind what is on the roof. */
function statusNow(): Status {
  const readAt = Date.now() - 4_000;
  const own = meterOf({ readAt });
  const values = own.values.map((one) => ({
    ...one,
    value: one.obis === "1-0:1.8.0" ? 3_120 : one.value,
  }));
  const powerW = -2_140;
  const historyW = own.historyW.map((w) => w && Math.min(0, Math.round(1.4 * w - 500)));
  const solar = meterOf({
    ...{ id: "anna-solar", role: "generation", serial: "21 40 0911", readAt },
    ...{ powerW, historyW, values },
  });
  const well = statusOfTest();
  const [journal] = well.journal.meters;
  if (journal === undefined || well.link === undefined) throw new Error("the example has both");
  return {
    ...well,
    ...{ site: "elm-street", device: "anna-unit", meters: [own, solar] },
    journal: { ...well.journal, meters: [journal, { ...journal, meter: "anna-solar" }] },
    link: { ...well.link, lastReceiptAt: Date.now() - 40_000 },
    sweep: {
      form: "busbar-sweep-1",
      at,
      buses: [{ bus: path, driver: "ftdi_sio", settings: "9600 8N1", units: [], findings: [] }],
    },
  };
}

function sheetHtml(): string {
  const file = join(scratch, "edge.yaml");
  writeFileSync(file, configuration);
  const display = { way: "import", passed: true, at } as const;
  const sheet = sheetOf({
    config: loadConfig(file),
    status: statusNow(),
    ports: [
      {
        path,
        device: "/dev/ttyUSB0",
        driver: "ftdi_sio",
        product: "FT232R USB UART",
        warnings: [],
      },
    ],
    record: {
      displays: [
        { ...display, meter: "anna-grid", shownKwh: "12345.7", readKwh: "12345.678" },
        { ...display, meter: "anna-solar", shownKwh: "3.1", readKwh: "3.120" },
      ],
      trials: [
        {
          ...{ kind: "adapter", meter: "anna-grid", passed: true, at },
          text: "the fault showed, and the same meter answers again",
        },
        {
          ...{ kind: "network", passed: true, at },
          text: "6 readings taken meanwhile and after; receipts come again",
        },
        {
          ...{ kind: "power", passed: true, at },
          text: "all 830 readings are there, every meter answers",
        },
      ],
    },
    unitKey: testSigner(4).publicKey,
    ...{ configuration, at, installer: "Ivo Lind" },
  });
  const installerKey = Buffer.from(testSigner(5).publicKey).toString("base64url");
  return sheetPage({ sheet, installerKey });
}

async function take(browser: Browser): Promise<void> {
  let shown = statusNow;
  const server = await serveStatus(
    { host: "127.0.0.1", port: 0 },
    () => shown(),
    async () => ({
      files: [],
    }),
  );
  try {
    const phone = { viewport: { width: 360, height: 700 }, locale: "en" };
    const page = await (await browser.newContext(phone)).newPage();
    await page.goto(`http://127.0.0.1:${server.port}/`);
    await page.locator("#live:not([hidden])").waitFor();
    await page.screenshot({ path: join(edge, "status/page.png") });
    shown = () => ({ ...statusNow(), link: undefined, claim: { state: "code" } });
    await page.goto(`http://127.0.0.1:${server.port}/claim#7K3Q-F0M8-ZT2X-A9CD@elm-street`);
    await page.screenshot({ path: join(edge, "claim/page.png"), fullPage: true });
  } finally {
    await server.close();
  }
  const file = join(scratch, "sheet.html");
  writeFileSync(file, sheetHtml());
  const desk = await (
    await browser.newContext({ viewport: { width: 840, height: 600 } })
  ).newPage();
  await desk.goto(pathToFileURL(file).href);
  await desk.screenshot({ path: join(edge, "commissioning/sheet.png"), fullPage: true });
}

const tool = program("chromium", "chromium");
if ("skip" in tool) throw new Error(String(tool.skip));
const browser = await chromium.launch({ executablePath: tool.path, args: [...chromiumArgs] });
try {
  await take(browser);
} finally {
  await browser.close();
  rmSync(scratch, { recursive: true });
}
