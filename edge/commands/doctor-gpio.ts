import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { GpioLine } from "../framing/s0/gpiomon-lines.ts";

/** What doctor finds about a line with a pulse output; `remedy` where there is something to do. */
export function gpioLine(line: GpioLine): {
  readonly state: "ok" | "fault";
  readonly message: string;
  readonly remedy?: string;
} {
  const device = line.chip.startsWith("/") ? line.chip : `/dev/${line.chip}`;
  const fault = (message: string, remedy: string) => ({ state: "fault", message, remedy }) as const;
  if (!onPath("gpiomon")) {
    return fault("gpiomon is not installed", "sudo apt-get install gpiod");
  }
  const found = { state: "ok", message: `${device}, line ${line.offset}` } as const;
  // A chip may also be named by its label, which only gpiodetect knows.
  if (!/^\/dev\/gpiochip\d+$/.test(device)) return found;
  if (!existsSync(device)) {
    return fault(`${device}: no such chip`, "gpiodetect lists the chips that are there");
  }
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
  } catch {
    const remedy = 'sudo usermod -aG gpio "$USER", then sign in anew';
    return fault(`${device}: this user may not use it`, remedy);
  }
  return found;
}

const onPath = (program: string): boolean =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .some((folder) => folder !== "" && existsSync(join(folder, program)));
