import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Part } from "./cast.ts";
import { runToEnd } from "./child.ts";
import type { Home } from "./home.ts";
import { cli } from "./programs.ts";

/**
 * Site ms of the newest thing that a run left: a ledger's last block or a journal's last reading.
 * A supervisor that was killed could not write down how far it came, and its units went on without
 * it; a site that resumed earlier would show its meters running backward.
 */
export async function lastRecorded(
  home: Home,
  cast: readonly Part[],
  members: number,
): Promise<number> {
  const log = join(home.logs, "resume.log");
  const ask = async (room: "edge" | "aggregator", args: readonly string[]) =>
    JSON.parse(await runToEnd({ name: `${room} ${args[0]}`, args: [cli(room), ...args], log }));
  const ledger = async (config: string) => {
    const args = ["status", "--config", config, "--json"];
    const { time } = (await ask("aggregator", args)) as { time: string };
    return [Date.parse(time)];
  };
  const journal = async (part: Part) => {
    if (!existsSync(home.journal(part))) return [];
    const args = ["journal", "list", "--config", home.edgeConfig(part), "--json"];
    const { meters } = (await ask("edge", args)) as { meters: readonly { to?: number }[] };
    return meters.map(({ to }) => to ?? 0);
  };
  const ledgers = home.aggregatorConfigs(members).map(ledger);
  const times = await Promise.all([...ledgers, ...cast.map(journal)]);
  return Math.max(...times.flat());
}
