import {
  type DemandMandate,
  type DemandOrder,
  microPerKwh,
  utcMs,
  watt,
  wh,
} from "@busbar/protocol";
import { t } from "./language.ts";

/** A form's field by its name. */
export type Field = (name: string) => string;

const actions = ["shed", "shift", "limit"] as const;

/**
 * The order that a form comes to. Times are UTC, as the hours of this page. Throws: `Error` in words for people, or
 * `UnitError` for numbers beyond their range.
 */
export function orderFrom(
  field: Field,
  { by, id, slotMs }: { readonly by: string; readonly id: Uint8Array; readonly slotMs: number },
): DemandOrder {
  const action = actions.find((one) => one === field("action")) ?? "shed";
  const slot = instantOf(field("slot"));
  const slots = Number(field("slots"));
  const later = action === "shift" ? { toSlot: utcMs(instantOf(field("toSlot"))) } : {};
  const limit = action === "limit" ? { limitW: watt(Math.round(Number(field("kw")) * 1000)) } : {};
  if (slot % slotMs !== 0) throw new Error(t("Expected the beginning of an hour of the market."));
  return {
    id,
    by,
    device: field("device").trim(),
    action,
    slot: utcMs(slot),
    slots,
    energy: wh(Math.round(Number(field("kwh")) * 1000)),
    price: microPerKwh(Math.round(Number(field("price")) * 1_000_000)),
    answerBy: utcMs(slot),
    ...limit,
    ...later,
  };
}

/** What a form lets others order from a unit without asking. Throws: as `orderFrom`. */
export function mandateFrom(
  field: Field,
  about: { readonly owner: string; readonly device: string; readonly version: number },
): DemandMandate {
  const by = field("by").trim();
  return {
    ...about,
    energyMax: wh(Math.round(Number(field("kwh")) * 1000)),
    limitWMin: watt(Math.round(Number(field("kw")) * 1000)),
    priceMin: microPerKwh(Math.round(Number(field("price")) * 1_000_000)),
    slotsMax: Number(field("slots")),
    until: utcMs(instantOf(field("until"))),
    ...(by === "" ? {} : { by }),
  };
}

/** "2026-06-14T10:00" as UTC. Throws: `Error` in words for people. */
export function instantOf(text: string): number {
  const at = Date.parse(`${text}Z`);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) && Number.isSafeInteger(at)) return at;
  throw new Error(t("Expected a day and a time, got {text}.", { text }));
}

export function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16);
}
