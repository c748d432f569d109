import type { SerialPortInfo } from "../meters/serial-ports.ts";
import { finding, portFindings, type SweepFinding } from "./finding.ts";

/** What a unit that runs counts on one of its lines. */
type Counts = Readonly<Record<string, number>>;

/** Of so many requests a stray byte now and then is nothing to climb a ladder for. */
const strayShare = 0.05;

/** What the counts of a line that is in use tell, without a question more than its meters are asked anyway. */
export function liveFindings(
  counts: Counts,
  port: Pick<SerialPortInfo, "warnings"> | undefined,
): SweepFinding[] {
  const of = (name: string) => counts[name] ?? 0;
  const [requests, answers] = [of("requests"), of("replies") + of("exceptions")];
  const found = portFindings(port?.warnings ?? []);
  if (of("foreign") > 0) {
    found.push(
      finding("sweep.another-master", "fault", `another master asked ${of("foreign")} times`),
    );
  }
  if (of("babble") > 0) {
    const message = `the line did not fall silent ${of("babble")} times`;
    found.push(finding("sweep.swapped", answers === 0 ? "fault" : "warning", message));
  }
  if (of("echoes") > 0) {
    const message = `the adapter hears its own questions (${of("echoes")} of ${requests})`;
    found.push(
      answers === 0
        ? finding("sweep.echo-alone", "fault", `${message}, and no meter`)
        : finding("sweep.echo", "warning", message),
    );
  }
  if (of("noiseBytes") > strayShare * Math.max(requests, 20)) {
    const message = `${of("noiseBytes")} bytes came that are no answer, beside ${answers} answers`;
    found.push(finding("sweep.noise", answers === 0 ? "fault" : "warning", message));
  }
  if (of("unexpected") > 0) {
    const message = `${of("unexpected")} answers came from a unit that was not asked`;
    found.push(finding("sweep.other-answers", "warning", message));
  }
  return found;
}
