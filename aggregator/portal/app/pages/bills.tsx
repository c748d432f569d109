import { useState } from "preact/hooks";
import { type BillFault, type BillFile, isParty } from "../../../settlement/bill/document.ts";
import { check } from "../bill-check.ts";
import { energy } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { siteTime } from "../model.ts";
import { Card, Problem } from "../parts/loaded.tsx";
import { read, told } from "../request.ts";
import { useWatched } from "../store.ts";
import { pin } from "../trust.ts";
import { BillSections, billSums, Sums } from "./bill-sections.tsx";

type Checked = {
  readonly file: BillFile;
  readonly verdict: { readonly lines: number } | BillFault;
};

/** A month's bill, made by the portal or handed over as a file, and checked in this page. */
export function BillsPage() {
  const { status, statusAt } = useWatched(model);
  const [checked, setChecked] = useState<Checked>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<{ message: string; code: string }>();
  if (status === undefined) return null;
  const now = new Date(siteTime({ status, statusAt }, Date.now()) ?? status.time);
  const { chain } = status;
  const run = async (get: () => Promise<BillFile>) => {
    setBusy(true);
    setError(undefined);
    setChecked(undefined);
    try {
      setChecked(await checkedBill(await get(), chain));
    } catch (problem) {
      setError(told(problem));
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const wanted = encodeURIComponent(String(given.get("month") ?? ""));
    void run(() => read<BillFile>(`bill?month=${wanted}`));
  };
  return (
    <>
      <Card title={t("Bills")} note={t("Made anew in this page from its evidence, line by line.")}>
        <form class="form" onSubmit={submit}>
          <label>
            <span>{t("Month")}</span>
            <input
              name="month"
              required
              pattern="\d{4}-(0[1-9]|1[0-2])"
              value={now.toISOString().slice(0, 7)}
            />
          </label>
          <button type="submit" disabled={busy}>
            {busy ? t("Making and checking …") : t("Make and verify the bill")}
          </button>
          <label>
            <span>{t("Or a bill that you were handed (JSON)")}</span>
            <input
              type="file"
              accept=".json,application/json"
              disabled={busy}
              onChange={(event) => {
                const file = event.currentTarget.files?.[0];
                if (file !== undefined)
                  void run(async () => JSON.parse(await file.text()) as BillFile);
              }}
            />
          </label>
        </form>
        {error === undefined ? null : <Problem error={error} />}
      </Card>
      {checked === undefined ? null : <Bill {...checked} />}
    </>
  );
}

async function checkedBill(file: BillFile, chain: string): Promise<Checked> {
  const found = check(file, await pin(chain));
  return { file, verdict: found.ok ? { lines: found.lines } : found };
}

function Bill({ file, verdict }: Checked) {
  if ("code" in verdict) {
    return (
      <Card title={t("This bill does not prove itself")}>
        <Problem error={verdict} />
        <ul lang="en">
          {verdict.lines.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      </Card>
    );
  }
  const { bill } = file;
  const { owner, month, currency, totals, days } = bill;
  const title = isParty(owner.party) ? "" : `${t("Statement of account")}: `;
  return (
    <>
      <Card title={`${title}${owner.name}, ${month}`}>
        <p role="status" data-tone="good">
          ✓{" "}
          {t(
            "verified: {lines} lines follow from what the members certified, by the ledger’s own rules",
            {
              lines: verdict.lines,
            },
          )}
        </p>
        <Sums label={t("Sums")} currency={currency} rows={billSums(bill)} />
        <p class="quiet">
          {t("{drawn} drawn, {given} given; {final} hours settled, {open} open", {
            drawn: energy(totals.importWh),
            given: energy(totals.exportWh),
            final: totals.slots.final,
            open: totals.slots.open + totals.slots.provisional,
          })}
          {" · "}
          {t("{days} days", { days: days.length })} · <a href="#/statement">{t("hour by hour")}</a>{" "}
          ·{" "}
          <a href={`/api/bill?month=${month}`} download={`bill-${owner.id}-${month}.json`}>
            {t("keep it as a file")}
          </a>
        </p>
      </Card>
      <BillSections bill={bill} />
    </>
  );
}
