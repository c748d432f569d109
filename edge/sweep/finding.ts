/** What to do about what a sweep, or a unit that runs, finds on a line. Codes stay the same in every version. */
export const sweepRemedies = {
  "sweep.console":
    "sudo raspi-config, Interface Options, Serial Port: login shell no, hardware yes; elsewhere take console=… out of the kernel's command line",
  "sweep.no-parity":
    "add dtoverlay=disable-bt to /boot/firmware/config.txt and use /dev/ttyAMA0, or take a USB adapter",
  "sweep.another-master":
    "one master a bus: take the other one off (a logger, an inverter, another program), or read its meters elsewhere",
  "sweep.swapped":
    "swap wires A and B at the adapter (that harms nothing); still so: bias resistors, A up and B down",
  "sweep.noise":
    "bias and termination (120 Ω at both ends), common wire, screen at one end; away from cables of inverters and motors",
  "sweep.echo":
    "nothing: echoes are taken out; an adapter whose receiver is off while it sends makes none",
  "sweep.echo-alone":
    "the adapter works, so look behind it: the wires to the meter, its power, speed and unit id",
  "sweep.echo-damaged":
    "something else drives the line at the same time, or it is shorted: look for a second master, swapped wires of one meter, too much termination",
  "sweep.duplicate-address":
    "switch one of them off, give the other a unit id of its own at its buttons or by its maker's program, and sweep again",
  "sweep.garbled":
    "another speed or parity than the meter's; two meters at this unit id (take one off and sweep again); bias, termination, common wire",
  "sweep.silences": "loose wires, long branches, a second master; a lower speed for a long cable",
  "sweep.other-answers":
    "a gateway or meter that answers late or for others: ask more slowly; one master only",
  "sweep.no-answer":
    "a speed or parity that was not tried (--thorough), wires A and B swapped, a missing common wire, or a meter of another protocol",
  "sweep.silent":
    "the meter's power; wires A and B (swapping them harms nothing); further unit ids: --units 1-247",
} as const;

export type SweepCode = keyof typeof sweepRemedies;

/** Something that is not as it should be on a line, with what to do about it. */
export type SweepFinding = {
  readonly code: SweepCode;
  readonly state: "warning" | "fault";
  /** Of one unit id; absent: of the bus. */
  readonly unit?: number;
  readonly message: string;
  readonly remedy: string;
};

export const finding = (
  code: SweepCode,
  state: SweepFinding["state"],
  message: string,
): SweepFinding => ({ code, state, message, remedy: sweepRemedies[code] });

/** What the machine says against a port before anybody is asked: warnings of `serialPorts`. */
export function portFindings(warnings: readonly string[]): SweepFinding[] {
  return warnings.map((text) => {
    const at = text.indexOf(": ");
    const isConsole = text.includes("console");
    const code = isConsole ? "sweep.console" : "sweep.no-parity";
    const found = finding(code, isConsole ? "fault" : "warning", text.slice(0, at));
    return { ...found, remedy: text.slice(at + 2) };
  });
}
