import { field, int, noticeLease, noticePreferences, record } from "@busbar/protocol/schema";
import { table } from "../../state/table.ts";

/** `notice-preferences/<owner>`: how an owner wants to be told; who never said has the usual. */
export const noticePreferencesTable = table("notice-preferences", noticePreferences);

/** `notice-lease/<channel>`: which member sends the site's notices by it, and how far it has come. */
export const noticeLeases = table("notice-lease", noticeLease);

/** `notice-heard/<owner>`: up to which block an owner has acknowledged its notices, at whichever broker. */
export const noticesHeard = table(
  "notice-heard",
  record("notice-heard", { height: field(1, int(1, Number.MAX_SAFE_INTEGER)) }),
);
