/** A GPIO line with a pulse output on it. */
export type GpioLine = {
  /** As `gpiodetect` names it: "gpiochip0". */
  readonly chip: string;
  /** The line's number on the chip; on a Raspberry Pi the BCM number. */
  readonly offset: number;
  /** The resistor inside the chip. An open collector to ground needs pull-up. */
  readonly bias: "pull-up" | "pull-down" | "disabled";
  /** Whether a pulse is a low level, as it is with an open collector to ground. */
  readonly activeLow: boolean;
};

/** Where a meter with a pulse output is. */
export type GpioConnection = { readonly kind: "gpio" } & GpioLine;

/** The line changed its level. */
export type Edge = {
  /** Whether a pulse begins. */
  readonly active: boolean;
  /** On the kernel's monotonic clock. */
  readonly us: number;
};

/** The two generations of libgpiod's tools, which take other options and print other lines. */
export type GpiomonGeneration = 1 | 2;

/** The line in words, and the key of its counter. */
export const gpioName = ({ chip, offset }: GpioLine): string => `${chip}:${offset}`;

/** The generation that `gpiomon --version` says; undefined when it is none that is known. */
export function gpiomonGeneration(versionText: string): GpiomonGeneration | undefined {
  const major = /^gpiomon\b.*\bv(\d+)\./.exec(versionText)?.[1];
  return major === "1" ? 1 : major === "2" ? 2 : undefined;
}

/**
 * The options that make gpiomon print each edge at once. Source: libgpiod 1.6.3 and 2.2,
 * tools/gpiomon.c. Generation 1 needs to be told not to hold lines back in a pipe.
 */
export function gpiomonArguments(generation: GpiomonGeneration, line: GpioLine): string[] {
  const { chip, offset, bias, activeLow } = line;
  const low = activeLow ? ["--active-low"] : [];
  if (generation === 2) {
    const what = ["--chip", chip, "--edges", "both", "--event-clock", "monotonic"];
    return [...what, "--bias", bias, ...low, "--format", "%e %o %S", `${offset}`];
  }
  const resistor = bias === "disabled" ? "disable" : bias;
  const how = ["--line-buffered", `--bias=${resistor}`, ...low, "--format=%e %o %s %n"];
  return [...how, chip, `${offset}`];
}

const shapes = {
  // 0 falling, 1 rising; seconds and nanoseconds are two numbers, neither padded.
  1: { line: /^([01]) (\d{1,10}) (\d{1,10}) (\d{1,9})$/, rising: "1" },
  // 1 rising, 2 falling; nanoseconds are nine digits.
  2: { line: /^([12]) (\d{1,10}) (\d{1,10})\.(\d{9})$/, rising: "1" },
} as const;

/** The edge that a line of output tells; undefined when it is none of this GPIO line. */
export function parseEdge(
  generation: GpiomonGeneration,
  text: string,
  offset: number,
): Edge | undefined {
  const shape = shapes[generation];
  const match = shape.line.exec(text);
  if (match === null) return undefined;
  const [, edge, line, seconds, nanoseconds] = match;
  if (Number(line) !== offset) return undefined;
  const us = Number(seconds) * 1_000_000 + Math.floor(Number(nanoseconds) / 1000);
  return { active: edge === shape.rising, us };
}

/** An edge is told in 40 characters; more without an end is no line of gpiomon's. */
const lineCharsMax = 256;

/** Takes edges out of what gpiomon prints, however it is cut. Keeps at most 256 characters. */
export class EdgeReader {
  readonly #generation: GpiomonGeneration;
  readonly #offset: number;
  #rest = "";
  /** Whether the line under way was too long already: its end is no line of its own. */
  #overlong = false;

  constructor(generation: GpiomonGeneration, offset: number) {
    this.#generation = generation;
    this.#offset = offset;
  }

  /** The edges that `text` completes, and how many lines told none. */
  push(text: string): { readonly edges: readonly Edge[]; readonly malformed: number } {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    const edges: Edge[] = [];
    let malformed = 0;
    for (const line of lines) {
      const edge = this.#overlong ? undefined : parseEdge(this.#generation, line, this.#offset);
      if (edge === undefined) malformed += 1;
      else edges.push(edge);
      this.#overlong = false;
    }
    if (this.#rest.length > lineCharsMax) {
      this.#rest = "";
      this.#overlong = true;
    }
    return { edges, malformed };
  }
}
