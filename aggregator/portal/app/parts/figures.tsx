import { t } from "../language.ts";

export type Figure = {
  readonly id: string;
  readonly title: string;
  readonly value: string;
  readonly unit?: string;
  readonly note?: string;
  readonly tone?: "good" | "bad" | "words";
};

/** Figures to see first. */
export function Figures({
  label,
  figures,
}: {
  readonly label: string;
  readonly figures: readonly Figure[];
}) {
  return (
    <section class="tiles few" aria-label={label}>
      {figures.map(({ id, title, value, unit, note, tone }) => (
        <article key={id} class={`tile ${id}`} data-tone={tone}>
          <h2>{title}</h2>
          <p class="value">
            <b>{value}</b> <span class="unit">{unit}</span>
          </p>
          <p class="quiet">{note}</p>
        </article>
      ))}
    </section>
  );
}

/** "412.5 kW" as a figure with its unit. */
export function parted(text: string): { readonly value: string; readonly unit?: string } {
  const at = text.lastIndexOf(" ");
  return at < 0 ? { value: text } : { value: text.slice(0, at), unit: text.slice(at + 1) };
}

const levels = { good: "Good", warn: "Look at it", bad: "Needs you" } as const;

/** How something is, in colour and in words. */
export function Level({ level }: { readonly level: keyof typeof levels }) {
  return (
    <span class="level" data-level={level}>
      {t(levels[level])}
    </span>
  );
}
