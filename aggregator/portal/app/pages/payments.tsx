import type { PortalStatus } from "../../api.ts";
import type { PaymentsAnswer } from "../../views/shapes-community.ts";
import { dayAndClock, exactMoney, money } from "../format.ts";
import type { PageKey } from "../key.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { paymentFrom } from "../moving.ts";
import { Choice, fieldsOf, Handed, NumberField, TextField } from "../parts/fields.tsx";
import { Figures, parted } from "../parts/figures.tsx";
import { Grid } from "../parts/grid.tsx";
import { KeyNeeded } from "../parts/key-needed.tsx";
import { Card, Empty, Loaded, useAnswer } from "../parts/loaded.tsx";
import { me } from "../session.ts";
import { useSigning } from "../signing.ts";
import { useWatched } from "../store.ts";

/** Money outside of the ledger, and collateral: who got it says so here. */
export function PaymentsPage() {
  const { status } = useWatched(model);
  const payments = useAnswer<PaymentsAnswer>("payments", status?.height);
  if (status === undefined) return null;
  const { currency } = status;
  const figure = (id: string, title: string, micro: number, note: string) => ({
    ...{ id, title, note },
    ...parted(money(micro, currency)),
  });
  return (
    <Loaded {...payments}>
      {(found) => (
        <>
          <Figures
            label={t("Your account")}
            figures={[
              figure(
                "traded",
                t("Balance"),
                found.balance,
                found.balance < 0 ? t("you owe it to the others") : t("the others owe it to you"),
              ),
              figure(
                "generation",
                t("Collateral"),
                found.collateral,
                t("kept for you by a bureau"),
              ),
            ]}
          />
          <Card
            title={t("I got money")}
            note={t("Who got it signs; who paid it cannot. It is then on both accounts.")}
          >
            <KeyNeeded>
              {(key) => <Form key={found.next} found={found} status={status} signer={key} />}
            </KeyNeeded>
          </Card>
          <Entries found={found} currency={currency} />
        </>
      )}
    </Loaded>
  );
}

function Form({
  found: { next, bureaus },
  status: { chain, currency },
  signer,
}: {
  readonly found: PaymentsAnswer;
  readonly status: PortalStatus;
  readonly signer: PageKey;
}) {
  const by = useWatched(me)?.id ?? "";
  const { hand, ...handed } = useSigning(chain);
  const submit = (event: Event) => {
    const field = fieldsOf(event);
    void hand("payment", () => paymentFrom(field, { by, version: next }), signer);
  };
  return (
    <form class="form" onSubmit={submit}>
      <TextField label={t("From whom")} name="from" list="payers" required maxLength={32} />
      <datalist id="payers">
        {bureaus.map((id) => (
          <option key={id} value={id} />
        ))}
      </datalist>
      <NumberField
        label={t("Amount, {currency}", { currency })}
        name="amount"
        min="0.01"
        max="1000000000"
        step="0.000001"
      />
      <Choice
        label={t("What for")}
        name="purpose"
        options={[
          ["balance", t("for what is owed")],
          [
            "collateral",
            bureaus.includes(by) ? t("collateral, which I keep") : t("collateral that came back"),
          ],
        ]}
      />
      <TextField label={t("Reference (may be empty)")} name="reference" maxLength={80} />
      <button type="submit">{t("Sign and hand in")}</button>
      <Handed {...handed} />
    </form>
  );
}

const sorts: Readonly<Record<PaymentsAnswer["entries"][number]["sort"], string>> = {
  payment: t("Payment"),
  collateral: t("Collateral"),
  seized: t("Collateral taken for what was owed"),
  demand: t("Demand response"),
  unread: t("Energy drawn in a silence, beyond the estimates"),
  escrow: t("Put aside for a trade with another feeder, or given back"),
  bond: t("For energy that did not come over from another feeder"),
};

function Entries({
  found: { entries },
  currency,
}: {
  readonly found: PaymentsAnswer;
  readonly currency: string;
}) {
  if (entries.length === 0) {
    return (
      <Card title={t("What moved the account")}>
        <Empty title={t("Nothing besides the hours of the market.")} />
      </Card>
    );
  }
  return (
    <Card title={t("What moved the account")} note={t("of the last two months, newest first")}>
      <Grid
        caption={t("What moved the account")}
        tall
        heads={[t("At"), t("What"), t("With"), `#${t("Money")}`, t("What it rests on")]}
        rows={entries.map(({ number, time, height, sort, money: micro, with: other, payment }) => ({
          key: String(number),
          cells: [
            dayAndClock(time),
            sorts[sort],
            other,
            exactMoney(micro, currency),
            payment === null
              ? t("block {height}", { height })
              : t("acknowledged by {by}, its no. {version}", payment),
          ],
        }))}
      />
    </Card>
  );
}
