import { useState } from "preact/hooks";
import type { PortalStatus } from "../../api.ts";
import type { OrdersAnswer } from "../../views/shapes-community.ts";
import type { PageKey } from "../key.ts";
import { t } from "../language.ts";
import { dateText, type Field, mandateFrom, orderFrom } from "../ordering.ts";
import { Problem } from "../parts/loaded.tsx";
import { useSigning } from "../signing.ts";

const dayMs = 86_400_000;

function fieldsOf(event: Event): Field {
  event.preventDefault();
  const given = new FormData(event.currentTarget as HTMLFormElement);
  return (name) => String(given.get(name) ?? "");
}

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
  const { error, done, hand } = useSigning(status.chain);
  const [action, setAction] = useState("shed");
  const slotMs = status.slotMinutes * 60_000;
  const next = Math.floor(now / slotMs) * slotMs + 2 * slotMs;
  const submit = (event: Event) => {
    const field = fieldsOf(event);
    const id = crypto.getRandomValues(new Uint8Array(16));
    void hand("demand-order", () => orderFrom(field, { by, id, slotMs }), signer);
  };
  return (
    <form class="form" onSubmit={submit}>
      <label>
        <span>{t("Unit")}</span>
        <input name="device" required maxLength={32} autocomplete="off" />
      </label>
      <label>
        <span>{t("What is ordered")}</span>
        <select name="action" onChange={(event) => setAction(event.currentTarget.value)}>
          <option value="shed">{t("draw less")}</option>
          <option value="shift">{t("draw it later")}</option>
          <option value="limit">{t("limit the power")}</option>
        </select>
      </label>
      <label>
        <span>{t("From (UTC)")}</span>
        <input type="datetime-local" name="slot" required defaultValue={dateText(next)} />
      </label>
      <label>
        <span>{t("Hours of the market")}</span>
        <input type="number" name="slots" min="1" max="96" required defaultValue="1" />
      </label>
      {action === "shift" ? (
        <label>
          <span>{t("Instead from (UTC)")}</span>
          <input
            type="datetime-local"
            name="toSlot"
            required
            defaultValue={dateText(next + 4 * slotMs)}
          />
        </label>
      ) : null}
      {action === "limit" ? (
        <label>
          <span>{t("At most, kW")}</span>
          <input type="number" name="kw" min="0" max="100000" step="0.001" required />
        </label>
      ) : null}
      <label>
        <span>{t("kWh less in each")}</span>
        <input type="number" name="kwh" min="0.001" max="100000" step="0.001" required />
      </label>
      <label>
        <span>{t("For a kWh, {currency}", { currency: status.currency })}</span>
        <input type="number" name="price" min="0.000001" max="1000" step="0.000001" required />
      </label>
      <button type="submit">{t("Sign and order")}</button>
      {done ? (
        <p class="wide" role="status" data-tone="good">
          {t("Signed and handed in; it counts from the next block on.")}
        </p>
      ) : null}
      {error === undefined ? null : <Problem error={error} />}
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
  const { error, done, hand } = useSigning(status.chain);
  const version = (mandate?.version ?? 0) + 1;
  const submit = (event: Event) => {
    const field = fieldsOf(event);
    const about = { owner, device, version };
    void hand("demand-mandate", () => mandateFrom(field, about), signer);
  };
  const until = dateText(mandate?.until ?? Math.ceil(status.time / dayMs) * dayMs + 30 * dayMs);
  return (
    <form key={version} class="form" onSubmit={submit}>
      <label>
        <span>{t("kWh an hour at most")}</span>
        <input
          type="number"
          name="kwh"
          min="0"
          max="100000"
          step="0.001"
          required
          defaultValue={String((mandate?.energyMaxWh ?? 0) / 1000)}
        />
      </label>
      <label>
        <span>{t("Hours in a day at most")}</span>
        <input
          type="number"
          name="slots"
          min="0"
          max="96"
          required
          defaultValue={String(mandate?.slotsMax ?? 4)}
        />
      </label>
      <label>
        <span>{t("Never less than, kW")}</span>
        <input
          type="number"
          name="kw"
          min="0"
          max="100000"
          step="0.001"
          required
          defaultValue={String((mandate?.limitWMin ?? 0) / 1000)}
        />
      </label>
      <label>
        <span>{t("For a kWh at least, {currency}", { currency: status.currency })}</span>
        <input
          type="number"
          name="price"
          min="0.000001"
          max="1000"
          step="0.000001"
          required
          defaultValue={String(Math.max(mandate?.priceMin ?? 0, 1) / 1_000_000)}
        />
      </label>
      <label>
        <span>{t("Only by (empty: anybody)")}</span>
        <input name="by" maxLength={32} autocomplete="off" defaultValue={mandate?.by ?? ""} />
      </label>
      <label>
        <span>{t("Until (UTC)")}</span>
        <input type="datetime-local" name="until" required defaultValue={until} />
      </label>
      <button type="submit">{t("Sign and hand in")}</button>
      {done ? (
        <p class="wide" role="status" data-tone="good">
          {t("Signed and handed in; it counts from the next block on.")}
        </p>
      ) : null}
      {error === undefined ? null : <Problem error={error} />}
    </form>
  );
}
