import { useState } from "preact/hooks";
import type { PortalStatus } from "../../api.ts";
import type { GreenAnswer } from "../../views/shapes-community.ts";
import { kwh } from "../format.ts";
import type { PageKey } from "../key.ts";
import { t } from "../language.ts";
import { moveFrom } from "../moving.ts";
import { Choice, fieldsOf, Handed, NumberField, TextField } from "../parts/fields.tsx";
import { useSigning } from "../signing.ts";

/** Hands certificates on, or retires them. */
export function CertificateForm({
  found: { lines, nextMove },
  owner,
  status: { chain },
  signer,
}: {
  readonly found: GreenAnswer;
  readonly owner: string;
  readonly status: PortalStatus;
  readonly signer: PageKey;
}) {
  const { hand, ...handed } = useSigning(chain);
  const [what, setWhat] = useState("give");
  const submit = (event: Event) => {
    const field = fieldsOf(event);
    const about = { owner, version: nextMove, lines };
    void hand("certificate-move", () => moveFrom(field, about), signer);
  };
  const held = (form: string) =>
    lines.reduce((sum, line) => sum + (line.form === form ? line.heldWh : 0), 0);
  return (
    <form class="form" onSubmit={submit}>
      <Choice
        label={t("What to do with them")}
        name="what"
        options={[
          ["give", t("hand them to another owner")],
          ["retire", t("retire them for what I used")],
        ]}
        value={what}
        onChoice={setWhat}
      />
      <Choice
        label={t("Energy")}
        name="form"
        options={(["solar", "wind"] as const).map((form) => [
          form,
          t("{form}: {kwh} kWh held", { form: t(form), kwh: kwh(held(form)) }),
        ])}
      />
      <NumberField label="kWh" name="kwh" min="0.001" max="100000000" />
      {what === "give" ? (
        <TextField label={t("Who gets them")} name="to" required maxLength={32} />
      ) : null}
      <TextField label={t("Why (may be empty)")} name="reason" maxLength={80} />
      <button type="submit">{t("Sign and hand in")}</button>
      <Handed {...handed} />
    </form>
  );
}
