import { useEffect, useRef } from "preact/hooks";
import { Board } from "../board.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";

/** The site's board. It stays in the page once it was made, and is hidden while another page is shown. */
export function SitePage({ hidden }: { readonly hidden: boolean }) {
  const board = useRef<Board>(undefined);
  const shown = useWatched(model);
  const who = useWatched(me);
  const seesOwners = who?.role !== "guest" || who.open;
  useEffect(() => {
    board.current ??= new Board();
    if (!hidden) board.current.show(shown);
  }, [shown, hidden]);
  return (
    <div class="page" hidden={hidden}>
      <section class="tiles" id="tiles" aria-label={t("At a glance")} />
      {seesOwners ? null : (
        <p class="card">
          {t("Meters and trades belong to their owners:")} <a href="#/sign-in">{t("sign in")}</a>{" "}
          {t("to see yours.")}
        </p>
      )}
      <section class="card" aria-labelledby="flow-title" hidden={!seesOwners}>
        <div class="card-head">
          <h2 id="flow-title">{t("Power on the busbar, now")}</h2>
          <ul class="legend">
            <li>
              <span class="key generation" aria-hidden="true" />
              <span class="quiet">{t("gives")}</span>
            </li>
            <li>
              <span class="key load" aria-hidden="true" />
              <span class="quiet">{t("takes")}</span>
            </li>
            <li>
              <span class="key grid" aria-hidden="true" />
              <span class="quiet">{t("grid")}</span>
            </li>
          </ul>
        </div>
        <div id="flow" />
      </section>
      <div class="pair">
        <Chart name="energy" title={t("Generation and load")} />
        <Chart name="price" title={t("Prices")} />
      </div>
      <details class="card hours">
        <summary>{t("The same hours as a table")}</summary>
        <section class="scroll" aria-label={t("Hours")}>
          <table id="slots" />
        </section>
      </details>
      <div class="pair trades-and-blocks">
        <section class="card" aria-labelledby="trades-title" hidden={!seesOwners}>
          <div class="card-head">
            <h2 id="trades-title">{t("Trades")}</h2>
            <p class="quiet" id="trades-sum" />
          </div>
          <section class="scroll tall" aria-label={t("Contracts, newest first")}>
            <table id="trades" />
          </section>
        </section>
        <section class="card" aria-labelledby="blocks-title">
          <div class="card-head">
            <h2 id="blocks-title">{t("Blocks")}</h2>
            <p class="quiet" id="blocks-sum" />
          </div>
          <section class="scroll tall" aria-label={t("Blocks, newest first")}>
            <table id="blocks" />
          </section>
        </section>
      </div>
      <section class="card" aria-labelledby="meters-title" hidden={!seesOwners}>
        <div class="card-head">
          <h2 id="meters-title">{t("Meters")}</h2>
          <p class="quiet" id="meters-sum" />
        </div>
        <section class="scroll" aria-label={t("Newest reading of each meter")}>
          <table id="meters" />
        </section>
      </section>
    </div>
  );
}

function Chart({ name, title }: { readonly name: string; readonly title: string }) {
  return (
    <section class="card" aria-labelledby={`${name}-title`}>
      <div class="card-head">
        <h2 id={`${name}-title`}>{title}</h2>
        <p class="quiet" id={`${name}-when`} />
      </div>
      <ul class="legend" id={`${name}-legend`} />
      <div class="chart" id={`${name}-chart`} />
    </section>
  );
}
