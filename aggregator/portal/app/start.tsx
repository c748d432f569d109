/** The page itself: drawn, and kept up with who is signed in and with the site. */
import { render } from "preact";
import { App } from "./app.tsx";
import { followSite, model } from "./live-site.ts";
import { siteTime } from "./model.ts";
import { openDue } from "./quoting.ts";
import { Refused } from "./request.ts";
import { startRouting } from "./route.ts";
import { askWho, me } from "./session.ts";

/** Wall ms between two attempts to learn who is signed in, while the portal does not answer. */
const againMs = 3_000;

startRouting();
render(<App />, document.body);
let following: string | undefined;
me.watch((who) => {
  const name = `${who?.role} ${who?.id}`;
  if (following === name) return;
  following = name;
  followSite();
});
model.watch((now) => {
  const time = siteTime(now, Date.now());
  if (time !== undefined && now.status !== undefined) void openDue(now.status.chain, time);
});
await learn();

async function learn(): Promise<void> {
  for (;;) {
    try {
      return await askWho();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await new Promise((resolve) => setTimeout(resolve, againMs));
    }
  }
}
