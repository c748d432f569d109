import { sealFrame } from "@busbar/protocol";
import type { NoticeAddresses } from "@busbar/protocol/notice";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { PortalMembership, PortalStatus } from "../../api.ts";
import type { PreferencesAnswer } from "../../views/shapes.ts";
import { fromBase64url, type PageKey } from "../key.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Check, Choice, NumberField, TextField } from "../parts/fields.tsx";
import { KeyNeeded } from "../parts/key-needed.tsx";
import { Card, Loaded, Problem, useAnswer } from "../parts/loaded.tsx";
import { browserOffset, posixZone } from "../posix-zone.ts";
import {
  addressesFor,
  type Filled,
  preferencesFrom,
  type Reader,
  timeOf,
  topics,
} from "../preferring.ts";
import { postFrame, told } from "../request.ts";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";
import { Ways } from "./ways.tsx";

/** How an owner wants to be told: a message that it signs here, and that every member follows. */
export function PreferencesPage() {
  const { status } = useWatched(model);
  const [version, setVersion] = useState(0);
  const preferences = useAnswer<PreferencesAnswer>("preferences", status?.height);
  const membership = useAnswer<PortalMembership>("membership");
  if (status === undefined) return null;
  return (
    <Card
      title={t("How you are told")}
      note={t("Signed with your key; it stands on the ledger, your addresses sealed.")}
    >
      <Loaded {...preferences}>
        {(before) => (
          <>
            {version > before.version ? (
              <p role="status">{t("Signed and handed in; it counts from the next block on.")}</p>
            ) : version > 0 ? (
              <p role="status" data-tone="good">
                ✓ {t("On the ledger, version {version}.", { version: before.version })}
              </p>
            ) : null}
            <KeyNeeded>
              {(key) => (
                <Loaded {...membership}>
                  {({ members }) => (
                    <Form
                      key={before.version}
                      before={before}
                      members={members.map((one) => ({ id: one.id, key: fromBase64url(one.key) }))}
                      signer={key}
                      status={status}
                      onSigned={setVersion}
                    />
                  )}
                </Loaded>
              )}
            </KeyNeeded>
          </>
        )}
      </Loaded>
    </Card>
  );
}

type FormProps = {
  readonly before: PreferencesAnswer;
  readonly members: readonly Reader[];
  readonly signer: PageKey;
  readonly status: PortalStatus;
  readonly onSigned: (version: number) => void;
};

function Form({ before, members, signer, status, onSigned }: FormProps) {
  const id = useWatched(me)?.id ?? "";
  const [error, setError] = useState<{ message: string; code: string }>();
  const [push, setPush] = useState<NoticeAddresses["push"]>();
  const self = { id, key: signer.signer.publicKey, seed: signer.seed };
  const known = useMemo(() => addressesFor(before, self), [before.version, before.sealed?.box]);
  const submit = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const filled: Filled = {
      text: (name) => String(given.get(name) ?? ""),
      on: (name) => given.has(name),
    };
    try {
      const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
      const message = preferencesFrom(filled, { before, known, push, self, members, random });
      const signing = { chain: status.chain, signer: signer.signer };
      await postFrame("messages", sealFrame("notice-preferences", message, signing));
      onSigned(message.version);
    } catch (problem) {
      setError(told(problem));
    }
  };
  return (
    <form class="stack" onSubmit={(event) => void submit(event)}>
      <Reading before={before} />
      <Ways
        before={before}
        known={known}
        members={members}
        push={push}
        onPush={setPush}
        onError={setError}
      />
      <When before={before} currency={status.currency} />
      <fieldset>
        <legend>{t("Tell me of")}</legend>
        <div class="checks-grid">
          {topics.map((topic) => (
            <Check
              key={topic}
              label={topicNames[topic]}
              name={`topic-${topic}`}
              defaultChecked={!before.muted.includes(topic)}
            />
          ))}
        </div>
      </fieldset>
      {error === undefined ? null : <Problem error={error} />}
      <p class="actions">
        <button type="submit">{t("Sign and hand in")}</button>
      </p>
    </form>
  );
}

const topicNames: Readonly<Record<(typeof topics)[number], string>> = {
  quote: t("what became of quotes"),
  price: t("prices far from the forecast"),
  contract: t("contracts"),
  order: t("demand response orders"),
  delivery: t("deliveries and payments"),
  imbalance: t("differences and their penalty"),
  meter: t("silent meters"),
  unit: t("units that were suspended"),
  bill: t("bills, fees and taxes"),
  correction: t("corrections"),
  credit: t("credit"),
  certificate: t("green certificates"),
};

function Reading({ before }: { readonly before: PreferencesAnswer }) {
  const [zone, setZone] = useState<string>();
  useEffect(() => setZone(posixZone(browserOffset, Date.now())), []);
  const browsers = zone === undefined ? [] : [t("this browser’s: {zone}", { zone })];
  const zones = new Set([before.timeZone, ...(zone === undefined ? [] : [zone]), "UTC0"]);
  return (
    <fieldset>
      <legend>{t("How you read")}</legend>
      <div class="form">
        <Choice
          label={t("Language")}
          name="language"
          options={[
            ["en", "English"],
            ["zh", "中文"],
          ]}
          value={before.language}
        />
        <TextField
          label={[t("Time zone (POSIX text)"), ...browsers].join("; ")}
          name="timeZone"
          list="zones"
          required
          maxLength={64}
          value={before.timeZone}
        />
        <datalist id="zones">
          {[...zones].map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      </div>
    </fieldset>
  );
}

function When({
  before,
  currency,
}: {
  readonly before: PreferencesAnswer;
  readonly currency: string;
}) {
  const { quiet, digestAt, threshold } = before;
  const [isQuiet, setQuiet] = useState(quiet !== null);
  return (
    <fieldset>
      <legend>{t("When")}</legend>
      <div class="form">
        <Check label={t("Quiet hours")} name="quiet" checked={isQuiet} onOn={setQuiet} />
        <TextField
          label={t("from")}
          type="time"
          name="quiet-from"
          required
          disabled={!isQuiet}
          value={timeOf(quiet?.from ?? 22 * 60)}
        />
        <TextField
          label={t("to")}
          type="time"
          name="quiet-to"
          required
          disabled={!isQuiet}
          value={timeOf(quiet?.to ?? 7 * 60)}
        />
        <Check
          label={t("what cannot wait comes all the same")}
          name="quiet-urgent"
          disabled={!isQuiet}
          defaultChecked={quiet?.urgent ?? true}
        />
        <TextField
          label={t("Daily digest at")}
          type="time"
          name="digestAt"
          required
          value={timeOf(digestAt)}
        />
        <NumberField
          name="threshold"
          min="0"
          max="1000000000"
          step="0.01"
          label={t("At once only from {currency}", { currency })}
          value={threshold / 1_000_000}
        />
      </div>
    </fieldset>
  );
}
