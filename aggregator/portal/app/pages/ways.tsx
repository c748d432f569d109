import type { NoticeAddresses } from "@busbar/protocol/notice";
import { useState } from "preact/hooks";
import type { PreferencesAnswer } from "../../views/shapes.ts";
import { t } from "../language.ts";
import { Check, Choice, Field, TextField } from "../parts/fields.tsx";
import { type Channel, channelNames, channels, type Reader, secretText } from "../preferring.ts";
import { subscribe, takesPushes } from "../push.ts";
import { told } from "../request.ts";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";

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
          <Check key={id} label={id} name={`member-${id}`} defaultChecked={readers.includes(id)} />
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
      <Check label={name} name={channel} checked={on} onOn={setOn} />
      {on ? (
        <div class="form">
          <Address channel={channel} {...rest} />
          <Choice
            label={t("How often")}
            name={`${channel}-when`}
            options={whens}
            value={way?.when ?? "at-once"}
          />
          <Check
            label={t("keeps the quiet hours")}
            name={`${channel}-quiet`}
            defaultChecked={way?.quiet ?? channel !== "mqtt"}
          />
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
        <TextField
          label={t("Address")}
          type="email"
          name="email-to"
          maxLength={254}
          value={known?.email ?? ""}
        />
      );
    case "push":
      return <Push known={known} push={push} onPush={onPush} onError={onError} />;
    case "webhook":
      return <Webhook known={known} />;
    case "ntfy":
      return (
        <>
          <TextField
            label={t("The topic’s address")}
            type="url"
            name="ntfy-url"
            maxLength={1000}
            placeholder="https://ntfy.sh/…"
            value={known?.ntfy?.url ?? ""}
          />
          <TextField
            label={t("Token, where it needs one")}
            name="ntfy-token"
            maxLength={200}
            value={known?.ntfy?.token ?? ""}
          />
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
      <TextField
        label={t("Where it is posted")}
        type="url"
        name="webhook-url"
        maxLength={1000}
        placeholder="https://…"
        value={known?.webhook?.url ?? ""}
      />
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
  const owner = useWatched(me)?.id ?? "";
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    onError(undefined);
    try {
      onPush(await subscribe(owner));
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
