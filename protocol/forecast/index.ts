/** What a slot will bring, from slots that have ended; see README.md. */
export { forecast, models, type Outlook } from "./forecast.ts";
export { persistence } from "./models.ts";
export { type DayIndex, listOfDays } from "./neighbours.ts";
export { type Ask, historyDays, historySlots, Past, type Series, targetsMax } from "./series.ts";
