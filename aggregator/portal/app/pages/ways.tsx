import type { NoticeAddresses } from "@busbar/protocol/notice";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { PreferencesAnswer } from "../../views/shapes.ts";
import { t } from "../language.ts";
import { type Channel, channelNames, channels, type Reader, secretText } from "../preferring.ts";
import { subscribe, takesPushes } from "../push.ts";
import { told } from "../request.ts";

type Told = { readonly message: string; readonly code: string };

type WaysProps = {
  readonly before: PreferencesAnswer;
  /** The addresses of before; undefined where they were sealed for others alone. */
  readonly known: NoticeAddresses | undefined;
  readonly members: readonly Reader[];
  readonly push: NoticeAddresses["push"];
  readonly onPush: (push: NoticeAddresses["push"]) => void;
  readonly onError: (error: Told | undefined) => void;
};

const whens = [
  ["at-once", t("at once")],
  ["hourly", t("hourly")],
  ["daily", t("daily")],
] as const;

/** By which ways, how each is used, and which members may send. */
export function Ways(props: WaysProps) {
  const { before, known, members } = props;
  const readers = before.sealed?.readers ?? members.map(({ id }) => id);
  return (
    <fieldset>
      <legend>{t("By which ways")}</legend>
      {known === undefined ? (
        <p class="quiet">
          {t(
            "Your addresses are sealed for {readers}, and not for you: leave the fields empty to keep them, or state all of them anew.",
            { readers: readers.join(", ") },
          )}
        </p>
      ) : null}
      {channels.map((channel) => (
        <Way key={channel} channel={channel} {...props} />
      ))}
      <fieldset class="checks-grid plain">
        <legend class="quiet">{t("Members who may open your addresses")}</legend>
        {members.map(({ id }) => (
          <label key={id} class="check">
            <input type="checkbox" name={`member-${id}`} defaultChecked={readers.includes(id)} />
            <span>{id}</span>
          </label>
        ))}
      </fieldset>
    </fieldset>
  );
}

function Way({ channel, before, ...rest }: WaysProps & { readonly channel: Channel }) {
  const way = before.ways.find((one) => one.channel === channel);
  const [on, setOn] = useState(way !== undefined);
  const name = channelNames[channel];
  return (
    <fieldset class="way plain" aria-label={name}>
      <label class="check">
        <input
          type="checkbox"
          name={channel}
          checked={on}
          onChange={(event) => setOn(event.currentTarget.checked)}
        />
        <span>{name}</span>
      </label>
      {on ? (
        <div class="form">
          <Address channel={channel} {...rest} />
          <label>
            <span>{t("How often")}</span>
            <select name={`${channel}-when`}>
              {whens.map(([when, text]) => (
                <option key={when} value={when} selected={(way?.when ?? "at-once") === when}>
                  {text}
                </option>
              ))}
            </select>
          </label>
          <label class="check">
            <input
              type="checkbox"
              name={`${channel}-quiet`}
              defaultChecked={way?.quiet ?? channel !== "mqtt"}
            />
            <span>{t("keeps the quiet hours")}</span>
          </label>
        </div>
      ) : null}
    </fieldset>
  );
}

function Address({
  channel,
  known,
  push,
  onPush,
  onError,
}: Omit<WaysProps, "before" | "members"> & { readonly channel: Channel }) {
  switch (channel) {
    case "mqtt":
      return null;
    case "email":
      return (
        <Field label={t("Address")}>
          <input type="email" name="email-to" maxLength={254} defaultValue={known?.email ?? ""} />
        </Field>
      );
    case "push":
      return <Push known={known} push={push} onPush={onPush} onError={onError} />;
    case "webhook":
      return <Webhook known={known} />;
    case "ntfy":
      return (
        <>
          <Field label={t("The topic’s address")}>
            <input
              type="url"
              name="ntfy-url"
              maxLength={1000}
              placeholder="https://ntfy.sh/…"
              defaultValue={known?.ntfy?.url ?? ""}
            />
          </Field>
          <Field label={t("Token, where it needs one")}>
            <input
              name="ntfy-token"
              maxLength={200}
              autocomplete="off"
              defaultValue={known?.ntfy?.token ?? ""}
            />
          </Field>
        </>
      );
    default:
      return channel satisfies never;
  }
}

function Webhook({ known }: Pick<WaysProps, "known">) {
  const [secret, setSecret] = useState(() =>
    secretText(known?.webhook?.secret ?? crypto.getRandomValues(new Uint8Array(32))),
  );
  return (
    <>
      <Field label={t("Where it is posted")}>
        <input
          type="url"
          name="webhook-url"
          maxLength={1000}
          placeholder="https://…"
          defaultValue={known?.webhook?.url ?? ""}
        />
      </Field>
      <Field label={t("Secret that signs it (Standard Webhooks)")}>
        <input
          name="webhook-secret"
          autocomplete="off"
          value={secret}
          onInput={(event) => setSecret(event.currentTarget.value)}
        />
      </Field>
    </>
  );
}

function Push({ known, push, onPush, onError }: Omit<WaysProps, "before" | "members">) {
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    onError(undefined);
    try {
      onPush(await subscribe());
    } catch (problem) {
      onError(told(problem));
    } finally {
      setBusy(false);
    }
  };
  const at = push ?? known?.push;
  return (
    <p>
      {at === undefined
        ? null
        : `${t("subscribed at {host}", { host: new URL(at.endpoint).host })} `}
      {takesPushes() ? (
        <button type="button" class="small" disabled={busy} onClick={() => void run()}>
          {t("Use this browser")}
        </button>
      ) : (
        <span class="quiet">{t("This browser takes no pushes from this address.")}</span>
      )}
    </p>
  );
}

function Field({
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
