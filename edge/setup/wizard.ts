import { askAgent } from "./agent-questions.ts";
import { askBrokers } from "./broker-questions.ts";
import type { Draft } from "./draft.ts";
import { draftPlace } from "./found-meters.ts";
import type { Interview } from "./interview.ts";
import { askMeters, type MeterTalk } from "./meter-questions.ts";
import { askUnit } from "./unit-questions.ts";

export type WizardOptions = MeterTalk & {
  readonly file: string;
  /** What the file holds; undefined: it is new. */
  readonly before: Draft | undefined;
  /** Meters only. */
  readonly addMeter: boolean;
};

/** Asks for all that edge.yaml needs, or for what shall change in it. */
export async function wizard(interview: Interview, options: WizardOptions): Promise<Draft> {
  const { file, before, addMeter } = options;
  interview.say(introText(options));
  if (before !== undefined) {
    return addMeter ? askMeters(interview, before, options) : change(interview, before, options);
  }
  interview.say("\nThe unit and its owner");
  let draft = await askUnit(interview, {});
  interview.say("\nMeters");
  for (;;) {
    draft = await askMeters(interview, draft, options);
    if (draft.meters !== undefined) break;
    interview.say("A unit needs a meter at least; once more. q quits.");
  }
  interview.say("\nThe way to the ledger");
  draft = await askBrokers(interview, draft, file);
  interview.say("\nThe market");
  return askAgent(interview, draft);
}

function introText({ file, before }: WizardOptions): string {
  const head =
    before === undefined
      ? `This makes ${file}.`
      : `This changes ${file}; its comments and layout stay.`;
  return `${head} Nothing is written before you say so at the end. Enter takes what stands in [brackets], ? explains, b goes back, q quits.`;
}

type Section = "add" | "remove" | "unit" | "brokers" | "agent" | "done";

/** A file that is there: what shall change, until nothing more shall. */
async function change(interview: Interview, before: Draft, options: WizardOptions): Promise<Draft> {
  let draft = before;
  for (;;) {
    const meters = draft.meters ?? [];
    interview.say(`\nMeters: ${meters.map(({ id }) => id).join(", ")}`);
    const sections: readonly { readonly label: string; readonly value: Section }[] = [
      { label: "add meters", value: "add" },
      { label: "remove a meter", value: "remove" },
      { label: "the unit and its owner", value: "unit" },
      { label: "brokers", value: "brokers" },
      { label: "the market", value: "agent" },
      { label: "no more: show what changes", value: "done" },
    ];
    const section = await interview.choose("What shall change?", sections, {
      fallback: draft === before ? 1 : sections.length,
    });
    if (section === "done") return draft;
    draft = await askSection(interview, draft, section, options);
  }
}

function askSection(
  interview: Interview,
  draft: Draft,
  section: Exclude<Section, "done">,
  options: WizardOptions,
): Promise<Draft> {
  switch (section) {
    case "add":
      return askMeters(interview, draft, options);
    case "remove":
      return askRemoval(interview, draft);
    case "unit":
      return askUnit(interview, draft);
    case "brokers":
      return askBrokers(interview, draft, options.file);
    case "agent":
      return askAgent(interview, draft);
    default:
      return section satisfies never;
  }
}

async function askRemoval(interview: Interview, draft: Draft): Promise<Draft> {
  const meters = draft.meters ?? [];
  if (meters.length < 2) {
    interview.say("A unit needs a meter at least; add the other one first.");
    return draft;
  }
  interview.say("What the ledger holds of a meter stays there; the unit reads it no more.");
  const choices = meters.map((meter) => ({
    label: `${meter.id}: ${meter.profile} at ${draftPlace(meter.connection)}`,
    value: meter.id,
  }));
  const none = { label: "none", value: undefined };
  const gone = await interview.choose("Which?", [...choices, none], {
    fallback: choices.length + 1,
  });
  return { ...draft, meters: meters.filter(({ id }) => id !== gone) };
}
