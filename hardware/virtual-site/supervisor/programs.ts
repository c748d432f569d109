import { join } from "node:path";
import { operator, type Part, type Ports, site } from "./cast.ts";
import type { Program } from "./child.ts";
import type { Home } from "./home.ts";

const root = join(import.meta.dirname, "../../..");

/** Where a room's command line is. */
export function cli(room: "edge" | "aggregator" | "flows"): string {
  return join(root, room, "cli.ts");
}

/** The simulated meters. */
export function metersProgram(home: Home): Program {
  return {
    name: "meters",
    args: [join(root, "hardware/virtual-site/meters/main.ts"), "--config", home.meters],
    log: join(home.logs, "meters.log"),
  };
}

/** Broker, ledger, market and portal of each member. */
export function aggregatorPrograms(home: Home, members: number): Program[] {
  return home.aggregatorConfigs(members).map((config, i) => {
    const name = members === 1 ? "aggregator" : `aggregator-${i + 1}`;
    return {
      name,
      args: [cli("aggregator"), "run", "--config", config],
      log: join(home.logs, `${name}.log`),
    };
  });
}

/** One party's edge unit. */
export function edgeProgram(home: Home, part: Part): Program {
  return {
    name: part.device,
    args: [cli("edge"), "run", "--config", home.edgeConfig(part)],
    log: join(home.logs, `${part.device}.log`),
  };
}

/** Node-RED with the example flow, as the operator. `password` is the admin's at its first start. */
export function flowsProgram(
  home: Home,
  cast: readonly Part[],
  { ports, password }: { readonly ports: Ports; readonly password: string | undefined },
): Program {
  const [company] = cast;
  return {
    name: "flows",
    args: [
      cli("flows"),
      "run",
      ...["--user-dir", home.flows],
      ...["--port", String(ports.flows)],
      ...["--flow", join(root, "flows/examples/boiler-follows-price.json")],
    ],
    log: join(home.logs, "flows.log"),
    env: {
      BUSBAR_BROKER: `mqtt://127.0.0.1:${ports.broker}`,
      BUSBAR_SITE: site,
      BUSBAR_IDENTITY: operator,
      BUSBAR_KEY_FILE: home.operatorKey,
      BUSBAR_PORTAL: `http://127.0.0.1:${ports.portal}`,
      BUSBAR_DEVICE: company?.device ?? "",
      BUSBAR_METER: company?.meters[0]?.id ?? "",
      BUSBAR_OWNER: company?.owner ?? "",
      ...(password === undefined ? {} : { BUSBAR_FLOWS_PASSWORD: password }),
    },
  };
}
