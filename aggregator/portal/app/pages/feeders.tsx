import type { FeedersAnswer } from "../../views/shapes-feeders.ts";
import { dayAndClock, kwh, money, price } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Card, Empty, Loaded, useAnswer } from "../parts/loaded.tsx";
import { route } from "../route.ts";
import { useWatched } from "../store.ts";

type Feeder = FeedersAnswer["feeders"][number];
type Trade = FeedersAnswer["trades"][number];

/** Other feeders: whom the members trust, and the trades with each, with both chains' proofs. */
export function FeedersPage() {
  const { status } = useWatched(model);
  const { rest } = useWatched(route);
  const [chosen] = rest;
  const query = chosen === undefined ? "" : `?with=${encodeURIComponent(chosen)}`;
  const answer = useAnswer<FeedersAnswer>(`feeders${query}`, status?.height);
  const currency = status?.currency ?? "";
  return (
    <Loaded {...answer}>
      {({ chain, feeders, trades }) => (
        <>
          <Card
            title={t("Feeders")}
            note={t("Each has a chain of its own; the members decide by vote whom they trust.")}
          >
            <p>
              <a href="#/feeders" aria-current={chosen === undefined ? "page" : undefined}>
                {t("All trades of {chain}", { chain })}
              </a>
            </p>
            {feeders.length === 0 ? (
              <Empty title={t("No other feeder yet.")}>
                {t("One stands here once a quorum of the members trusts its chain.")}
              </Empty>
            ) : (
              <ul class="lines">
                {feeders.map((feeder) => (
                  <Line key={feeder.chain} feeder={feeder} isChosen={feeder.chain === chosen} />
                ))}
              </ul>
            )}
          </Card>
          <Card title={t("Trades between feeders")}>
            {trades.length === 0 ? <Empty title={t("No trade yet.")} /> : null}
            <ul class="lines">
              {trades.map((trade) => (
                <TradeLine key={trade.trade} trade={trade} currency={currency} />
              ))}
            </ul>
          </Card>
        </>
      )}
    </Loaded>
  );
}

const standings: Readonly<Record<Feeder["state"], string>> = {
  trusted: t("trusted"),
  revoked: t("no new trades"),
  frozen: t("frozen: it certified two blocks of one height"),
};

function Line({ feeder, isChosen }: { readonly feeder: Feeder; readonly isChosen: boolean }) {
  const { chain, via, state, voters, epoch, height, portals } = feeder;
  return (
    <li>
      <a
        href={`#/feeders/${encodeURIComponent(chain)}`}
        aria-current={isChosen ? "page" : undefined}
      >
        <b>{chain}</b>
      </a>{" "}
      <span class="chip">{standings[state]}</span>
      <p class="quiet">
        {t("through {via}; {count} voters of epoch {epoch}: {voters}", {
          via,
          count: voters.length,
          epoch,
          voters: voters.join(", "),
        })}
        {height === null ? "" : `; ${t("block {height} was shown here", { height })}`}
      </p>
      {portals.map((portal) => (
        <p key={portal}>
          <a href={portal} rel="noreferrer">
            {t("Its portal at {address}", { address: portal })}
          </a>
        </p>
      ))}
    </li>
  );
}

/** What a trade came to, on either chain. */
const stages: Readonly<Record<Trade["stage"], string>> = {
  offered: t("offered: waits for a buyer"),
  confirmed: t("confirmed: the seller is bound"),
  delivered: t("delivered: waits for the payment"),
  closed: t("closed: the seller is paid"),
  lapsed: t("lapsed: no buyer was shown in time"),
  failed: t("failed: nothing was paid, nothing is held"),
  abandoned: t("let go: a payment still closes it"),
  escrowed: t("in escrow: waits for the delivery"),
  paid: t("paid"),
  released: t("released: the money is the buyer’s again"),
};

function TradeLine({ trade, currency }: { readonly trade: Trade; readonly currency: string }) {
  const { way, chain, seller, buyer, slot, quantityWh, paidWh, amount, compensation } = trade;
  const other = trade.otherStage as Trade["stage"] | null;
  const name = way === "sale" ? `feeder-sale/${trade.trade}` : `feeder-purchase/${trade.trade}`;
  const otherWay = way === "sale" ? "purchase" : "sale";
  return (
    <li>
      <b>
        {way === "sale"
          ? t("{seller} → {chain}: {kwh} kWh", { seller, chain, kwh: kwh(quantityWh) })
          : t("{chain} → {buyer}: {kwh} kWh", { chain, buyer: buyer ?? "", kwh: kwh(quantityWh) })}
      </b>{" "}
      <span class="chip">{stages[trade.stage]}</span>
      <p class="quiet">
        {t("in {slot} at {price}; undecided until {payBy} at the latest", {
          slot: dayAndClock(slot),
          price: `${price(trade.price)} ${currency}`,
          payBy: dayAndClock(trade.payBy),
        })}
      </p>
      {paidWh === null ? null : (
        <p>
          {t("{kwh} kWh crossed by both meters: {amount}, less {compensation} for the rest", {
            kwh: kwh(paidWh),
            amount: money(amount ?? 0, currency),
            compensation: money(compensation ?? 0, currency),
          })}
        </p>
      )}
      <p>
        <a href={`#/proof/state/${encodeURIComponent(name)}`}>
          {t("Check the proof of this chain")}
        </a>
        {other === null ? null : (
          <>
            {" · "}
            <a
              href={`/api/feeders/proof?trade=${trade.trade}&way=${otherWay}&of=other`}
              download={`${trade.trade.slice(0, 12)}-${chain}.proof.cbor`}
            >
              {t("The proof of {chain}: {stage}", { chain, stage: stages[other] ?? other })}
            </a>
          </>
        )}
      </p>
    </li>
  );
}
