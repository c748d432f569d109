import { dirname, resolve } from "node:path";

/** The system service's configuration and, for /etc holds nothing that a unit makes, its own files. */
const service = { configuration: "/etc/busbar", home: "/var/lib/busbar" };

/** Where keys, journal, membership and limits of a configuration lie: beside the file, or where the
 * service keeps them. */
export function homeOf(file: string): string {
  const folder = dirname(resolve(file));
  return folder === service.configuration ? service.home : folder;
}
