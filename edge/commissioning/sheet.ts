import { createHash } from "node:crypto";
import {
  Failure,
  openEnvelope,
  type Signer,
  sealEnvelope,
  sealFrame,
  sheetDomain,
  toBeSigned,
  type UtcMs,
  type Verify,
  verifyEnvelope,
} from "@busbar/protocol";
import type { LoadedConfig } from "../config/load.ts";
import type { SerialPortInfo } from "../meters/serial-ports.ts";
import type { Status } from "../status/status.ts";
import type { KeptSweep } from "../sweep/kept.ts";
import type { CommissioningRecord, DisplayResult, TrialResult } from "./record.ts";

/** One meter of the sheet: which device hangs where, under which name. */
export type SheetMeter = {
  readonly id: string;
  readonly role: string;
  readonly feeder: string;
  readonly profile: string;
  /** How it is reached, and the driver of that port. */
  readonly place: string;
  readonly driver?: string;
  readonly serial?: string;
  readonly answers: boolean;
  readonly reads: number;
  readonly meanMs?: number;
  readonly registersKwh: Readonly<Record<string, string>>;
};

/** What was found, tried and compared when a unit was put into service. */
export type Sheet = {
  readonly form: "busbar-commissioning-1";
  readonly site: string;
  readonly device: string;
  readonly owner: string;
  readonly unitKey: string;
  /** Its edge.yaml, by which another board takes its place; it holds no secret. */
  readonly configuration?: string;
  readonly version: string;
  readonly at: string;
  readonly installer: string;
  readonly meters: readonly SheetMeter[];
  readonly displays: readonly DisplayResult[];
  readonly trials: readonly TrialResult[];
  /** The last sweep of its lines: when, and what it found. */
  readonly sweep?: { readonly at: string; readonly findings: readonly string[] };
  /** What was not done, or did not pass. */
  readonly open: readonly string[];
};

/** A sheet with what was signed of it, as it is kept. */
export type SignedSheet = {
  readonly sheet: Sheet;
  /** COSE_Sign1 around the sheet's bytes, as base64url. */
  readonly unit: string;
  readonly installer?: { readonly key: string; readonly signature: string };
};

/** Makes the sheet of a unit that runs. `at`: ISO 8601. */
export function sheetOf(options: {
  readonly config: LoadedConfig;
  readonly status: Status;
  readonly ports: readonly SerialPortInfo[];
  readonly record: CommissioningRecord;
  readonly unitKey: Uint8Array;
  readonly configuration: string;
  readonly installer: string;
  readonly at: string;
}): Sheet {
  const { config, configuration, status, ports, record, unitKey, installer, at } = options;
  const meters = config.meters.map((meter): SheetMeter => {
    const { id, role, feeder, profile, connection } = meter;
    const seen = status.meters.find((one) => one.id === id);
    const path = connection.kind === "rtu" ? connection.path : undefined;
    const driver = ports.find((port) => port.path === path || port.device === path)?.driver;
    const { count = 0, sumSeconds = 0 } = seen?.readTime ?? {};
    const energies = (seen?.values ?? []).filter(({ obis, unit }) => obis && unit === "Wh");
    return {
      ...{ id, role, feeder, profile, place: placeOf(meter.unit, connection) },
      ...(driver === undefined ? {} : { driver }),
      ...(seen?.serial === undefined ? {} : { serial: seen.serial }),
      answers: (seen?.readings ?? 0) > 0 && seen?.error === undefined,
      reads: seen?.readings ?? 0,
      ...(count === 0 ? {} : { meanMs: Math.round((1000 * sumSeconds) / count) }),
      registersKwh: Object.fromEntries(
        energies.map(({ obis = "", value }) => [obis, (value / 1000).toFixed(3)]),
      ),
    };
  });
  const { displays, trials } = record;
  return {
    form: "busbar-commissioning-1",
    ...{ site: config.site, device: config.device.id, owner: config.owner.id },
    unitKey: Buffer.from(unitKey).toString("base64url"),
    configuration,
    ...{ version: status.version, at, installer, meters, displays, trials },
    ...(status.sweep === undefined ? {} : { sweep: sweepOf(status.sweep) }),
    open: openPoints(meters, record, { status, serial: hasSerial(config) }),
  };
}

const sweepOf = ({ at, buses }: KeptSweep): NonNullable<Sheet["sweep"]> => ({
  at,
  findings: buses.flatMap(({ bus, findings }) =>
    findings.map(({ state, message, code }) => `${bus}: ${state}, ${message} [${code}]`),
  ),
});

function openPoints(
  meters: readonly SheetMeter[],
  { displays, trials }: CommissioningRecord,
  { status, serial }: { readonly status: Status; readonly serial: boolean },
): string[] {
  const isTried = (kind: string, meter?: string) =>
    trials.some((one) => one.kind === kind && (meter === undefined || one.meter === meter));
  return [
    ...meters.flatMap(({ id, answers, serial }) => [
      ...(answers ? [] : [`${id} does not answer`]),
      ...(serial === undefined ? [`${id} says no serial number: note its plate by hand`] : []),
      ...(displays.some(({ meter }) => meter === id)
        ? []
        : [`the display of ${id} was not compared`]),
      ...(isTried("adapter", id) ? [] : [`the adapter of ${id} was not tried`]),
    ]),
    ...(isTried("network") ? [] : ["the network was not tried"]),
    ...(isTried("power") ? [] : ["the power was not tried"]),
    ...displays
      .filter(({ passed }) => !passed)
      .map(
        (one) =>
          `the display of ${one.meter} shows ${one.shownKwh} kWh (${one.way}), read was ${one.readKwh}`,
      ),
    ...trials
      .filter(({ passed }) => !passed)
      .map(
        ({ kind, meter, text }) => `${kind}${meter === undefined ? "" : ` of ${meter}`}: ${text}`,
      ),
    ...sweepPoints(status.sweep, serial),
    ...(status.clock.known ? [] : ["the unit does not know the time"]),
    ...(status.link?.lastReceiptAt === undefined ? ["no receipt has come from the ledger"] : []),
  ];
}

/** Two meters at one address, or a line that rests the wrong way round, may read well today. */
function sweepPoints(sweep: KeptSweep | undefined, serial: boolean): string[] {
  if (sweep === undefined) return serial ? ["the lines were not swept: busbar-edge sweep"] : [];
  return sweep.buses.flatMap(({ bus, findings }) =>
    findings
      .filter(({ state }) => state === "fault")
      .map(({ message, code }) => `${bus}: ${message} [${code}]`),
  );
}

const hasSerial = ({ meters }: LoadedConfig): boolean =>
  meters.some(({ connection: { kind } }) => kind === "rtu" || kind === "rtu-over-tcp");

function placeOf(unit: number, connection: LoadedConfig["meters"][number]["connection"]): string {
  switch (connection.kind) {
    case "rtu":
      return `${connection.path}, unit ${unit}`;
    case "gpio":
      return `${connection.chip}, line ${connection.offset}`;
    case "tcp":
    case "rtu-over-tcp":
      return `${connection.kind}://${connection.host}:${connection.port}, unit ${unit}`;
    default:
      return connection satisfies never;
  }
}

const domain = (sheet: Sheet, who: "unit" | "installer") => ({
  chain: sheet.site,
  kind: `commissioning-${who}`,
});
const bytesOf = (sheet: Sheet): Uint8Array => new TextEncoder().encode(JSON.stringify(sheet));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** SHA-256 over the bytes that unit and installer signed: by it the ledger knows the sheet. */
export const sheetHash = (sheet: Sheet): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytesOf(sheet)).digest());

/**
 * What the unit brings to the ledger of a sheet, signed by it: the hash, how much is open, and the
 * installer's word on the hash. `at`: site ms.
 */
export function sheetMessage(
  sheet: Sheet,
  {
    at,
    unit,
    installer,
  }: { readonly at: UtcMs; readonly unit: Signer; readonly installer?: Signer },
): Uint8Array {
  const { site: chain, device } = sheet;
  const hash = sheetHash(sheet);
  const signedBy = (signer: Signer) => ({
    key: signer.publicKey,
    signature: signer.sign(toBeSigned(hash, signer.kid, sheetDomain(chain))),
  });
  const message = {
    // By its time: a unit with a new card goes on behind the sheets of the old one.
    ...{ device, number: at, sheet: hash, at, open: Math.min(sheet.open.length, 1000) },
    ...(installer === undefined ? {} : { installer: signedBy(installer) }),
  };
  return sealFrame("commissioning", message, { chain, signer: unit });
}

/** The sheet, signed by the unit and, where an installer has a key, countersigned. */
export function signSheet(sheet: Sheet, unit: Signer, installer?: Signer): SignedSheet {
  const signedBy = (signer: Signer, who: "unit" | "installer") =>
    text(sealEnvelope(bytesOf(sheet), domain(sheet, who), signer));
  return {
    sheet,
    unit: signedBy(unit, "unit"),
    ...(installer === undefined
      ? {}
      : {
          installer: {
            key: text(installer.publicKey),
            signature: signedBy(installer, "installer"),
          },
        }),
  };
}

/** Who signed a kept sheet. */
export type Checked = { readonly sheet: Sheet; readonly installerKey: string | undefined };

/**
 * Checks a kept sheet: what stands in it is what its unit, and its installer if one is named, signed.
 * That these keys are theirs is for who reads it to compare.
 * Throws: `Failure` `commission.sheet`, `commission.signature`.
 */
export function checkSheet(json: string, verify: Verify): Checked {
  let signed: SignedSheet;
  try {
    signed = JSON.parse(json) as SignedSheet;
  } catch {
    throw bad("sheet", "it is no JSON");
  }
  const { sheet, unit, installer } = Object(signed) as Partial<SignedSheet>;
  if (sheet?.form !== "busbar-commissioning-1" || typeof sheet.site !== "string") {
    throw bad("sheet", "expected a sheet that busbar-edge commission sheet wrote");
  }
  checkOne(sheet, { who: "unit", key: sheet.unitKey, signature: unit, verify });
  if (installer === undefined) return { sheet, installerKey: undefined };
  const { key, signature } = Object(installer) as Partial<NonNullable<SignedSheet["installer"]>>;
  checkOne(sheet, { who: "installer", key, signature, verify });
  return { sheet, installerKey: key };
}

function checkOne(
  sheet: Sheet,
  {
    who,
    key,
    signature,
    verify,
  }: {
    readonly who: "unit" | "installer";
    readonly key: unknown;
    readonly signature: unknown;
    readonly verify: Verify;
  },
): void {
  const refuse = (): never => {
    throw bad("signature", `what stands in it is not what the ${who} signed`);
  };
  if (typeof key !== "string" || typeof signature !== "string") return refuse();
  const opened = openEnvelope(new Uint8Array(Buffer.from(signature, "base64url")));
  if (!opened.ok) return refuse();
  const publicKey = new Uint8Array(Buffer.from(key, "base64url"));
  const isSame = Buffer.from(opened.envelope.payload).equals(Buffer.from(bytesOf(sheet)));
  if (!isSame || publicKey.length !== 32) return refuse();
  if (!verifyEnvelope(opened.envelope, domain(sheet, who), publicKey, verify)) refuse();
}

const bad = (what: string, message: string): Failure =>
  new Failure(`commission.${what}`, `the sheet is refused: ${message}`, { retry: "never" });
