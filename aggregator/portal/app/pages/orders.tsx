import type { PortalStatus } from "../../api.ts";
import type { OrdersAnswer } from "../../views/shapes-community.ts";
import { dayAndClock, kwh, money, power, price } from "../format.ts";
import { fromHex, type PageKey } from "../key.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { siteTime } from "../model.ts";
import { Handed } from "../parts/fields.tsx";
import { KeyNeeded } from "../parts/key-needed.tsx";
import { Card, Empty, Loaded, useAnswer } from "../parts/loaded.tsx";
import { me } from "../session.ts";
import { useSigning } from "../signing.ts";
import { useWatched } from "../store.ts";
import { MandateForm, OrderForm } from "./order-forms.tsx";

type Order = OrdersAnswer["orders"][number];

/** Orders of demand response: what was asked, what came of it, and what may be asked. */
export function OrdersPage() {
  const { status, statusAt } = useWatched(model);
  const who = useWatched(me);
  const orders = useAnswer<OrdersAnswer>("orders", status?.height);
  if (status === undefined || who === undefined) return null;
  const now = siteTime({ status, statusAt }, Date.now()) ?? status.time;
  const signs = who.role === "owner" || who.role === "operator";
  return (
    <Loaded {...orders}>
      {(found) => (
        <>
          <Card title={t("Orders")} note={t("To draw less, or later, for a price.")}>
            {found.orders.length === 0 ? (
              <Empty title={t("No order yet.")}>
                {t("One stands here from the moment it is asked for until long after its hours.")}
              </Empty>
            ) : (
              <ul class="lines">
                {found.orders.map((order) => (
                  <Line
                    key={order.id}
                    order={order}
                    status={status}
                    mine={order.owner === who.id}
                  />
                ))}
              </ul>
            )}
          </Card>
          {signs ? (
            <Card title={t("Order a change")}>
              <KeyNeeded>
                {(key) => <OrderForm signer={key} by={who.id ?? ""} status={status} now={now} />}
              </KeyNeeded>
            </Card>
          ) : null}
          <Card
            title={t("What may be ordered without asking")}
            note={t("Orders within a unit’s mandate are contracts at once.")}
          >
            {found.units.length === 0 ? <Empty title={t("No unit yet.")} /> : null}
            {found.units.map((unit) => (
              <Mandate key={unit.device} unit={unit} status={status} mine={unit.owner === who.id} />
            ))}
          </Card>
        </>
      )}
    </Loaded>
  );
}

function Line({
  order,
  status,
  mine,
}: {
  readonly order: Order;
  readonly status: PortalStatus;
  readonly mine: boolean;
}) {
  const { currency } = status;
  const { by, device, slot, slots, usualWh, deliveredWh } = order;
  const usual = usualWh.reduce((sum, one) => sum + one, 0);
  return (
    <li>
      <b>{t("{by} → {device}: {what}", { by, device, what: whatOf(order) })}</b>{" "}
      <span class="chip">{t(order.status)}</span>
      <p class="quiet">
        {t("{count} hours from {time}; usually {usual} kWh; {price} for a kWh less", {
          count: slots,
          time: dayAndClock(slot),
          usual: kwh(usual),
          price: `${price(order.price)} ${currency}`,
        })}
      </p>
      {deliveredWh === null ? null : (
        <p>
          {t("{kwh} kWh less by the meters, {money} paid", {
            kwh: kwh(deliveredWh),
            money: money(order.money ?? 0, currency),
          })}
        </p>
      )}
      <p>
        <a href={`#/proof/state/${encodeURIComponent(`demand/${order.id}`)}`}>
          {t("Check the order’s proof")}
        </a>
      </p>
      {mine && order.status === "offered" ? <Answer order={order} status={status} /> : null}
    </li>
  );
}

function whatOf({ action, energyWh, limitW, toSlot }: Order): string {
  const values = { kwh: kwh(energyWh) };
  switch (action) {
    case "limit":
      return t("draw at most {power}", { power: power(limitW) });
    case "shed":
      return t("draw {kwh} kWh less an hour", values);
    case "shift":
      return t("draw {kwh} kWh of an hour from {time} on instead", {
        ...values,
        time: dayAndClock(toSlot ?? 0),
      });
    default:
      return action satisfies never;
  }
}

/** The owner's own word on an order that its unit has no mandate for. */
function Answer({ order, status }: { readonly order: Order; readonly status: PortalStatus }) {
  const { hand, ...handed } = useSigning(status.chain);
  const { done } = handed;
  const id = fromHex(order.id);
  const say = (word: "accept" | "refuse", key: PageKey) =>
    void hand("demand-answer", () => ({ id, owner: order.owner, word }), key);
  return (
    <KeyNeeded>
      {(key) => (
        <>
          <p class="quiet">
            {t("Your answer counts until {time}.", { time: dayAndClock(order.answerBy) })}
          </p>
          <p class="actions">
            <button type="button" disabled={done} onClick={() => say("accept", key)}>
              {t("Accept it")}
            </button>
            <button type="button" class="plain" disabled={done} onClick={() => say("refuse", key)}>
              {t("Refuse it")}
            </button>
          </p>
          <Handed {...handed} />
        </>
      )}
    </KeyNeeded>
  );
}

function Mandate({
  unit,
  status,
  mine,
}: {
  readonly unit: OrdersAnswer["units"][number];
  readonly status: PortalStatus;
  readonly mine: boolean;
}) {
  const { device, mandate } = unit;
  return (
    <section class="meter">
      <h3>{device}</h3>
      <p>
        {mandate === null
          ? t("Nothing: each order waits for the owner’s word.")
          : t(
              "Up to {kwh} kWh an hour, in {slots} hours a day, from {price} a kWh; never below {power}; by {by}; until {until}",
              {
                kwh: kwh(mandate.energyMaxWh),
                slots: mandate.slotsMax,
                price: `${price(mandate.priceMin)} ${status.currency}`,
                power: power(mandate.limitWMin),
                by: mandate.by ?? t("anybody of the site"),
                until: dayAndClock(mandate.until),
              },
            )}
      </p>
      {mine ? (
        <details>
          <summary>{t("Change it")}</summary>
          <KeyNeeded>{(key) => <MandateForm unit={unit} signer={key} status={status} />}</KeyNeeded>
        </details>
      ) : null}
    </section>
  );
}
