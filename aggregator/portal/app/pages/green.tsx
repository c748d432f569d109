import { useState } from "preact/hooks";
import type { GreenAnswer } from "../../views/shapes-community.ts";
import { energy, kwh, slotName } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { siteTime } from "../model.ts";
import { DaysChoice } from "../parts/fields.tsx";
import { Figures, parted } from "../parts/figures.tsx";
import { Grid } from "../parts/grid.tsx";
import { KeyNeeded } from "../parts/key-needed.tsx";
import { Card, Empty, Loaded, useAnswer } from "../parts/loaded.tsx";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";
import { CertificateForm } from "./certificate-form.tsx";

const spans = [1, 7, 31, 62] as const;

/** Green certificates: what was issued for own generation, traded with contracts, and retired by use. */
export function GreenPage() {
  const { status, statusAt } = useWatched(model);
  const who = useWatched(me);
  const [days, setDays] = useState(31);
  const green = useAnswer<GreenAnswer>(`green?days=${days}`, status?.height);
  if (status === undefined || who === undefined) return null;
  const now = siteTime({ status, statusAt }, Date.now()) ?? status.time;
  return (
    <>
      <Card
        title={t("Green certificates")}
        note={t(
          "Issued from signed readings, each Wh once; traded with contracts; retired by use.",
        )}
      >
        <DaysChoice spans={spans} days={days} onDays={setDays} />
      </Card>
      <Loaded {...green}>
        {(found) => (
          <>
            {who.role === "owner" ? <Own found={found} /> : <Uses found={found} />}
            <Totals found={found} named={who.role !== "owner"} />
            {who.role === "owner" && found.lines.length > 0 ? (
              <>
                <Card
                  title={t("By hand")}
                  note={t("The earliest hours go first; each Wh is held by one owner at a time.")}
                >
                  <KeyNeeded>
                    {(key) => (
                      <CertificateForm
                        key={found.nextMove}
                        {...{ found, status, owner: who.id ?? "", signer: key }}
                      />
                    )}
                  </KeyNeeded>
                </Card>
                <Hours found={found} now={now} />
              </>
            ) : null}
          </>
        )}
      </Loaded>
    </>
  );
}

function Own({ found: { uses, factors } }: { readonly found: GreenAnswer }) {
  const [use] = uses;
  const share = use === undefined || use.takenWh === 0 ? undefined : use.greenTakenWh / use.takenWh;
  const grams = use?.carbonGrams ?? null;
  return (
    <Figures
      label={t("At a glance")}
      figures={[
        { id: "load", title: t("Taken from the feeder"), ...parted(energy(use?.takenWh ?? null)) },
        {
          id: "generation",
          title: t("Of it green"),
          ...parted(share === undefined ? "–" : `${(100 * share).toFixed(1)} %`),
          note: energy(use?.greenTakenWh ?? null),
        },
        {
          id: "traded",
          title: t("Carbon figure"),
          ...parted(grams === null ? "–" : `${(grams / 1000).toFixed(2)} kg`),
          note:
            factors === null
              ? t("this member states no factors")
              : t("CO₂ equivalent, at {rest} g/kWh of the grid", { rest: factors.rest }),
        },
      ]}
    />
  );
}

const heads = () => [`#${t("Issued")}`, `#${t("Bought")}`, `#${t("Sold")}`, `#${t("Retired")}`];

function Totals({ found, named }: { readonly found: GreenAnswer; readonly named: boolean }) {
  if (found.totals.length === 0) {
    return (
      <Card title={t("By energy form")}>
        <Empty title={t("No certificate in this time.")}>
          {t("They are issued once an hour is settled, to owners of solar and wind meters.")}
        </Empty>
      </Card>
    );
  }
  return (
    <Card title={t("By energy form")} note="kWh">
      <Grid
        caption={t("By energy form")}
        heads={[
          ...(named ? [t("Owner")] : []),
          t("Energy"),
          ...heads(),
          `#${t("By hand")}`,
          `#${t("Held")}`,
        ]}
        rows={found.totals.map((one) => ({
          key: `${one.owner} ${one.form}`,
          cells: [
            ...(named ? [one.owner] : []),
            t(one.form),
            ...[one.issuedWh, one.boughtWh, one.soldWh, one.retiredWh, one.movedWh, one.heldWh].map(
              kwh,
            ),
          ],
        }))}
      />
    </Card>
  );
}

function Uses({ found: { uses } }: { readonly found: GreenAnswer }) {
  if (uses.length === 0) return null;
  return (
    <Card title={t("What was used")}>
      <Grid
        caption={t("What was used")}
        heads={[
          t("Owner"),
          `#${t("Drawn, kWh")}`,
          `#${t("Of it green, kWh")}`,
          `#${t("Carbon, kg")}`,
        ]}
        rows={uses.map(({ owner, takenWh, greenTakenWh, carbonGrams }) => ({
          key: owner,
          cells: [
            owner,
            kwh(takenWh),
            kwh(greenTakenWh),
            carbonGrams === null ? "–" : (carbonGrams / 1000).toFixed(2),
          ],
        }))}
      />
    </Card>
  );
}

function Hours({ found: { lines }, now }: { readonly found: GreenAnswer; readonly now: number }) {
  return (
    <Card title={t("Hour by hour")} note="kWh">
      <Grid
        caption={t("Certificates by hour, newest first")}
        tall
        heads={[t("Hour"), t("Energy"), ...heads(), `#${t("Held")}`, t("Proof")]}
        rows={lines.map(({ key, slot, form, issuedWh, boughtWh, soldWh, retiredWh, heldWh }) => ({
          key,
          cells: [
            slotName(slot, now),
            t(form),
            ...[issuedWh, boughtWh, soldWh, retiredWh, heldWh].map(kwh),
            <a
              key={key}
              href={`#/proof/state/${encodeURIComponent(key)}`}
              aria-label={`${t("check")}: ${slotName(slot, now)} ${t(form)}`}
            >
              {t("check")}
            </a>,
          ],
        }))}
      />
    </Card>
  );
}
