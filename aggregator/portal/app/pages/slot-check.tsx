import { useState } from "preact/hooks";
import { settlementId, settlements } from "../../../ledger/settlements.ts";
import type { PortalStatus } from "../../api.ts";
import type { StatementDetail } from "../../views/shapes.ts";
import { checkReading, checkSettlement, energyByReadings, type Verdict } from "../claims.ts";
import { clock, count, dayAndClock, kwh } from "../format.ts";
import { t } from "../language.ts";
import { Grid } from "../parts/grid.tsx";
import { Card } from "../parts/loaded.tsx";
import { Outcome, verdictOf } from "../parts/verify.tsx";
import { readBytes } from "../request.ts";
import { frameOfReceipt, pin } from "../trust.ts";
import { verifyTrade } from "./trades.tsx";

type Checked = { readonly name: string; readonly verdict: Verdict };

/** The way from an hour's money to the readings, and a button that checks all of it in this page. */
export function SlotCheck({
  detail,
  status,
}: {
  readonly detail: StatementDetail;
  readonly status: PortalStatus;
}) {
  const [checked, setChecked] = useState<readonly Checked[] | "idle" | "busy">("idle");
  const start = async () => {
    setChecked("busy");
    setChecked(await checkAll(detail, status.chain));
  };
  return (
    <Card
      title={t("Its signed readings")}
      note={t("Checked in this page, with the members’ keys alone.")}
    >
      {detail.meters.map((meter) => (
        <Meter key={meter.meter} meter={meter} detail={detail} />
      ))}
      {checked === "idle" || checked === "busy" ? (
        <button type="button" disabled={checked === "busy"} onClick={() => void start()}>
          {checked === "busy" ? t("Verifying …") : t("Verify the whole hour")}
        </button>
      ) : (
        <ul class="lines checks" aria-label={t("What was verified")}>
          {checked.map(({ name, verdict }) => (
            <li key={name}>
              <b>{name}</b>
              <Outcome verdict={verdict} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Meter({
  meter,
  detail,
}: {
  readonly meter: StatementDetail["meters"][number];
  readonly detail: StatementDetail;
}) {
  const readings = [...meter.readings.from, ...meter.readings.to];
  return (
    <section class="meter">
      <h3>
        {meter.meter} <span class="quiet">{t(meter.role)}</span>
      </h3>
      <p>
        {t("{drawn} kWh drawn, {given} kWh given: {state} ({why})", {
          drawn: kwh(meter.importWh),
          given: kwh(meter.exportWh),
          state: t(meter.completeness),
          why: t(meter.why),
        })}
      </p>
      <Grid
        caption={t("Readings of {meter}", { meter: meter.meter })}
        heads={[t("Reading"), t("At"), `#${t("Drawn, kWh")}`, `#${t("Given, kWh")}`]}
        rows={readings.map(({ sequence, time, importWh, exportWh }) => ({
          key: String(sequence),
          cells: [
            `#${count(sequence)}`,
            <span key={sequence} title={dayAndClock(time)}>
              {clock(time)}
            </span>,
            kwh(importWh),
            kwh(exportWh),
          ],
        }))}
      />
      <p class="quiet">{bySum(meter, detail)}</p>
    </section>
  );
}

function bySum(meter: StatementDetail["meters"][number], detail: StatementDetail): string {
  const slotMs = detail.slotMinutes * 60_000;
  const found = energyByReadings(meter, { slot: detail.slot, slotMs });
  if (found === undefined) return t("These readings alone do not say what flowed.");
  const same = found.importWh === meter.importWh && found.exportWh === meter.exportWh;
  return same
    ? t("✓ The readings’ difference is what was settled, to the Wh.")
    : t("What was settled is not the readings’ difference: {why}.", { why: t(meter.why) });
}

async function checkAll(detail: StatementDetail, chain: string): Promise<readonly Checked[]> {
  const pinned = await pin(chain);
  const checks: [string, () => Promise<Verdict>][] = detail.contracts.map((trade) => [
    t("Contract {contract}", { contract: trade.contract }),
    () => verifyTrade(trade, chain),
  ]);
  const id = settlementId(detail.slot, detail.owner);
  for (const version of detail.versions) {
    checks.push([
      t("Settlement, version {version}", { version: version.version }),
      async () => {
        const key = settlements.keyOf(id);
        const bytes = await readBytes(`proofs/state?key=${encodeURIComponent(key)}`);
        return checkSettlement(bytes, { id, version }, pinned);
      },
    ]);
  }
  for (const { meter, readings } of detail.meters) {
    for (const reading of [...readings.from, ...readings.to]) {
      checks.push([
        t("Reading {sequence} of {meter}", { sequence: reading.sequence, meter }),
        async () => {
          const bytes = await readBytes(
            `proofs/reading?meter=${meter}&sequence=${reading.sequence}`,
          );
          return checkReading(bytes, { meter, reading }, pinned, frameOfReceipt);
        },
      ]);
    }
  }
  const all: Checked[] = [];
  for (const [name, run] of checks) all.push({ name, verdict: await verdictOf(run) });
  return all;
}
