import type { EnergyForm } from "@busbar/protocol";
import { useState } from "preact/hooks";
import type { GatesMessage } from "../../../publish/prices.ts";
import type { PortalStatus } from "../../api.ts";
import type { QuoteAnswer } from "../../views/shapes.ts";
import { dayAndClock, kwh, price, slotName } from "../format.ts";
import type { PageKey } from "../key.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { siteTime } from "../model.ts";
import { KeyNeeded } from "../parts/key-needed.tsx";
import { Card, Empty, Loaded, Problem, useAnswer } from "../parts/loaded.tsx";
import { kept, seal } from "../quoting.ts";
import { told } from "../request.ts";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";

const forms: readonly EnergyForm[] = ["any", "solar", "wind", "thermal", "nuclear", "storage"];

/** Quotes by hand, and what became of them. */
export function QuotesPage() {
  const { status, statusAt } = useWatched(model);
  const gates = useAnswer<GatesMessage>("gates", status?.height);
  const quotes = useAnswer<readonly QuoteAnswer[]>("quotes", status?.height);
  if (status === undefined) return null;
  const now = siteTime({ status, statusAt }, Date.now()) ?? status.time;
  return (
    <>
      <Card title={t("Quote by hand")}>
        <Loaded {...gates}>
          {({ gates: open }) =>
            open.length === 0 ? (
              <Empty title={t("No gate takes quotes now.")} />
            ) : (
              <KeyNeeded>
                {(key) => (
                  <Form
                    gates={open}
                    status={status}
                    now={now}
                    signer={key}
                    reload={quotes.reload}
                  />
                )}
              </KeyNeeded>
            )
          }
        </Loaded>
        <Waiting now={now} chain={status.chain} />
      </Card>
      <Card title={t("Your quotes")}>
        <Loaded {...quotes}>
          {(all) => <Quotes quotes={all} now={now} currency={status.currency} />}
        </Loaded>
      </Card>
    </>
  );
}

function Form({
  gates,
  status,
  now,
  signer,
  reload,
}: {
  readonly gates: GatesMessage["gates"];
  readonly status: PortalStatus;
  readonly now: number;
  readonly signer: PageKey;
  readonly reload: () => void;
}) {
  const owner = useWatched(me)?.id ?? "";
  const [error, setError] = useState<{ message: string; code: string }>();
  const [done, setDone] = useState("");
  const submit = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    setDone("");
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(given.get(name) ?? "");
    const gate = gates.find(({ slot }) => String(slot) === text("slot"));
    if (gate === undefined) return;
    try {
      await seal(
        {
          owner,
          side: text("side") === "ask" ? "ask" : "bid",
          form: forms.find((form) => form === text("form")) ?? "any",
          quantityWh: Math.round(Number(text("kwh")) * 1000),
          limit: Math.round(Number(text("price")) * 1_000_000),
        },
        gate,
        { key: signer, chain: status.chain },
      );
      setDone(
        t(
          "Sealed. This page opens it when the gate has closed: leave it open, or come back before {time}.",
          { time: dayAndClock(gate.revealUntil) },
        ),
      );
      reload();
    } catch (problem) {
      setError(told(problem));
    }
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)}>
      <label>
        <span>{t("Hour")}</span>
        <select name="slot">
          {gates.map(({ slot, gate, horizon }) => (
            <option key={slot} value={slot}>
              {slotName(slot, now)} · {t(horizon)},{" "}
              {t("closes {time}", { time: dayAndClock(gate) })}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t("I want to")}</span>
        <select name="side">
          <option value="bid">{t("buy")}</option>
          <option value="ask">{t("sell")}</option>
        </select>
      </label>
      <label>
        <span>kWh</span>
        <input name="kwh" type="number" min="0.001" max="100000" step="0.001" required />
      </label>
      <label>
        <span>{t("Limit, {currency}/kWh", { currency: status.currency })}</span>
        <input name="price" type="number" min="0" max="1000" step="0.000001" required />
      </label>
      <label>
        <span>{t("Energy")}</span>
        <select name="form">
          {forms.map((form) => (
            <option key={form} value={form}>
              {t(form)}
            </option>
          ))}
        </select>
      </label>
      <button type="submit">{t("Sign and seal")}</button>
      <p class="quiet wide">
        {t(
          "Nobody reads it before the gate closes. One that is not opened is void and costs credit.",
        )}
      </p>
      {done === "" ? null : (
        <p class="wide" role="status" data-tone="good">
          {done}
        </p>
      )}
      {error === undefined ? null : <Problem error={error} />}
    </form>
  );
}

/** What this browser has to open for whoever is signed in. */
function Waiting({ now, chain }: { readonly now: number; readonly chain: string }) {
  const id = useWatched(me)?.id;
  const all = useWatched(kept)
    .filter((one) => one.owner === id && one.chain === chain)
    .filter(({ slot, state }) => state === "sealed" || slot > now);
  if (all.length === 0) return null;
  const states = { sealed: t("sealed"), opened: t("opened"), lost: t("not opened") };
  return (
    <ul class="lines" aria-label={t("Opened by this page")}>
      {all.slice(0, 5).map(({ id, slot, gate, state, message }) => (
        <li key={id}>
          <b>
            {slotName(slot, now)}: {states[state]}
          </b>
          <span class="quiet">
            {message ?? t("the gate closes {time}", { time: dayAndClock(gate) })}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Quotes({
  quotes,
  now,
  currency,
}: {
  readonly quotes: readonly QuoteAnswer[];
  readonly now: number;
  readonly currency: string;
}) {
  if (quotes.length === 0) return <Empty title={t("No quote of yours waits for a gate.")} />;
  return (
    <ul class="lines">
      {quotes.map(({ id, slot, gate, quotes: opened }) => (
        <li key={id}>
          <b>{slotName(slot, now)}</b>
          <span class="quiet">{t("the gate closes {time}", { time: dayAndClock(gate) })}</span>
          <p>
            {opened === null
              ? t("sealed")
              : opened
                  .map(({ side, quantityWh, limit }) =>
                    t(
                      side === "ask"
                        ? "sell {kwh} kWh from {price} {unit}"
                        : "buy {kwh} kWh up to {price} {unit}",
                      {
                        kwh: kwh(quantityWh),
                        price: price(limit),
                        unit: `${currency}/kWh`,
                      },
                    ),
                  )
                  .join("; ")}
          </p>
        </li>
      ))}
    </ul>
  );
}
