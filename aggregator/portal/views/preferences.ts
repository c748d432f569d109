import { encodeAs, noticePreferences } from "@busbar/protocol/schema";
import type { StateReader } from "../../ledger/state/state.ts";
import { preferencesOf } from "../../notices/preferences.ts";
import type { PreferencesAnswer } from "./shapes.ts";

const sealed = noticePreferences.fields.addresses.type;

/** How an owner is told, as it signed or as is usual; its addresses stay sealed. */
export function preferencesView(state: StateReader, owner: string): PreferencesAnswer {
  const { addresses, quiet, muted, ways, ...rest } = preferencesOf(state, owner);
  return {
    ...rest,
    ways: [...ways],
    quiet: quiet ?? null,
    muted: [...muted],
    sealed:
      addresses === undefined
        ? null
        : {
            box: Buffer.from(encodeAs(sealed, addresses)).toString("base64url"),
            readers: addresses.keys.map(({ member }) => member),
          },
  };
}
