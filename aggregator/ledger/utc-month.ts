const dayMs = 86_400_000;

/**
 * The UTC month of an instant, as `yyyy-mm`: the proleptic Gregorian calendar, counted in years that
 * begin in March, in integers. (No `Date`: what the state holds must not depend on a machine.)
 */
export function utcMonth(time: number): string {
  // Days since 0000-03-01; an era is 400 years of 146 097 days.
  const days = Math.floor(time / dayMs) + 719_468;
  const era = Math.floor(days / 146_097);
  const ofEra = days - era * 146_097;
  const leapDays = Math.floor(ofEra / 1_460) - Math.floor(ofEra / 36_524);
  const yearOfEra = Math.floor((ofEra - leapDays - Math.floor(ofEra / 146_096)) / 365);
  const ofYear =
    ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}`;
}
