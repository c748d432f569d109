import { decodeMessage, mulDiv, obis, openFrame, type Proved } from "@busbar/protocol";
import { contracts } from "../../ledger/rules/market/tables.ts";
import { paymentOf, settlementId, settlements } from "../../ledger/settlements.ts";
import type { PortalTrade } from "../api.ts";
import type { StatementDetail } from "../views/shapes.ts";
import { t } from "./language.ts";
import { check, type Pinned } from "./trust.ts";

/**
 * What the page shows, held against what is proved: a proof that is genuine and proves something else
 * than what stands beside it is worth nothing to its reader.
 */
export type Verdict =
  | {
      readonly ok: true;
      readonly height: number;
      readonly time: number;
      readonly signers: readonly string[];
    }
  | { readonly ok: false; readonly code: string; readonly message: string };

type Fields = Readonly<Record<string, string | number | null | undefined>>;

/** What people call what may differ. */
const whats: Readonly<Record<string, string>> = {
  seller: t("the seller"),
  buyer: t("the buyer"),
  energy: t("energy"),
  price: t("price"),
  fee: t("the way over the grid"),
  slot: t("the hour"),
  paid: t("whether it is paid"),
  void: t("whether it is void"),
  importWh: t("drawn"),
  exportWh: t("given"),
  soldWh: t("sold less bought"),
  imbalanceWh: t("difference"),
  money: t("money"),
  time: t("the time"),
  meter: t("the meter"),
  reading: t("the reading"),
  state: t("the ledger’s state"),
};

/**
 * A contract as the certified state holds it, and by what its hour came to for one of its parties, or that nothing came
 * of it yet, whether it is paid.
 */
export function checkTrade(
  { contract, payment }: { readonly contract: Uint8Array; readonly payment: Uint8Array },
  trade: PortalTrade,
  pinned: Pinned,
): Verdict {
  const signed = checkState(contract, pinned, (reader) => {
    const held = contracts.get(reader(`contract/${trade.contract}`), trade.contract);
    if (held === undefined) return undefined;
    const { seller, buyer, energy, price, fee = 0, slot, isVoid = 0 } = held;
    return {
      proved: { seller, buyer, energy, price, fee, slot, void: isVoid },
      shown: {
        seller: trade.seller,
        buyer: trade.buyer,
        energy: trade.energyWh,
        price: trade.price,
        fee: trade.fee,
        slot: trade.slot,
        void: trade.state === "void" ? 1 : 0,
      },
    };
  });
  const isPaid = trade.state === "paid";
  if (!signed.ok) return signed;
  const paid = checkState(payment, pinned, (reader) => {
    const noted = [trade.buyer, trade.seller].some((owner) => {
      const id = settlementId(trade.slot, owner);
      return paymentOf(reader(settlements.keyOf(id)), trade.contract, trade) !== undefined;
    });
    return { proved: { paid: noted ? 1 : 0 }, shown: { paid: isPaid ? 1 : 0 } };
  });
  return paid.ok ? signed : paid;
}

/** A version of a slot's settlement. */
export function checkSettlement(
  bytes: Uint8Array,
  about: { readonly id: string; readonly version: StatementDetail["versions"][number] },
  pinned: Pinned,
): Verdict {
  const { id, version } = about;
  return checkState(bytes, pinned, (reader) => {
    const held = settlements.get(reader(settlements.keyOf(id)), id)?.versions[version.version - 1];
    if (held === undefined) return undefined;
    const { importWh, exportWh, soldWh, imbalanceWh, money } = held;
    return {
      proved: { importWh, exportWh, soldWh, imbalanceWh, money },
      shown: {
        importWh: version.importWh ?? undefined,
        exportWh: version.exportWh ?? undefined,
        soldWh: version.soldWh,
        imbalanceWh: version.imbalanceWh,
        money: version.money,
      },
    };
  });
}

/** A reading in the batch that its receipt certifies. */
export function checkReading(
  bytes: Uint8Array,
  about: {
    readonly meter: string;
    readonly reading: StatementDetail["meters"][number]["readings"]["from"][number];
  },
  pinned: Pinned,
  frameOf: (bytes: Uint8Array) => Uint8Array | undefined,
): Verdict {
  const proved = check(bytes, pinned);
  if (!proved.ok) return proved;
  const frame = frameOf(bytes);
  const opened = frame && openFrame(frame);
  if (opened === undefined || !opened.ok) return differs("reading");
  const decoded = decodeMessage("readings", opened.frame.envelope.payload);
  const { meter, reading } = about;
  if (!decoded.ok || decoded.message.meter !== meter) return differs("meter");
  const entry = decoded.message.entries[reading.sequence - decoded.message.first];
  const [importWh, exportWh] = [obis.importEnergy, obis.exportEnergy].map((code) =>
    whOf(entry?.registers.get(code)),
  );
  const same = compare(
    { time: entry?.time, importWh, exportWh },
    {
      time: reading.time,
      importWh: reading.importWh ?? undefined,
      exportWh: reading.exportWh ?? undefined,
    },
  );
  return same ?? verdictOf(proved);
}

/**
 * What a meter's signed readings say of a slot, by the ledger's own rule: the register at a boundary, or
 * the straight line between the readings around it, rounded down. Undefined where they do not say it.
 */
export function energyByReadings(
  { readings }: StatementDetail["meters"][number],
  { slot, slotMs }: { readonly slot: number; readonly slotMs: number },
): { readonly importWh: number; readonly exportWh: number } | undefined {
  const from = registersAt(readings.from, slot);
  const to = registersAt(readings.to, slot + slotMs);
  if (from === undefined || to === undefined) return undefined;
  const [importWh, exportWh] = [to.importWh - from.importWh, to.exportWh - from.exportWh];
  // The registers began anew in between; what the ledger makes of that is more than two readings say.
  return importWh < 0 || exportWh < 0 ? undefined : { importWh, exportWh };
}

type Readings = StatementDetail["meters"][number]["readings"]["from"];

function registersAt(readings: Readings, time: number) {
  const [first, second] = readings;
  if (first === undefined || first.importWh === null || first.exportWh === null) return undefined;
  const { importWh, exportWh } = first;
  if (first.at === "exact") return { importWh, exportWh };
  if (second === undefined || second.importWh === null || second.exportWh === null)
    return undefined;
  const at = (a: number, b: number) =>
    a + mulDiv(b - a, time - first.time, second.time - first.time, "floor");
  return { importWh: at(importWh, second.importWh), exportWh: at(exportWh, second.exportWh) };
}

type Reader = Parameters<typeof contracts.get>[0];

function checkState(
  bytes: Uint8Array,
  pinned: Pinned,
  read: (
    reader: (key: string) => Reader,
  ) => { readonly proved: Fields; readonly shown: Fields } | undefined,
): Verdict {
  const proved = check(bytes, pinned);
  if (!proved.ok) return proved;
  const { key: held, value } = proved;
  if (proved.kind !== "state") return differs("state");
  let isOfKey = false;
  const reader = (key: string): Reader => {
    isOfKey ||= key === held;
    return { get: (asked) => (asked === key && key === held ? value : undefined), scan: () => [] };
  };
  const found = read(reader);
  if (found === undefined || !isOfKey) return differs("state");
  return compare(found.proved, found.shown) ?? verdictOf(proved);
}

function compare(proved: Fields, shown: Fields): Verdict | undefined {
  const other = Object.keys(proved).find((name) => proved[name] !== shown[name]);
  return other === undefined ? undefined : differs(other);
}

function differs(what: string): Verdict {
  const message = t("the proof is genuine, and says something else of {what} than this page", {
    what: whats[what] ?? what,
  });
  return { ok: false, code: "page.differs", message };
}

function verdictOf({ header, signers }: Proved): Verdict {
  return { ok: true, height: header.height, time: header.time, signers };
}

function whOf(decimal: readonly [number, number, number?] | undefined): number | undefined {
  if (decimal === undefined) return undefined;
  const [mantissa, exponent] = decimal;
  const value = Math.floor(mantissa * 10 ** exponent);
  return Number.isSafeInteger(value) ? value : undefined;
}
