import { builtInProfiles, loadProfiles, placeText, scan, serialPorts, unitsOf } from "@busbar/edge";
import { endpoint } from "../link/endpoint.ts";
import { flowError } from "../link/errors.ts";
import { entered } from "../link/form.ts";
import type { Red } from "../link/red.ts";
import { buses, openMeterAt } from "./buses.ts";
import { connectionOf, type MeterForm, placeOfForm } from "./place.ts";
import { measured } from "./reading.ts";

/** Units asked where nobody says which: most meters leave the factory as 1. */
const usualUnits = "1-4";
/** A scan that nobody stops ends after so long, ms. */
const scanMsMax = 120_000;

let scanning = false;

/** What the editor's buttons ask: which ports and profiles there are, who answers, what a meter shows. */
export function addMeterEndpoints(red: Red): void {
  const may = (right: "read" | "write") => red.auth.needsPermission(`busbar-meter.${right}`);
  red.httpAdmin.post("/busbar/ports", may("read"), endpoint(portsAndProfiles));
  red.httpAdmin.post("/busbar/scan", may("write"), endpoint(scanPlace));
  red.httpAdmin.post("/busbar/test-read", may("write"), endpoint(testRead));
}

function portsAndProfiles() {
  const profiles = [...loadProfiles().values()].map(({ id, vendor, model }) => ({
    id,
    name: `${vendor} ${model}`,
  }));
  const others = builtInProfiles.map((id) => ({ id, name: id }));
  return { ports: serialPorts(), profiles: [...profiles, ...others] };
}

/** Asks a bus who is there. Throws: `Failure` `flows.place`, `flows.scan-running`, `usage.units`. */
async function scanPlace(form: MeterForm, signal: AbortSignal) {
  const connection = connectionOf(form);
  const units = unitsOf(entered(form.units) || usualUnits);
  if (connection.kind === "gpio") {
    throw flowError("flows.place", "a pulse line cannot be asked who is there: choose profile s0");
  }
  if (scanning) throw flowError("flows.scan-running", "wait for the scan that is running");
  scanning = true;
  try {
    const ended = AbortSignal.any([signal, AbortSignal.timeout(scanMsMax)]);
    const profiles = [...loadProfiles().values()];
    const report = await scan({
      connections: [connection],
      units,
      profiles,
      bus: buses,
      telegrams: true,
      signal: ended,
    });
    const found = report.results.map((result) => ({
      place: placeText(result.connection),
      unit: result.unit,
      address: result.address,
      baud: result.connection.kind === "rtu" ? result.connection.baud : undefined,
      profiles: result.candidates.map(({ identity }) => identity),
    }));
    const failures = report.failures.map(({ failure: { code, message } }) => ({ code, message }));
    return { found, failures, hints: report.buses.flatMap(({ hints }) => hints) };
  } finally {
    scanning = false;
  }
}

/** Reads a meter once. Throws: `Failure` `flows.*`, `meter.*`. */
async function testRead(form: MeterForm) {
  const meter = await openMeterAt(placeOfForm(form));
  try {
    const identity = await meter.identify();
    const reading = await meter.read();
    const units = Object.fromEntries(reading.values.map(({ quantity, unit }) => [quantity, unit]));
    return { identity, time: reading.time, units, unknown: reading.unknown, ...measured(reading) };
  } finally {
    await meter.close();
  }
}
