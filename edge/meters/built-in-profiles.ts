import type { BuiltInProfile } from "./telegram-profiles.ts";

/** What an installer needs to know of meters that have no profile file. */
export type BuiltIn = {
  readonly id: BuiltInProfile;
  /** Which meters. */
  readonly model: string;
  readonly protocol: string;
  /** How they are connected, in few words. */
  readonly connected: string;
  /** A connection in edge.yaml. */
  readonly connection: string;
  /** Keys of the meter in edge.yaml besides `profile` and `connection`, with what each is. */
  readonly options: Readonly<Record<string, string>>;
  /** What is read. */
  readonly values: string;
  readonly verified: string;
  /** Where wiring, checks and limits are written down, within the project. */
  readonly more: string;
};

const serial = "{ kind: rtu, path: /dev/ttyUSB0 }";
const recorded = "against recorded telegrams and simulated meters on a terminal";
const named = "all that the meter sends, under the OBIS codes that it names itself";

/** All meters without a profile file. */
export const builtIns: readonly BuiltIn[] = [
  {
    id: "sml",
    model: "German meters with SML (eHZ, mMe)",
    protocol: "sml",
    connected: "optical head, 9600 8N1",
    connection: serial,
    options: {},
    values: named,
    verified: recorded,
    more: "edge/framing/sml/README.md",
  },
  {
    id: "dsmr",
    model: "P1 port, DSMR 4 and 5, e-MUCS",
    protocol: "dsmr",
    connected: "P1 USB cable, 115200 8N1",
    connection: serial,
    options: {},
    values: `${named}; the total of tariffs as their exact sum`,
    verified: recorded,
    more: "edge/framing/dsmr/README.md",
  },
  {
    id: "dsmr22",
    model: "P1 port, DSMR 2.2 and 3",
    protocol: "dsmr",
    connected: "P1 USB cable, 9600 7E1",
    connection: serial,
    options: {},
    values: `${named}; these meters send no checksum, so a telegram counts by parity and form`,
    verified: recorded,
    more: "edge/framing/dsmr/README.md",
  },
  {
    id: "dlt645-2007",
    model: "Chinese meters, DL/T 645-2007",
    protocol: "dlt645",
    connected: "RS-485, 2400 8E1",
    connection: serial,
    options: { address: "twelve digits of the plate; left out, the only meter is asked for it" },
    values: "energy with tariffs, power, voltage, current, power factor, frequency",
    verified: recorded,
    more: "edge/framing/dlt645/README.md",
  },
  {
    id: "mbus",
    model: "wired M-Bus, EN 13757",
    protocol: "mbus",
    connected: "level converter, 2400 8E1",
    connection: serial,
    options: {
      address: "0 to 250, 254 for the only meter, or the eight digits of the plate; needed",
    },
    values: "all records of all telegrams; OBIS codes for current values of electricity meters",
    verified: recorded,
    more: "edge/framing/mbus/README.md",
  },
  {
    id: "iec62056-21",
    model: "asked meters, modes A, B, C",
    protocol: "iec62056-21",
    connected: "optical head, 300 7E1",
    connection: serial,
    options: {
      address: "device address; left out, whichever meter is there",
      startBaud: "speed of the request, 300 by default",
      baudMax: "the fastest that the optical head takes",
      mode: "A, B or C instead of what the meter proposes",
      parityBy: "unit or line; left out, found out from the answer",
      energyUnit: "Wh or kWh, of energies that the meter sends without a unit",
    },
    values: named,
    verified: recorded,
    more: "edge/framing/iec62056-21/README.md",
  },
  {
    id: "iec62056-21-push",
    model: "pushing meters, mode D",
    protocol: "iec62056-21",
    connected: "optical head, 2400 7E1",
    connection: serial,
    options: { energyUnit: "Wh or kWh, of energies that the meter sends without a unit" },
    values: `${named}; there is no checksum, so a readout counts when its form came twice`,
    verified: recorded,
    more: "edge/framing/iec62056-21/README.md",
  },
  {
    id: "s0",
    model: "pulse outputs, IEC 62053-31",
    protocol: "s0",
    connected: "GPIO line, needs gpiod",
    connection: "{ kind: gpio, offset: 17 }",
    options: {
      pulsesPerKwh: "the constant of the plate; needed",
      initialWh: "what the meter showed when counting began, 0 by default",
      direction: "import, which is the default, or export",
    },
    values: "energy from the count, power from the time between pulses",
    verified: "against a scripted gpiomon, not yet on a GPIO chip",
    more: "edge/framing/s0/README.md",
  },
];

/** The one with an id, or undefined. */
export const builtInOf = (id: string): BuiltIn | undefined => builtIns.find((one) => one.id === id);
