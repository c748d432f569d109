import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, rmSync } from "node:fs";
import { Control } from "./control.ts";

/** What a virtual board is made of. */
export type BoardOptions = {
  readonly disk: string;
  /** Takes from the card, at each start, what its firmware would load. */
  readonly load: () => Promise<Loaded>;
  /** Port of this machine behind which the meter's serial line is. */
  readonly meterPort: number;
  /** Port of this machine that leads to the unit's page. */
  readonly pagePort: number;
  /** Where its control socket is, and what its console said. */
  readonly socket: string;
  readonly log: string;
};

/** Kernel and first root as files of this machine, and what the kernel is told. */
export type Loaded = {
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
};

/** What a start may still say, for a fault's report. */
const saidMax = 4 * 1024 * 1024;

/**
 * A board of no particular make with an FTDI adapter in its USB socket, emulated: its kernel and first root
 * come from the card, as a board's firmware would take them. Of its watchdog only what a board has: it bites.
 */
export class Board {
  readonly #options: BoardOptions;
  #qemu: ChildProcess | undefined;
  #control: Control | undefined;
  #said = "";

  constructor(options: BoardOptions) {
    this.#options = options;
  }

  /** What the console said since the last start. */
  get said(): string {
    return this.#said;
  }

  async start(): Promise<void> {
    const { disk, load, meterPort, pagePort, socket, log } = this.#options;
    const { kernel, initrd, commandLine } = await load();
    rmSync(socket, { force: true });
    this.#said = "";
    const qemu = spawn(
      "nice",
      [
        ...["-n", "10", "qemu-system-aarch64"],
        ...["-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", "512"],
        ...["-display", "none", "-no-reboot", "-serial", "stdio", "-monitor", "none"],
        ...["-kernel", kernel, "-initrd", initrd, "-append", commandLine],
        // What the emulator wrote is this machine's to keep, whatever becomes of the emulator: no need to wait for its disk.
        ...["-drive", `if=none,id=card,format=raw,cache=unsafe,file=${disk}`],
        ...["-device", "virtio-blk-pci,drive=card", "-device", "virtio-rng-pci"],
        ...["-netdev", `user,id=net,hostfwd=tcp:127.0.0.1:${pagePort}-:8080`],
        ...["-device", "virtio-net-pci,netdev=net,romfile=", "-device", "qemu-xhci,id=usb"],
        ...["-chardev", `socket,id=line,host=127.0.0.1,port=${meterPort},reconnect=1`],
        ...["-device", "usb-serial,chardev=line,id=adapter,bus=usb.0"],
        ...["-qmp", `unix:${socket},server=on,wait=off`],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#qemu = qemu;
    const file = createWriteStream(log, { flags: "a" });
    for (const stream of [qemu.stdout, qemu.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#said = (this.#said + text).slice(-saidMax);
        file.write(text);
      });
    }
    qemu.once("close", () => file.end("\n--- the machine ended\n"));
    this.#control = await Control.open(socket);
  }

  /** Pulls the plug: SIGKILL to the emulator, wherever the system in it is. */
  async cut(): Promise<void> {
    const qemu = this.#qemu;
    this.#qemu = undefined;
    this.#control?.close();
    if (qemu === undefined || qemu.exitCode !== null || qemu.signalCode !== null) return;
    qemu.kill("SIGKILL");
    await once(qemu, "exit");
  }

  /** The emulator's process; undefined while the board is without power. */
  get pid(): number | undefined {
    return this.#qemu?.pid;
  }

  get hasEnded(): boolean {
    return this.#qemu === undefined || this.#qemu.exitCode !== null;
  }

  async unplug(): Promise<void> {
    await this.#control?.remove("adapter");
  }

  async plug(): Promise<void> {
    const device = { driver: "usb-serial", chardev: "line", id: "adapter", bus: "usb.0" };
    await this.#control?.ask("device_add", device);
  }
}
