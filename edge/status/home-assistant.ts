import { discoveryTopic, topicsOf } from "@busbar/protocol";
import type { RegisterInfo } from "../schedule/source.ts";

/** A retained message that tells Home Assistant what there is. */
export type Announcement = { readonly topic: string; readonly payload: string };

/** A meter as people's tools may know it. */
export type AnnouncedMeter = {
  readonly id: string;
  readonly profile: string;
  readonly serial: string | undefined;
  /** Those that were read or that the profile lists. */
  readonly registers: readonly RegisterInfo[];
};

/** Whose announcements these are. */
export type AnnouncedUnit = {
  readonly site: string;
  readonly device: string;
  readonly version: string;
  readonly prefix: string;
  /** After so long without a message the values count as gone: wall seconds. */
  readonly expireSeconds: number;
  readonly meters: readonly AnnouncedMeter[];
};

/** Brokers of ours close a connection for a packet beyond 16 KiB. */
const bytesMax = 12_000;

/**
 * Home Assistant's device discovery (its MQTT integration, "Device discovery payload"): one device
 * for the unit and one for each meter behind it, so that no message outgrows a packet, and a meter
 * that fell silent expires though its neighbours go on.
 */
export function announcementsOf(unit: AnnouncedUnit): Announcement[] {
  return [unitAnnouncement(unit), ...unit.meters.map((meter) => meterAnnouncement(unit, meter))];
}

function unitAnnouncement({ site, device, version, prefix }: AnnouncedUnit): Announcement {
  const id = idOf(site, device);
  const link = {
    p: "binary_sensor",
    name: "Connection",
    uniq_id: `${id}_connection`,
    dev_cla: "connectivity",
    ent_cat: "diagnostic",
    stat_t: topicsOf(site).state(device),
    val_tpl: "{{ 'ON' if value_json.online else 'OFF' }}",
  };
  const dev = { ids: [id], name: `Busbar ${device}`, mf: "Busbar", mdl: "Edge unit", sw: version };
  const payload = JSON.stringify({ dev, o: originOf(version), cmps: { connection: link } });
  return { topic: discoveryTopic(device, undefined, prefix), payload };
}

function meterAnnouncement(unit: AnnouncedUnit, meter: AnnouncedMeter): Announcement {
  const { site, device, version, prefix } = unit;
  const topics = topicsOf(site);
  const id = idOf(site, device, meter.id);
  const online = "{{ 'online' if value_json.online else 'offline' }}";
  const head = {
    dev: {
      ids: [id],
      name: meter.id,
      mdl: meter.profile,
      ...(meter.serial === undefined ? {} : { sn: meter.serial }),
      via_device: idOf(site, device),
    },
    o: originOf(version),
    stat_t: topics.meterLive(device, meter.id),
    avty: [{ t: topics.state(device), val_tpl: online }],
  };
  const cmps: Record<string, object> = {};
  let room = bytesMax - JSON.stringify(head).length;
  for (const register of meter.registers) {
    const key = register.obis.replace(/[^A-Za-z0-9]/g, "_");
    const component = componentOf(register, `${id}_${key}`, unit.expireSeconds);
    room -= JSON.stringify({ [key]: component }).length;
    if (room < 0) break;
    cmps[key] = component;
  }
  const payload = JSON.stringify({ ...head, cmps });
  return { topic: discoveryTopic(device, meter.id, prefix), payload };
}

function componentOf({ obis, unit, quantity }: RegisterInfo, id: string, expireSeconds: number) {
  return {
    p: "sensor",
    name: nameOf(quantity),
    uniq_id: id,
    ...kindOf(obis, unit, quantity),
    exp_aft: expireSeconds,
    // A value that the meter does not know renders as None, which Home Assistant shows as unknown.
    val_tpl: `{{ value_json['values'].get('${obis}') }}`,
  };
}

const measured = (deviceClass: string | undefined, unit?: string) => ({
  ...(deviceClass === undefined ? {} : { dev_cla: deviceClass }),
  ...(unit === undefined ? {} : { unit_of_meas: unit }),
  stat_cla: "measurement",
});

/** Units in which Home Assistant's device classes are measured as they are; energies see below. */
const classes: Readonly<Record<string, object>> = {
  W: measured("power", "W"),
  var: measured("reactive_power", "var"),
  VA: measured("apparent_power", "VA"),
  V: measured("voltage", "V"),
  A: measured("current", "A"),
  Hz: measured("frequency", "Hz"),
  C: measured("temperature", "°C"),
  deg: measured(undefined, "°"),
  m3: { dev_cla: "volume", unit_of_meas: "m³", stat_cla: "total_increasing" },
};

function kindOf(obis: string, unit: string, quantity: string): object {
  // A register that only counts up. Where it falls (a reset, another meter) Home Assistant begins a
  // new cycle and keeps its sum, which is what happened. Sums of both directions may fall.
  const increasing =
    /:(?:[1-8]|2[1-8]|4[1-8]|6[1-8])\.8\./.test(obis) || /\.import|\.export/.test(quantity);
  const energy = { stat_cla: increasing ? "total_increasing" : "total" };
  if (unit === "Wh" || unit === "GJ") return { dev_cla: "energy", unit_of_meas: unit, ...energy };
  // Home Assistant has a class for these since 2025 only, and refuses a class that it does not know.
  if (unit === "varh" || unit === "VAh") return { unit_of_meas: unit, ...energy };
  if (unit === "" && quantity.startsWith("pf.")) return measured("power_factor");
  return classes[unit] ?? measured(undefined, unit === "" ? undefined : unit);
}

const originOf = (version: string) => ({ name: "busbar-edge", sw: version });

/** Ids hold hyphens and no underscore, so the parts stay apart. */
const idOf = (...parts: readonly string[]) => ["busbar", ...parts].join("_");

/** `energy.import.l1` → "Energy import L1". */
function nameOf(quantity: string): string {
  const words = quantity
    .split(/[._]/)
    .map((word) => (/^(l\d\w*|n|pf|thd|dc|q\d)$/.test(word) ? word.toUpperCase() : word))
    .filter((word) => word !== "total")
    .join(" ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
