import type { Draft } from "./draft.ts";
import { type Interview, wrong } from "./interview.ts";

type Limits = NonNullable<NonNullable<Draft["agent"]>["limits"]>;

/** Whether the unit quotes for its owner, and within which limits. */
export async function askAgent(interview: Interview, draft: Draft): Promise<Draft> {
  const { agent } = draft;
  const enabled = await interview.confirm(
    "Shall the unit buy and sell for its owner?",
    agent?.enabled ?? false,
    "It quotes in the site's market within limits that the owner signs at busbar-edge enrol. Without it readings are billed all the same.",
  );
  if (!enabled) {
    return agent === undefined ? draft : { ...draft, agent: { ...agent, enabled: false } };
  }
  const limits: Limits = agent?.limits ?? {};
  const energy = (text: string, wh = 0) =>
    interview.ask({ text, fallback: decimal(wh, 1000), parse: (answer) => scaled(answer, 1000) });
  const price = (text: string, micro = 0) =>
    interview.ask({
      text,
      fallback: decimal(micro, 1_000_000),
      parse: (answer) => signed(answer, 1_000_000),
    });
  const asked = {
    askWhMax: await energy("Most to sell in one slot, kWh", limits.askWhMax),
    askMicroPerKwhMin: await price("Never sell cheaper, per kWh", limits.askMicroPerKwhMin),
    bidWhMax: await energy("Most to buy in one slot, kWh", limits.bidWhMax),
    bidMicroPerKwhMax: await price("Never buy dearer, per kWh", limits.bidMicroPerKwhMax),
  };
  return { ...draft, agent: { ...agent, enabled, limits: { ...limits, ...asked } } };
}

const decimal = (value: number, unit: number): string => String(value / unit);

/** The same, below 0 too. */
function signed(text: string, unit: number): number {
  return text.startsWith("-") ? 0 - scaled(text.slice(1), unit) : scaled(text, unit);
}

/** A decimal as people type it, as a whole number of parts. */
function scaled(text: string, unit: number): number {
  const value = Math.round(Number(text.replace(",", ".")) * unit);
  const most = unit === 1000 ? 1e12 : 1e9;
  if (/^\d+([.,]\d*)?$/.test(text) && value <= most) return value;
  throw wrong(`expected a number from 0 to ${most / unit}, like 2.5`);
}
