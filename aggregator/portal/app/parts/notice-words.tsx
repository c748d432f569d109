import type { Catalogue } from "../../../notices/words/catalogue.ts";
import type { LinkAnswer } from "../../views/shapes.ts";
import type { Agreement, Standing } from "../agreement.ts";
import { t } from "../language.ts";
import { worded } from "../wording.ts";

type Linked = LinkAnswer["notices"][number];

/** What people call what a notice says, where its catalogue has no label, or one that stands before a number only. */
const factNames: Readonly<Record<string, string>> = {
  slot: t("the hour"),
  contract: t("contract"),
  other: t("the other side"),
  meter: t("meter"),
  unit: t("unit"),
  form: t("energy form"),
  month: t("month"),
  why: t("reason"),
  by: t("by whom"),
  action: t("what is asked"),
  status: t("state"),
  side: t("buying or selling"),
  gate: t("gate"),
  origin: t("from whom"),
  feeder: t("feeder"),
  purpose: t("purpose"),
  rest: t("the rest"),
  estimate: t("estimate"),
};

const standings: Readonly<Record<Standing, string>> = {
  proven: t("certified by the members"),
  other: t("certified otherwise"),
  open: t("not in the proof"),
};

/** A notice in words that this page makes, each fact marked by how it stands to the proofs. */
export function NoticeWords({
  one,
  timeZone,
  catalogue,
  agreement,
}: {
  readonly one: Linked;
  readonly timeZone: string;
  readonly catalogue: Catalogue;
  /** Absent while its proofs are checked. */
  readonly agreement: Agreement | undefined;
}) {
  const words = worded(one, { catalogue, timeZone });
  if (words === undefined)
    return <p>{t("This page has no words for it: {key}", { key: one.key })}</p>;
  return (
    <>
      <p class="notice-words">
        {words.text.map(({ text, fact }) => {
          const standing = (fact !== undefined && agreement?.facts[fact]) || undefined;
          return standing === undefined ? (
            text
          ) : (
            <span key={fact} class="fact" data-standing={standing} title={standings[standing]}>
              {text}
            </span>
          );
        })}
      </p>
      {agreement === undefined ? null : <Summary {...{ one, catalogue, agreement }} />}
    </>
  );
}

/** What of the notice is certified, and what is the word of the member that was asked. */
function Summary({
  one,
  catalogue,
  agreement: { event, facts },
}: {
  readonly one: Linked;
  readonly catalogue: Catalogue;
  readonly agreement: Agreement;
}) {
  const labels: Readonly<Record<string, string>> = catalogue.labels;
  const names = (standing: Standing) =>
    one.facts
      .filter(({ name }) => facts[name] === standing)
      .map(({ name }) => (factNames[name] ?? labels[name] ?? name).toLowerCase())
      .join(", ");
  const [proven, other, open] = [names("proven"), names("other"), names("open")];
  if (event === "other" || other !== "") {
    return (
      <p role="status" data-tone="bad">
        ✗{" "}
        {t("What the members certify now is another thing than the notice says: {names}.", {
          names: [event === "other" ? t("that it happened to you") : "", other]
            .filter((name) => name !== "")
            .join(", "),
        })}
      </p>
    );
  }
  if (event === "proven") {
    return (
      <p role="status" data-tone="good">
        ✓{" "}
        {open === ""
          ? t("The members certify all that it says.")
          : t("The members certify that it happened, and: {proven}. Not in the proof: {open}.", {
              proven,
              open,
            })}
      </p>
    );
  }
  return (
    <p role="status" data-tone="warn">
      {proven === ""
        ? t("Nothing of it is in a proof that is yours: it is this member’s word alone.")
        : t("Only this is certified: {proven}. All else is this member’s word alone.", { proven })}
    </p>
  );
}
