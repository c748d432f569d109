import type { Day } from "../day/day-file.ts";

/**
 * The built-in day: a made-up one of a place as the paper describes it, 800 kW of sun and 800 kW of wind,
 * whose noon has the energy at which the paper's published prices can be compared: Q_GU = 324 and
 * Q_CU = 409 kWh. It has hours of all four channels.
 */

/** Hour; sun, wind, own load, users' load, each real and forecast, in kW. */
const rows: readonly (readonly number[])[] = [
  [1, 0, 0, 628, 575, 263, 274, 450, 429],
  [2, 0, 0, 676, 632, 247, 236, 434, 447],
  [3, 0, 0, 704, 772, 236, 235, 422, 432],
  [4, 0, 0, 697, 723, 236, 242, 422, 411],
  [5, 0, 0, 641, 579, 247, 248, 441, 433],
  [6, 56, 57, 545, 533, 264, 261, 488, 498],
  [7, 165, 163, 431, 475, 279, 272, 568, 582],
  [8, 281, 302, 331, 334, 292, 302, 621, 600],
  [9, 389, 376, 255, 223, 305, 310, 593, 582],
  [10, 478, 447, 180, 187, 321, 304, 571, 599],
  [11, 540, 574, 140, 158, 343, 349, 627, 625],
  [12, 572, 592, 118, 105, 366, 380, 733, 701],
  [13, 565, 527, 115, 109, 381, 369, 717, 730],
  [14, 525, 519, 127, 139, 383, 378, 642, 661],
  [15, 454, 480, 144, 148, 370, 377, 556, 545],
  [16, 358, 360, 159, 149, 352, 357, 528, 515],
  [17, 246, 233, 166, 158, 338, 334, 577, 587],
  [18, 131, 127, 169, 185, 334, 324, 682, 703],
  [19, 28, 34, 175, 182, 336, 348, 780, 754],
  [20, 0, 0, 190, 164, 331, 337, 791, 774],
  [21, 0, 0, 221, 227, 318, 301, 705, 738],
  [22, 0, 0, 360, 401, 304, 309, 591, 591],
  [23, 0, 0, 452, 424, 296, 307, 514, 491],
  [24, 0, 0, 560, 513, 293, 285, 481, 489],
];

export const builtInDay: Day = {
  date: "built-in day",
  hours: rows.map((row, i) => {
    const [hour = 0, pv = 0, pvForecast = 0, wind = 0, windForecast = 0] = row;
    const [, , , , , own = 0, ownForecast = 0, users = 0, usersForecast = 0] = row;
    return {
      hour: String(hour),
      row: i + 2,
      real: { pv, wind, own, users },
      forecast: { pv: pvForecast, wind: windForecast, own: ownForecast, users: usersForecast },
    };
  }),
};
