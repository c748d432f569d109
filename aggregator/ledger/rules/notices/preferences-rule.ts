import {
  compareBytes,
  encodeMessage,
  type NoticePreferences,
  parseTimeZone,
  type Refusal,
} from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { TxRule } from "../../rule.ts";
import { noticePreferencesTable } from "./tables.ts";

/**
 * Takes how an owner wants to be told. Codes, in order: `preferences.rights`,
 * `preferences.exists-different`, `preferences.version`, `preferences.time-zone`,
 * `preferences.twice` (a channel, a topic or a member named twice), `preferences.addresses`.
 */
export const preferencesRule: TxRule<"notice-preferences"> = ({ state, emit }, message, signer) => {
  const { owner, version } = message;
  if (signer.kind !== "owner" || signer.id !== owner) {
    const text = `expected the signature of owner ${owner}, got ${signer.kind} ${signer.id}'s`;
    return refuse("preferences.rights", text);
  }
  const current = noticePreferencesTable.get(state, owner);
  if (current !== undefined && current.version === version) {
    if (isSame(current, message)) return { ok: true, code: "exists" };
    const text = `version ${version} says something else; raise it`;
    return refuse("preferences.exists-different", text);
  }
  if (current !== undefined && version < current.version) {
    const text = `expected a version above ${current.version}, got ${version}`;
    return refuse("preferences.version", text);
  }
  const unsound = checkContent(message);
  if (unsound !== undefined) return unsound;
  noticePreferencesTable.set(state, owner, message);
  emit({ type: "notice-preferences-set", owner, version });
  return { ok: true };
};

function checkContent({
  timeZone,
  ways,
  muted,
  addresses,
}: NoticePreferences): Refusal | undefined {
  if (parseTimeZone(timeZone) === undefined) {
    const text = `expected a POSIX TZ text such as CET-1CEST,M3.5.0,M10.5.0/3, got ${timeZone}`;
    return refuse("preferences.time-zone", text);
  }
  const channels = ways.map(({ channel }) => channel);
  const members = addresses?.keys.map(({ member }) => member) ?? [];
  for (const names of [channels, muted, members] as const) {
    const twice = names.find((name, i) => names.indexOf(name as never) !== i);
    if (twice !== undefined) return refuse("preferences.twice", `${twice} is named twice`);
  }
  const reached = channels.find((channel) => channel !== "mqtt");
  if (reached === undefined || addresses !== undefined) return undefined;
  return refuse("preferences.addresses", `${reached} needs an address, and none is sealed`);
}

function isSame(a: NoticePreferences, b: NoticePreferences): boolean {
  const kind = "notice-preferences";
  return compareBytes(encodeMessage(kind, a), encodeMessage(kind, b)) === 0;
}
