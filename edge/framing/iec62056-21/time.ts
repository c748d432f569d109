/**
 * The instant that a meter writes as YYMMDDhhmm, YYMMDDhhmmss, YYMMDDhhmmssS/W (DSMR) or, with its
 * season first, ZYYMMDDhhmmss; as ISO 8601, without an offset where the meter does not say the
 * season. Undefined for what is no time. Units: `standardMinutes` is winter time's offset from UTC.
 */
export function meterTime(text: string, standardMinutes: number): string | undefined {
  const match = /^(?:[0-9](?=\d{12}$))?(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?([SW])?$/.exec(text);
  if (match === null) return undefined;
  const [, year = "", month = "", day = "", hour = "", minute = "", second = "00", season] = match;
  if (season !== undefined && text.length !== 13) return undefined;
  const iso = `20${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const date = new Date(`${iso}Z`);
  // A Date that rolled over (30 February) or is none says another text.
  if (Number.isNaN(date.getTime()) || date.toISOString().slice(0, 19) !== iso) return undefined;
  if (season === undefined) return iso;
  return iso + offsetText(standardMinutes + (season === "S" ? 60 : 0));
}

function offsetText(minutes: number): string {
  const two = (value: number) => String(Math.trunc(value)).padStart(2, "0");
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`;
}
