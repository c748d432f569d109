import { claimRemedy, untilText } from "../claim/claim-status.ts";
import type { Status } from "../status/status.ts";
import { type Finding, fault, ok, warning } from "./finding.ts";

/** How long receipts take, by the newest of a running unit. */
export function receiptFinding({ link, clockSpeed }: Status, wall: number): Finding {
  const check = "time to receipt";
  if (link === undefined || !link.connected) {
    return warning(check, "the unit has no broker now", "see the findings on brokers");
  }
  const { recent } = link.receiptTimes;
  if (recent.length === 0) {
    const remedy = "wait for the next batch (batch.minutes); then see the findings on brokers";
    return warning(check, "no receipt came since the unit's start", remedy);
  }
  const sorted = recent.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const age = Math.round((wall - (link.lastReceiptAt ?? wall)) / 1000);
  const message = `${seconds(median)} in the middle, ${seconds(sorted.at(-1) ?? 0)} at most, of the last ${recent.length}; newest ${age} s ago`;
  if (median < 30_000 || clockSpeed !== 1) return ok(check, message);
  return warning(check, message, "ask the member who runs the aggregator to look at its load");
}

/** How a unit stands with its label; undefined where it has to do with none. */
export function claimFinding({ claim, device }: Status): Finding | undefined {
  const check = "label";
  switch (claim?.state) {
    case undefined:
      return undefined;
    case "code": {
      const remedy = `enter it at http://${device}.local:8080/claim, or: busbar-edge claim`;
      return warning(check, "the card is sealed and waits for the label's code", remedy);
    }
    case "asking": {
      const message = `the ledger has not taken the unit in yet: ${claim.problem ?? "it was asked"}${untilText(claim.until)}`;
      return warning(check, message, "see the findings on brokers; the unit asks again by itself");
    }
    case "refused":
      return fault(check, `${claim.message} [${claim.code}]`, claimRemedy(claim.code));
    case "admitted":
      return ok(check, `taken in by ${claim.label}, in block ${claim.height}`);
    default:
      return claim satisfies never;
  }
}

/** Whether the running unit has found another with its id; the doctor's own sign-in has another one. */
export function identityFindings({ link }: Status): readonly Finding[] {
  if (link?.problem?.code !== "link.duplicate-client") return [];
  return [fault("identity", link.problem.message, link.problem.remedy)];
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 0)} s`;

/** What `systemctl show` says of the service. */
export function serviceFinding(show: string | undefined): Finding {
  const check = "service";
  const how = "hardware/systemd/README.md says how it is installed";
  if (show === undefined) return warning(check, "no systemd here to start the unit", how);
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(show)?.[1] ?? "";
  if (value("LoadState") !== "loaded") {
    return warning(
      check,
      "busbar-edge is no service of systemd: after a power cut nobody starts it",
      how,
    );
  }
  if (value("UnitFileState") !== "enabled") {
    const remedy = "sudo systemctl enable --now busbar-edge";
    return warning(check, "not enabled: after a power cut it does not start", remedy);
  }
  const state = value("ActiveState");
  if (state !== "active") {
    const remedy = "journalctl -u busbar-edge -n 50 says why; sudo systemctl start busbar-edge";
    return fault(check, `enabled, but ${state} (${value("Result") || "no result"})`, remedy);
  }
  const restarts = Number(value("NRestarts"));
  const watchdog = value("WatchdogUSec");
  if (watchdog === "" || watchdog === "0" || watchdog === "infinity") {
    return warning(
      check,
      "active, without a watchdog",
      `set WatchdogSec=60 in its unit file; ${how}`,
    );
  }
  const message = `active, watchdog ${watchdog}, ${restarts} restarts`;
  if (!(restarts > 0)) return ok(check, message);
  return warning(check, message, "journalctl -u busbar-edge shows what ended it");
}

const dayMs = 86_400_000;

/** How long a broker's certificate still holds. */
export function certificateFinding(check: string, validTo: number, wall: number): Finding {
  const days = Math.floor((validTo - wall) / dayMs);
  const until = new Date(validTo).toISOString().slice(0, 10);
  const remedy = "have the broker's certificate renewed by the member who runs it";
  if (days < 0) return fault(check, `its certificate ended on ${until}`, remedy);
  if (days < 14) return warning(check, `its certificate holds ${days} more days`, remedy);
  return ok(check, `its certificate holds until ${until}`);
}

/** How long the unit's own certificate for a broker still holds. */
export function ownCertificateFinding(file: string, validTo: number, wall: number): Finding {
  const check = `certificate ${file}`;
  const days = Math.floor((validTo - wall) / dayMs);
  const until = new Date(validTo).toISOString().slice(0, 10);
  const remedy =
    "have it renewed by the authority that signed it, and put the new one in its place: the unit takes it at its next connection";
  if (days < 0) return fault(check, `ended on ${until}: brokers refuse the unit`, remedy);
  if (days < 14) return warning(check, `holds ${days} more days`, remedy);
  return ok(check, `holds until ${until}`);
}
