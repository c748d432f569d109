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
function port(name: string, driver: string, type?: string): void {
  put(`dev/${name}`);
  mkdirSync(join(root, `sys/devices/${name}`), { recursive: true });
  mkdirSync(join(root, `sys/drivers/${driver}`), { recursive: true });
  link(`sys/class/tty/${name}/device`, join(root, `sys/devices/${name}`));
  link(`sys/devices/${name}/driver`, join(root, `sys/drivers/${driver}`));
  if (type !== undefined) put(`sys/class/tty/${name}/type`, `${type}\n`);
}

port("ttyUSB10", "ch341-uart");
port("ttyUSB0", "ftdi_sio");
put("sys/devices/ttyUSB0/product", "FT232R USB UART\n");
put("sys/devices/ttyUSB0/manufacturer", "FTDI\n");
link("dev/serial/by-id/usb-FTDI_A1-if00-port0", "../../ttyUSB0");
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

test("a port is known by either of its names, and a machine without ports has none", () => {
  const byId = serialPortAt("/dev/serial/by-id/usb-FTDI_A1-if00-port0", root);
  assert.equal(byId?.device, "/dev/ttyUSB0");
  assert.equal(serialPortAt("/dev/ttyUSB9", root), undefined);
  assert.deepEqual(serialPorts(join(root, "nothing")), []);
});
