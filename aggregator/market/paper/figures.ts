/** The paper's figures 2–5 of a day, and what it does not show: convergence and error. */

import type { DayHour, HourPowers } from "../day/day-file.ts";
import type { Channel } from "../game/channels.ts";
import type { Chart, Series } from "./chart.ts";
import { type Experiment, kwhOf } from "./experiment.ts";

const looks: Readonly<Record<Channel, string>> = { cg: "c4", cu: "c2", gc: "c3", gu: "c1" };
const names: Readonly<Record<Channel, string>> = { cg: "C→G", cu: "C→U", gc: "G→C", gu: "G→U" };
/** As the paper draws them: users' channels first. */
const drawn: readonly Channel[] = ["gu", "gc", "cu", "cg"];

export function figure2(experiment: Experiment): readonly [Chart, Chart] {
  const { day } = experiment;
  const about = { ...hoursOf(experiment), yName: "kW", kind: "lines", fromZero: true } as const;
  return [
    {
      ...about,
      id: "fig2-generation",
      title: "Sun and wind, real and predicted",
      description:
        "Hourly power of the company's photovoltaic and wind plants, as measured and as forecast.",
      series: pairs(day.hours, [
        ["sun", "pv", "c5"],
        ["wind", "wind", "c2"],
      ]),
    },
    {
      ...about,
      id: "fig2-load",
      title: "Loads, real and predicted",
      description:
        "Hourly load of the users and of the company itself, as measured and as forecast.",
      series: pairs(day.hours, [
        ["users", "users", "c1"],
        ["company", "own", "c3"],
      ]),
    },
  ];
}

export function figure3(experiment: Experiment): Chart {
  return {
    ...hoursOf(experiment),
    id: "fig3",
    title: "Energy that company and bureau can sell",
    description:
      "Hourly energy on each channel: the company sells to users first, the rest to the bureau; the bureau covers what is missing.",
    yName: "kWh",
    kind: "stacked",
    fromZero: true,
    series: drawn.map((channel) => ({
      name: names[channel],
      look: looks[channel],
      values: kwhOf(experiment.hours, channel),
    })),
  };
}

export function figure4(experiment: Experiment): Chart {
  return {
    ...prices(experiment),
    id: "fig4",
    title: "Effective prices",
    description:
      "The colony's hourly price of each channel in the hours in which energy flows on it.",
    series: drawn.map((channel) => ({
      name: names[channel],
      look: looks[channel],
      values: experiment.hours.map(({ colony }) => currency(colony?.[channel])),
    })),
  };
}

export function figure5(experiment: Experiment): Chart {
  return {
    ...prices(experiment),
    id: "fig5",
    title: "Best bids of all channels",
    description:
      "What the colony says of every channel in every hour. Hollow points carry no energy: they decide nothing, and are reported as not traded everywhere else.",
    series: drawn.map((channel) => ({
      name: names[channel],
      look: looks[channel],
      values: experiment.best.map((best) => best[channel]),
      hollow: experiment.hours.map(({ quantities }) => quantities[channel] === 0),
    })),
  };
}

export function convergence({ convergence: { least, median, most }, effort }: Experiment): Chart {
  const count = lastOf(most) + 5;
  const upTo = (values: readonly number[]) => values.slice(0, count);
  return {
    id: "convergence",
    title: `The colony at noon with ${effort.seeds} seeds`,
    description:
      "The proven distance from the best division after each iteration, for the quickest, the median and the slowest seed.",
    labels: upTo(most).map((_, i) => String(i + 1)),
    xName: "iteration",
    yName: "proven gap",
    kind: "logarithmic",
    fromZero: false,
    limit: { name: "where the search ends: 1e-12", value: 1e-12 },
    series: [
      { name: "slowest seed", look: "c1", values: upTo(most) },
      { name: "median", look: "c2", values: upTo(median) },
      { name: "quickest", look: "c3", values: upTo(least), dashed: true },
    ],
  };
}

export function trails({ pheromone: { rho, mean, least } }: Experiment): Chart {
  const upTo = (values: readonly number[]) => values.slice(0, 60);
  return {
    id: "trails",
    title: "Evaporation and pheromone",
    description:
      "The evaporation of eq. 14, and the mean and the weakest pheromone of the 35 ants, over the first 60 iterations at noon.",
    labels: upTo(rho).map((_, i) => String(i + 1)),
    xName: "iteration",
    yName: "ρ, pheromone",
    kind: "lines",
    fromZero: true,
    series: [
      { name: "evaporation ρ", look: "c4", values: upTo(rho) },
      { name: "mean pheromone", look: "c2", values: upTo(mean), dashed: true },
      { name: "weakest ant's", look: "c1", values: upTo(least) },
    ],
  };
}

export function errors(experiment: Experiment): Chart {
  return {
    ...hoursOf(experiment),
    id: "errors",
    title: `Colony against exact, worst of ${experiment.effort.seeds} seeds`,
    description:
      "For each hour the greatest distance of a traded price from the exact one, over all seeds, beside the limit of 0.001.",
    yName: "currency/kWh",
    kind: "logarithmic",
    fromZero: false,
    limit: { name: "limit 0.001", value: 0.001 },
    series: [{ name: "worst error", look: "c1", values: experiment.worstByHour }],
  };
}

export function planned(experiment: Experiment): Chart {
  const { asItIs, planned: after, level } = experiment.planned;
  return {
    ...hoursOf(experiment),
    id: "planned",
    title: "A day with a battery and with demand that answers",
    description:
      "Energy drawn from the bureau (below 0: given to it) as it is and once it is planned, and the battery's level.",
    yName: "kWh",
    kind: "lines",
    fromZero: false,
    series: [
      { name: "from the bureau, as it is", look: "c2", values: asItIs, dashed: true },
      { name: "planned", look: "c1", values: after },
      { name: "battery's level", look: "c3", values: level },
    ],
  };
}

/** The chosen day's channels by name. */
export const channelName = (channel: Channel): string => names[channel];
const hoursOf = ({ day }: Experiment) => ({
  labels: day.hours.map(({ hour }) => hour),
  xName: "hour",
});

const prices = (experiment: Experiment) =>
  ({ ...hoursOf(experiment), yName: "currency/kWh", kind: "lines", fromZero: false }) as const;

const currency = (price: number | undefined) => (price === undefined ? undefined : price / 1e6);

type Pair = readonly [name: string, quantity: keyof HourPowers, look: string];

function pairs(hours: readonly DayHour[], wanted: readonly Pair[]): Series[] {
  return wanted.flatMap(([name, quantity, look]) =>
    (["real", "forecast"] as const).flatMap((kind): Series[] => {
      if (hours.every((hour) => hour[kind] === undefined)) return [];
      const values = hours.map((hour) => hour[kind]?.[quantity]);
      const label = kind === "real" ? "real" : "predicted";
      return [{ name: `${name}, ${label}`, look, values, dashed: kind === "forecast" }];
    }),
  );
}

/** The last place at which a falling history still changes. */
function lastOf(values: readonly number[]): number {
  const end = values.at(-1) ?? 0;
  const at = values.findIndex((value) => value <= Math.max(end, 1e-16));
  return at < 0 ? values.length : at;
}
