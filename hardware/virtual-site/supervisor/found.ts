import { join } from "node:path";
import { creditLine, operator, type Part, site, timeZone } from "./cast.ts";
import { runToEnd } from "./child.ts";
import type { Home } from "./home.ts";
import { cli } from "./programs.ts";

/** A new site: keys and requests of the units, then genesis with all of them admitted. */
export async function found(
  home: Home,
  cast: readonly Part[],
  { members, startMs }: { readonly members: number; readonly startMs: number },
): Promise<void> {
  await Promise.all(
    cast.map((part) =>
      runToEnd({
        name: `${part.device} enrol`,
        args: [cli("edge"), "enrol", "--config", home.edgeConfig(part)],
        log: join(home.logs, "enrol.log"),
      }),
    ),
  );
  await runToEnd({
    name: "aggregator init",
    args: [
      cli("aggregator"),
      "init",
      ...["--home", home.aggregator],
      ...["--site", site],
      ...["--members", String(members)],
      ...["--currency", "CNY"],
      ...["--time-zone", timeZone],
      ...["--credit-line", String(creditLine)],
      ...["--time", new Date(startMs).toISOString()],
      ...["--clock", home.clock],
      ...["--operator", operator],
      ...cast.flatMap((part) => ["--admit", home.edgeRequest(part)]),
    ],
    log: join(home.logs, "init.log"),
  });
}
