import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { serialPortAt, serialPorts } from "./serial-ports.ts";

const root = mkdtempSync(join(tmpdir(), "busbar-ports-"));
after(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, text = ""): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

/** A line as Linux shows it: its class folder, its hardware's folder, its driver. */
function port(name: string, driver: string, type?: string, below = ""): void {
  put(`${below}dev/${name}`);
  mkdirSync(join(root, `${below}sys/devices/${name}`), { recursive: true });
  mkdirSync(join(root, `${below}sys/drivers/${driver}`), { recursive: true });
  link(`${below}sys/class/tty/${name}/device`, join(root, `${below}sys/devices/${name}`));
  link(`${below}sys/devices/${name}/driver`, join(root, `${below}sys/drivers/${driver}`));
  if (type !== undefined) put(`${below}sys/class/tty/${name}/type`, `${type}\n`);
}

port("ttyUSB10", "ch341-uart");
port("ttyUSB0", "ftdi_sio");
put("sys/devices/ttyUSB0/product", "FT232R USB UART\n");
put("sys/devices/ttyUSB0/manufacturer", "FTDI\n");
put("sys/devices/ttyUSB0/serial", "A1\n");
link("dev/serial/by-id/usb-FTDI_A1-if00-port0", "../../ttyUSB0");
link("dev/serial/by-path/usb-0:1.1:1.0-port0", "../../ttyUSB0");
port("ttyS0", "bcm2835-aux-uart", "4");
port("ttyS1", "serial8250", "0");
put("sys/class/tty/tty1/dev", "4:1");
put("sys/class/tty/console/active", "tty1 ttyS0\n");

test("ports are those with hardware, by the names that stay, with their drivers", () => {
  assert.deepEqual(
    serialPorts(root).map(({ path, driver, product }) => [path, driver, product]),
    [
      ["/dev/ttyS0", "bcm2835-aux-uart", undefined],
      ["/dev/serial/by-id/usb-FTDI_A1-if00-port0", "ftdi_sio", "FTDI FT232R USB UART"],
      ["/dev/ttyUSB10", "ch341-uart", undefined],
    ],
  );
});

test("a console in the way and a UART without parity are named with their remedies", () => {
  const [console, mini] = serialPortAt("/dev/ttyS0", root)?.warnings ?? [];
  assert.match(console ?? "", /console.*raspi-config/);
  assert.match(mini ?? "", /no parity.*dtoverlay=disable-bt/);
  assert.deepEqual(serialPortAt("/dev/ttyUSB0", root)?.warnings, []);
});

test("adapters that no serial number tells apart are named by their sockets", () => {
  const alike = join(root, "alike");
  const at = (name: string, socket: string, serial?: string) => {
    port(`${name}`, "ch341-uart", undefined, "alike/");
    put(`alike/sys/devices/${name}/product`, "USB Serial");
    if (serial !== undefined) put(`alike/sys/devices/${name}/serial`, serial);
    if (socket !== "") link(`alike/dev/serial/by-path/${socket}`, `../../${name}`);
  };
  at("ttyUSB0", "usb-0:1.1:1.0-port0");
  at("ttyUSB1", "usb-0:1.2:1.0-port0", "0001\n");
  at("ttyUSB2", "");
  link("alike/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0", "../../ttyUSB2");
  assert.deepEqual(
    serialPorts(alike).map(({ path }) => path),
    [
      "/dev/serial/by-path/usb-0:1.1:1.0-port0",
      "/dev/serial/by-path/usb-0:1.2:1.0-port0",
      // A system that makes no names by socket: better the other name than one that changes.
      "/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0",
    ],
  );
});

test("a port is known by either of its names, and a machine without ports has none", () => {
  const byId = serialPortAt("/dev/serial/by-id/usb-FTDI_A1-if00-port0", root);
  assert.equal(byId?.device, "/dev/ttyUSB0");
  assert.equal(serialPortAt("/dev/ttyUSB9", root), undefined);
  assert.deepEqual(serialPorts(join(root, "nothing")), []);
});
