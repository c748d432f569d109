import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A serial port of this machine. */
export type SerialPortInfo = {
  /** By-id where the adapter has a serial number: it stays when adapters are plugged elsewhere. Else by
   * the USB socket: of two adapters without one, by-id names whichever was plugged last. */
  readonly path: string;
  /** The kernel's name: /dev/ttyUSB0. */
  readonly device: string;
  /** The kernel's driver: ftdi_sio, ch341, uart-pl011; undefined where the kernel names none. */
  readonly driver: string | undefined;
  /** What the adapter says it is. */
  readonly product: string | undefined;
  /** Why meters may not work at it, and what to do, as sentences. */
  readonly warnings: readonly string[];
};

/**
 * The serial ports of this machine that have hardware behind them.
 * @param root where /dev, /proc and /sys are; a folder of its own in tests
 */
export function serialPorts(root = "/"): readonly SerialPortInfo[] {
  const byId = namesIn(root, "dev/serial/by-id");
  const byPath = namesIn(root, "dev/serial/by-path");
  const consoles = consoleNames(root);
  return entries(join(root, "sys/class/tty"))
    .filter((name) => isPort(root, name))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((name) => {
      const driver = driverOf(root, name);
      return {
        path: (isUnique(root, name) ? byId : byPath).get(name) ?? byId.get(name) ?? `/dev/${name}`,
        device: `/dev/${name}`,
        driver,
        product: productOf(root, name),
        warnings: warningsOf(driver, consoles.has(name)),
      };
    });
}

/** What is known of the port at a path, by whichever of its names. */
export function serialPortAt(path: string, root = "/"): SerialPortInfo | undefined {
  const device = realName(join(root, path));
  return serialPorts(root).find((port) => realName(join(root, port.device)) === device);
}

/** A terminal line with a device behind it; virtual consoles and absent PC ports have none. */
function isPort(root: string, name: string): boolean {
  const folder = join(root, "sys/class/tty", name);
  if (!existsSync(join(folder, "device/driver"))) return false;
  // Four 8250 ports are announced on any PC; type 0 is one that is not there.
  return read(join(folder, "type")) !== "0" && existsSync(join(root, "dev", name));
}

function driverOf(root: string, name: string): string | undefined {
  const path = join(root, "sys/class/tty", name, "device");
  // Newer kernels put a port device between the line and its hardware.
  for (const at of [join(path, "driver"), join(path, "../driver"), join(path, "../../driver")]) {
    const driver = linkName(at);
    if (driver !== undefined && !["port", "ctrl"].includes(driver)) return driver;
  }
  return undefined;
}

function productOf(root: string, name: string): string | undefined {
  const folder = usbFolder(root, name);
  if (folder === undefined) return undefined;
  const product = read(join(folder, "product")) ?? "";
  const maker = read(join(folder, "manufacturer")) ?? "";
  return product.startsWith(maker) ? product : `${maker} ${product}`;
}

/** Where USB's own words are, which stand at the device above the interface. */
function usbFolder(root: string, name: string): string | undefined {
  let folder = realName(join(root, "sys/class/tty", name, "device"));
  for (let up = 0; up < 4; up += 1) {
    if ((read(join(folder, "product")) ?? "") !== "") return folder;
    folder = dirname(folder);
  }
  return undefined;
}

/** Whether an adapter has a serial number that no other one has: CH340 have none, and all CP2102 that
 * nobody gave one have 0001. What is no USB adapter has one place only. */
function isUnique(root: string, name: string): boolean {
  const folder = usbFolder(root, name);
  return folder === undefined || !/^0*1?$/.test(read(join(folder, "serial")) ?? "");
}

function warningsOf(driver: string | undefined, isConsole: boolean): string[] {
  const warnings: string[] = [];
  if (isConsole) {
    warnings.push(
      "the system's console is on it and writes to the bus: sudo raspi-config, Interface Options, Serial Port: login shell no, hardware yes; elsewhere take console=… out of the kernel's command line",
    );
  }
  if (driver?.includes("bcm2835-aux") === true) {
    warnings.push(
      "the Raspberry Pi's mini UART has no parity and a clock that drifts: add dtoverlay=disable-bt to /boot/firmware/config.txt and use /dev/ttyAMA0, or take a USB adapter",
    );
  }
  return warnings;
}

/** Links of a folder by the kernel's name of what they lead to. */
function namesIn(root: string, folder: string): ReadonlyMap<string, string> {
  const names = entries(join(root, folder)).sort();
  const known = names.map((name) => {
    const target = linkName(join(root, folder, name)) ?? name;
    return [target, `/${folder}/${name}`] as const;
  });
  return new Map(known.reverse());
}

/** Lines that the kernel or a login uses as a console. */
function consoleNames(root: string): ReadonlySet<string> {
  const active = read(join(root, "sys/class/tty/console/active")) ?? "";
  return new Set(active.split(/\s+/).filter((name) => !/^tty\d*$/.test(name)));
}

function entries(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    // The kernel shows what a device has; an absent file says nothing more.
    return undefined;
  }
}

function linkName(link: string): string | undefined {
  try {
    return basename(readlinkSync(link));
  } catch {
    // No such link is an answer: nothing is there.
    return undefined;
  }
}

function realName(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}
