import type { ComponentChildren } from "preact";
import { t } from "../language.ts";
import type { Field as Given } from "../ordering.ts";
import { Problem } from "./loaded.tsx";

/** A form's fields, its buttons, and what came of handing it in: the shapes that the pages' forms share. */

/** A control with its name above it. */
export function Field({
  label,
  children,
}: {
  readonly label: string;
  readonly children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is what is given to it
    <label>
      <span>{label}</span>
      {children}
    </label>
  );
}

/** A number; what it is in, and in which steps, is the caller's. */
export function NumberField({
  label,
  value,
  step = "0.001",
  ...rest
}: {
  readonly label: string;
  readonly name: string;
  readonly min: string;
  readonly max: string;
  readonly step?: string;
  readonly value?: number;
}) {
  const given = value === undefined ? {} : { defaultValue: String(value) };
  return (
    <Field label={label}>
      <input type="number" required step={step} {...rest} {...given} />
    </Field>
  );
}

/** A word or a name; `list`: the id of a list of usual ones. */
export function TextField({
  label,
  value = "",
  ...rest
}: {
  readonly label: string;
  readonly name: string;
  readonly value?: string;
  readonly type?: "text" | "email" | "url" | "datetime-local" | "time";
  readonly required?: boolean;
  readonly disabled?: boolean;
  readonly maxLength?: number;
  readonly placeholder?: string;
  readonly list?: string;
}) {
  return (
    <Field label={label}>
      <input autocomplete="off" defaultValue={value} {...rest} />
    </Field>
  );
}

/** One of a few. */
export function Choice<V extends string | number>({
  label,
  name,
  options,
  value,
  onChoice,
}: {
  readonly label: string;
  readonly name?: string;
  readonly options: readonly (readonly [value: V, text: string])[];
  readonly value?: V | undefined;
  readonly onChoice?: (value: string) => void;
}) {
  return (
    <Field label={label}>
      <select name={name} onChange={(event) => onChoice?.(event.currentTarget.value)}>
        {options.map(([one, text]) => (
          <option key={one} value={one} selected={one === value}>
            {text}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** Of how many of the last days a page tells. */
export function DaysChoice({
  spans,
  days,
  onDays,
}: {
  readonly spans: readonly number[];
  readonly days: number;
  readonly onDays: (days: number) => void;
}) {
  const options = spans.map((one) => [one, t("{days} days", { days: one })] as const);
  return (
    <div class="inline">
      <Choice
        label={t("Of the last")}
        options={options}
        value={days}
        onChoice={(text) => onDays(Number(text))}
      />
    </div>
  );
}

/** Yes or no, its name behind it. */
export function Check({
  label,
  onOn,
  ...rest
}: {
  readonly label: string;
  readonly name: string;
  readonly disabled?: boolean;
  readonly checked?: boolean;
  readonly defaultChecked?: boolean;
  readonly onOn?: (on: boolean) => void;
}) {
  const changed =
    onOn === undefined
      ? {}
      : { onChange: (event: Event) => onOn((event.currentTarget as HTMLInputElement).checked) };
  return (
    <label class="check">
      <input type="checkbox" {...rest} {...changed} />
      <span>{label}</span>
    </label>
  );
}

/** What came of handing a signed message in. */
export function Handed({
  done,
  error,
}: {
  readonly done: boolean;
  readonly error: { readonly message: string; readonly code: string } | undefined;
}) {
  return (
    <>
      {done ? (
        <p class="wide" role="status" data-tone="good">
          {t("Signed and handed in; it counts from the next block on.")}
        </p>
      ) : null}
      {error === undefined ? null : <Problem error={error} />}
    </>
  );
}

/** What a form that was sent holds. */
export function fieldsOf(event: Event): Given {
  event.preventDefault();
  const given = new FormData(event.currentTarget as HTMLFormElement);
  return (name) => String(given.get(name) ?? "");
}
