import { homes, makeLoad, shops, works } from "./load.ts";
import { photovoltaicPower } from "./photovoltaic.ts";
import { makeSky } from "./sky.ts";
import type { Place } from "./sun.ts";
import { makeWind, windPower } from "./wind.ts";

/** What flows in one minute: integer watts ≥ 0. */
export type Flows = {
  readonly pv: number;
  readonly wind: number;
  readonly ownLoad: number;
  readonly user1: number;
  readonly user2: number;
};

/** Points of the site that a meter can be put at. */
export const sources = [
  "company.net",
  "company.pv",
  "company.wind",
  "bureau.exchange",
  "user.1",
  "user.2",
] as const;
export type Source = (typeof sources)[number];

/** Peak watts of each plant and consumer: the experiment of Liu & Zhou with loads of its order. */
export const peakWatts = {
  pv: 800_000,
  wind: 800_000,
  ownLoad: 450_000,
  user1: 500_000,
  user2: 400_000,
} as const satisfies Flows;

/** The most a meter at a source can see, in watts. */
export const ratedWatts: Readonly<Record<Source, number>> = {
  "company.net": peakWatts.pv + peakWatts.wind,
  "company.pv": peakWatts.pv,
  "company.wind": peakWatts.wind,
  "bureau.exchange": peakWatts.pv + peakWatts.wind,
  "user.1": peakWatts.user1,
  "user.2": peakWatts.user2,
};

/** Shanghai. */
export const defaultPlace: Place = { latitude: 31.23, longitude: 121.47, utcOffsetHours: 8 };

/** A step of the model: flows are constant within it. */
export const stepMs = 60_000;

/** Flows by step number (UTC time / `stepMs`); a pure function of seed, place and step. */
export function makeSite(seed: number, place: Place): (step: number) => Flows {
  const { utcOffsetHours } = place;
  // Flat enough for a roof, and towards the equator.
  const sky = makeSky(seed, place, { tilt: 20, azimuth: place.latitude >= 0 ? 180 : 0 });
  const speed = makeWind(seed);
  const load = (channel: "ownLoad" | "user1" | "user2", habit: typeof works) =>
    makeLoad({ seed, channel, peak: peakWatts[channel], habit, utcOffsetHours });
  const ownLoad = load("ownLoad", works);
  const user1 = load("user1", homes);
  const user2 = load("user2", shops);
  return (step) => {
    const middle = (step + 0.5) * stepMs;
    return {
      pv: Math.round(photovoltaicPower(peakWatts.pv, sky(middle))),
      wind: Math.round(windPower(peakWatts.wind, speed(middle))),
      ownLoad: Math.round(ownLoad(middle)),
      user1: Math.round(user1(middle)),
      user2: Math.round(user2(middle)),
    };
  };
}

/** Watts through a meter, positive = drawn from the grid. The transformer's meter sees the sum. */
export function powerAt(source: Source, flows: Flows): number {
  switch (source) {
    case "company.net":
      return flows.ownLoad - flows.pv - flows.wind;
    case "company.pv":
      return -flows.pv;
    case "company.wind":
      return -flows.wind;
    case "bureau.exchange":
      return flows.ownLoad - flows.pv - flows.wind + flows.user1 + flows.user2;
    case "user.1":
      return flows.user1;
    case "user.2":
      return flows.user2;
    default:
      return source satisfies never;
  }
}
