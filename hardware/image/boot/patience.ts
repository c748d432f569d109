import { readFileSync } from "node:fs";
import { gzip } from "../../package/deb.ts";
import { type Entry, file } from "../../package/tree.ts";
import { cpioOf } from "../cpio.ts";
import { radioFiles } from "./radio.ts";

/**
 * What an emulated board is given beside the card's own kernel, first root and command line: time, for it is
 * twenty times slower than a board and its machine has other work, a console that tells everything, and radios.
 * Nothing of the system itself is another.
 */
const commandLineMore = [
  "systemd.default_timeout_start_sec=900",
  "systemd.journald.forward_to_console=1",
  "systemd.journald.max_level_console=notice",
  "systemd.show_status=0",
];

const serviceMore = `[Service]
TimeoutStartSec=900
WatchdogSec=180
`;

/** The card's command line on the board's only console. */
export const patientCommandLine = (line: string): string =>
  [line.trim().replace("console=tty1", "console=ttyAMA0"), ...commandLineMore].join(" ");

/** The card's first root, with an archive behind it whose files appear in /run. */
export function patientInitrd(path: string): Buffer {
  const conf: Entry = file(serviceMore);
  const service = "systemd/system/busbar-edge.service.d/emulated.conf";
  const files = [[service, conf] as const, ...radioFiles];
  const more = new Map(files.map(([name, entry]): [string, Entry] => [`more/run/${name}`, entry]));
  return Buffer.concat([readFileSync(path), gzip(cpioOf(more, 0))]);
}
