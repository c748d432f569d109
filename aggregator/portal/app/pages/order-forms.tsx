import { useState } from "preact/hooks";
import type { PortalStatus } from "../../api.ts";
import type { OrdersAnswer } from "../../views/shapes-community.ts";
import type { PageKey } from "../key.ts";
import { t } from "../language.ts";
import { dateText, mandateFrom, orderFrom } from "../ordering.ts";
import { Choice, fieldsOf, Handed, NumberField, TextField } from "../parts/fields.tsx";
import { useSigning } from "../signing.ts";

const dayMs = 86_400_000;

/** Bounds of prices and energies that people type. */
const priceBounds = { min: "0.000001", max: "1000", step: "0.000001" } as const;
const most = "100000";

/** Asks another owner's unit for a change, for a price. */
export function OrderForm({
  signer,
  by,
  status,
  now,
}: {
  readonly signer: PageKey;
  readonly by: string;
  readonly status: PortalStatus;
  readonly now: number;
}) {
  const { hand, ...handed } = useSigning(status.chain);
  const [action, setAction] = useState("shed");
  const { currency } = status;
  const slotMs = status.slotMinutes * 60_000;
  const next = Math.floor(now / slotMs) * slotMs + 2 * slotMs;
  const submit = (event: Event) => {
    const field = fieldsOf(event);
    const id = crypto.getRandomValues(new Uint8Array(16));
    void hand("demand-order", () => orderFrom(field, { by, id, slotMs }), signer);
  };
  return (
    <form class="form" onSubmit={submit}>
      <TextField label={t("Unit")} name="device" required maxLength={32} />
      <Choice
        label={t("What is ordered")}
        name="action"
        options={[
          ["shed", t("draw less")],
          ["shift", t("draw it later")],
          ["limit", t("limit the power")],
        ]}
        value={action}
        onChoice={setAction}
      />
      <When label={t("From (UTC)")} name="slot" value={dateText(next)} />
      <NumberField
        label={t("Hours of the market")}
        name="slots"
        min="1"
        max="96"
        step="1"
        value={1}
      />
      {action === "shift" ? (
        <When label={t("Instead from (UTC)")} name="toSlot" value={dateText(next + 4 * slotMs)} />
      ) : null}
      {action === "limit" ? (
        <NumberField label={t("At most, kW")} name="kw" min="0" max={most} />
      ) : null}
      <NumberField label={t("kWh less in each")} name="kwh" min="0.001" max={most} />
      <NumberField label={t("For a kWh, {currency}", { currency })} name="price" {...priceBounds} />
      <button type="submit">{t("Sign and order")}</button>
      <Handed {...handed} />
    </form>
  );
}

/** What an owner lets others order from its unit without asking. */
export function MandateForm({
  unit: { device, owner, mandate },
  signer,
  status,
}: {
  readonly unit: OrdersAnswer["units"][number];
  readonly signer: PageKey;
  readonly status: PortalStatus;
}) {
  const { hand, ...handed } = useSigning(status.chain);
  const { currency } = status;
  const version = (mandate?.version ?? 0) + 1;
  const submit = (event: Event) => {
    const field = fieldsOf(event);
    const about = { owner, device, version };
    void hand("demand-mandate", () => mandateFrom(field, about), signer);
  };
  const until = dateText(mandate?.until ?? Math.ceil(status.time / dayMs) * dayMs + 30 * dayMs);
  return (
    <form key={version} class="form" onSubmit={submit}>
      <NumberField
        label={t("kWh an hour at most")}
        name="kwh"
        min="0"
        max={most}
        value={(mandate?.energyMaxWh ?? 0) / 1000}
      />
      <NumberField
        label={t("Hours in a day at most")}
        name="slots"
        min="0"
        max="96"
        step="1"
        value={mandate?.slotsMax ?? 4}
      />
      <NumberField
        label={t("Never less than, kW")}
        name="kw"
        min="0"
        max={most}
        value={(mandate?.limitWMin ?? 0) / 1000}
      />
      <NumberField
        label={t("For a kWh at least, {currency}", { currency })}
        name="price"
        {...priceBounds}
        value={Math.max(mandate?.priceMin ?? 0, 1) / 1_000_000}
      />
      <TextField
        label={t("Only by (empty: anybody)")}
        name="by"
        maxLength={32}
        value={mandate?.by ?? ""}
      />
      <When label={t("Until (UTC)")} name="until" value={until} />
      <button type="submit">{t("Sign and hand in")}</button>
      <Handed {...handed} />
    </form>
  );
}

function When(props: { readonly label: string; readonly name: string; readonly value: string }) {
  return <TextField type="datetime-local" required {...props} />;
}
