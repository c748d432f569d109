import { useEffect, useState } from "preact/hooks";
import { count, dayAndClock } from "./format.ts";
import { choose, language, t } from "./language.ts";
import type { LiveState } from "./live.ts";
import { live, model } from "./live-site.ts";
import { siteTime } from "./model.ts";
import { AdmissionPage } from "./pages/admission.tsx";
import { AlarmsPage } from "./pages/alarms.tsx";
import { AskPage } from "./pages/ask.tsx";
import { BlocksPage } from "./pages/blocks.tsx";
import { ConsortiumPage } from "./pages/consortium.tsx";
import { CreditPage } from "./pages/credit.tsx";
import { DevicesPage } from "./pages/devices.tsx";
import { HomePage } from "./pages/home.tsx";
import { NoticesPage } from "./pages/notices.tsx";
import { PricesPage } from "./pages/prices.tsx";
import { QuotesPage } from "./pages/quotes.tsx";
import { SettingsPage } from "./pages/settings.tsx";
import { LinkPage, SignInPage } from "./pages/sign-in.tsx";
import { SitePage } from "./pages/site.tsx";
import { StatementPage } from "./pages/statement.tsx";
import { TradesPage } from "./pages/trades.tsx";
import { lazy } from "./parts/lazy.tsx";
import { Empty, Problem } from "./parts/loaded.tsx";
import { told } from "./request.ts";
import { hidden, places, type Route, route } from "./route.ts";
import { type Me, me, signOut } from "./session.ts";
import { useWatched } from "./store.ts";

const BillsPage = lazy(async () => (await import("./more.ts")).BillsPage);
const ProofPage = lazy(async () => (await import("./more.ts")).ProofPage);
const PaymentsPage = lazy(async () => (await import("./more.ts")).PaymentsPage);
const PreferencesPage = lazy(async () => (await import("./more.ts")).PreferencesPage);
const OrdersPage = lazy(async () => (await import("./more.ts")).OrdersPage);
const FeedersPage = lazy(async () => (await import("./more.ts")).FeedersPage);
const GreenPage = lazy(async () => (await import("./more.ts")).GreenPage);
const ReportPage = lazy(async () => (await import("./more.ts")).ReportPage);

/** The whole page. */
export function App() {
  const at = useWatched(route);
  const who = useWatched(me);
  const { status } = useWatched(model);
  const place = places.find(({ page }) => page === at.page);
  useEffect(() => {
    const site = status === undefined ? "" : `${status.site} · `;
    const name = place === undefined || place.page === "" ? "" : `${t(place.title)} · `;
    document.title = `${name}${site}Busbar`;
  }, [place, status?.site]);
  if (who === undefined) return null;
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: the part behind # is the page's address, and must stay */}
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        {t("Skip to the content")}
      </a>
      <Head who={who} at={at} />
      <main id="main" tabIndex={-1}>
        <SitePage hidden={at.page !== ""} />
        {at.page === "" ? null : <Page at={at} who={who} />}
      </main>
      <footer>
        <p id="proof" class="quiet" />
        <p class="quiet">
          <a href="/docs">API</a> · <a href="/metrics">{t("Metrics")}</a> ·{" "}
          <a href="/health">{t("Health")}</a>
        </p>
      </footer>
    </>
  );
}

function Page({ at, who }: { readonly at: Route; readonly who: Me }) {
  const { page, rest } = at;
  const place = places.find((one) => one.page === page);
  if (place === undefined && !hidden.includes(page)) {
    return (
      <section class="card">
        <Empty title={t("There is no such page.")}>
          <a href="#/">{t("To the site")}</a>
        </Empty>
      </section>
    );
  }
  if (place !== undefined && !place.roles.includes(who.role)) {
    return (
      <section class="card">
        <Empty
          title={t("This page is for {roles}.", {
            roles: place.roles.map((role) => t(role)).join(", "),
          })}
        >
          <a href="#/sign-in">{t("Sign in")}</a>
        </Empty>
      </section>
    );
  }
  switch (page) {
    case "home":
      return <HomePage />;
    case "prices":
      return <PricesPage />;
    case "quotes":
      return <QuotesPage />;
    case "trades":
      return <TradesPage />;
    case "statement":
      return <StatementPage slot={rest[0]} />;
    case "payments":
      return <PaymentsPage />;
    case "bills":
      return <BillsPage />;
    case "notices":
      return <NoticesPage />;
    case "alarms":
      return <AlarmsPage />;
    case "devices":
      return <DevicesPage />;
    case "admission":
      return <AdmissionPage />;
    case "consortium":
      return <ConsortiumPage />;
    case "blocks":
      return <BlocksPage height={rest[0]} />;
    case "credit":
      return <CreditPage />;
    case "feeders":
      return <FeedersPage />;
    case "settings":
      return <SettingsPage />;
    case "proof":
      return <ProofPage path={rest} />;
    case "orders":
      return <OrdersPage />;
    case "green":
      return <GreenPage />;
    case "report":
      return <ReportPage />;
    case "preferences":
      return <PreferencesPage />;
    case "link":
      return <LinkPage link={rest[0] ?? ""} />;
    case "ask":
      return <AskPage />;
    default:
      return <SignInPage />;
  }
}

function Head({ who, at }: { readonly who: Me; readonly at: Route }) {
  const { status } = useWatched(model);
  return (
    <header class="top">
      <div class="brand">
        <img src="/icon.svg" alt="" width="36" height="36" />
        <div>
          <h1>
            Busbar <span id="site">{status?.site}</span>
          </h1>
          <p id="about" class="quiet">
            {status === undefined
              ? ""
              : t("a local electricity market, from the meter to the settled trade")}
          </p>
        </div>
      </div>
      <Pulse />
      <nav aria-label={t("Pages")}>
        <ul>
          {places
            .filter(({ roles }) => roles.includes(who.role))
            .map(({ page, title }) => (
              <li key={page}>
                <a href={`#/${page}`} aria-current={page === at.page ? "page" : undefined}>
                  {t(title)}
                </a>
              </li>
            ))}
        </ul>
        <div class="who">
          <button
            type="button"
            class="link"
            lang={language === "en" ? "zh" : "en"}
            onClick={() => choose(language === "en" ? "zh" : "en")}
          >
            {language === "en" ? "中文" : "English"}
          </button>
          {who.role === "guest" ? (
            <a class="button" href="#/sign-in">
              {t("Sign in")}
            </a>
          ) : (
            <>
              <span id="who" title={t(who.role)}>
                {who.id}
              </span>
              <SignOut />
            </>
          )}
        </div>
      </nav>
    </header>
  );
}

function SignOut() {
  const [error, setError] = useState<{ message: string; code: string }>();
  const leave = () => {
    setError(undefined);
    signOut().catch((problem: unknown) => setError(told(problem)));
  };
  return (
    <>
      <button type="button" class="plain" onClick={leave}>
        {t("Sign out")}
      </button>
      {error === undefined ? null : <Problem error={error} />}
    </>
  );
}

function Pulse() {
  const { status, statusAt, blocks } = useWatched(model);
  const state = useWatched(live);
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((before) => before + 1), 500);
    return () => clearInterval(timer);
  }, []);
  const time = status && siteTime({ status, statusAt }, Date.now());
  const height = Math.max(status?.height ?? 0, blocks[0]?.height ?? 0);
  return (
    <dl class="pulse">
      <div>
        <dt>{t("Site time")}</dt>
        <dd>
          <time id="clock" dateTime={time === undefined ? undefined : new Date(time).toISOString()}>
            {time === undefined ? "–" : dayAndClock(time)}
          </time>{" "}
          {status === undefined || status.speed === 1 ? null : (
            <span id="speed" class="chip">
              {t("{speed}× real time", { speed: count(Math.round(status.speed)) })}
            </span>
          )}
        </dd>
      </div>
      <div>
        <dt>{t("Block")}</dt>
        <dd id="height">{height === 0 ? "–" : count(height)}</dd>
      </div>
      <div>
        <dt class="visually-hidden">{t("Connection")}</dt>
        <dd>
          <span id="live" class="live" role="status" data-state={state}>
            {liveText(state)}
          </span>
        </dd>
      </div>
    </dl>
  );
}

function liveText(state: LiveState): string {
  switch (state) {
    case "waiting":
      return t("Connecting");
    case "live":
      return t("Live");
    case "away":
      return t("Connection lost, trying again");
    default:
      return state satisfies never;
  }
}
