import { useEffect, useState } from "preact/hooks";
import type { LinkAnswer } from "../../views/shapes.ts";
import { agreementOf } from "../agreement.ts";
import { dayAndClock } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Card, Empty, Loaded, useAnswer, Waiting } from "../parts/loaded.tsx";
import { Outcome } from "../parts/verify.tsx";
import { type Channel, channelNames } from "../preferring.ts";
import { type ReadProof, readProof } from "../proved.ts";
import type { Told } from "../proved-state.ts";
import { Refused, readBytes } from "../request.ts";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";
import { pin } from "../trust.ts";

/** What a notice's proof link leads to: the notice, and what the members certify, checked in this page. */
export function ProofPage({ path }: { readonly path: readonly string[] }) {
  const { status } = useWatched(model);
  const asked = path.join("/");
  const who = useWatched(me);
  const mayAsk = who !== undefined && who.role !== "guest";
  const link = useAnswer<LinkAnswer>(
    mayAsk ? `proofs/link?path=${encodeURIComponent(asked)}` : undefined,
  );
  if (status === undefined || who === undefined) return <Waiting />;
  if (!mayAsk) {
    return (
      <Card title={t("Proof")}>
        <Empty title={t("Sign in, and this page goes on with the proof.")}>
          <a href="#/sign-in">{t("Sign in")}</a>
        </Empty>
      </Card>
    );
  }
  const { chain, currency } = status;
  return (
    <Loaded {...link}>
      {(found) => <Proofs key={asked} found={found} chain={chain} currency={currency} />}
    </Loaded>
  );
}

const states = {
  queued: t("waits"),
  delivered: t("delivered"),
  dead: t("given up"),
  elsewhere: t("sent by another member"),
  dropped: t("not sent any more"),
} as const;

/** What people call what a notice says. */
const factNames: Readonly<Record<string, string>> = {
  slot: t("hour"),
  contract: t("contract"),
  other: t("the other side"),
  energy: t("energy"),
  price: t("price"),
  money: t("money"),
  difference: t("difference"),
  version: t("version"),
  meter: t("meter"),
  unit: t("unit"),
  import: t("drawn"),
  export: t("given"),
  form: t("energy form"),
  issued: t("issued"),
  boughtGreen: t("bought"),
  soldGreen: t("sold"),
  retired: t("retired"),
  delivered: t("delivered"),
  why: t("reason"),
};

type Checked = ReadProof & { readonly path: string };

function Proofs({
  found,
  chain,
  currency,
}: {
  readonly found: LinkAnswer;
  readonly chain: string;
  readonly currency: string;
}) {
  const [checked, setChecked] = useState<readonly Checked[]>();
  useEffect(() => {
    let current = true;
    void checkAll(found.proofs, chain, currency).then((all) => current && setChecked(all));
    return () => {
      current = false;
    };
  }, [found]);
  const proven = (checked ?? []).flatMap(({ told, verdict }) => (verdict.ok ? told : []));
  return (
    <>
      {found.notices.map((one) => (
        <Card key={one.notice.id} title={one.notice.title} note={dayAndClock(one.notice.time)}>
          <p>{one.notice.text}</p>
          {checked === undefined ? null : <Agreed one={one} proven={proven} />}
          {one.deliveries.map(({ channel, state, attempts, error }) => (
            <p key={channel} class="quiet">
              {t("{channel}: {state}, attempts: {attempts}", {
                channel: Object.hasOwn(channelNames, channel)
                  ? channelNames[channel as Channel]
                  : channel,
                state: states[state],
                attempts,
              })}{" "}
              {error}
            </p>
          ))}
        </Card>
      ))}
      <Card
        title={t("What the members certify")}
        note={t("Checked in this page, with the members’ keys alone.")}
      >
        {checked === undefined ? <Waiting /> : null}
        {checked?.length === 0 ? (
          <Empty title={t("There is no proof of it that is yours alone.")}>
            {t(
              "It stands in a block with what happened to others; members and auditors may see that block’s proof.",
            )}
          </Empty>
        ) : null}
        {(checked ?? []).map((one) => (
          <Proven key={one.path} checked={one} />
        ))}
      </Card>
    </>
  );
}

function Proven({ checked: { told, verdict } }: { readonly checked: Checked }) {
  return (
    <article class="request">
      {told.map(({ title, lines }) => (
        <section key={title}>
          <h3>{title}</h3>
          <dl class="facts">
            {lines.map(([name, value]) => (
              <div key={name + value}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <p>
        <Outcome verdict={verdict} />
      </p>
    </article>
  );
}

/** Whether the notice says what is proven. */
function Agreed({
  one,
  proven,
}: {
  readonly one: LinkAnswer["notices"][number];
  readonly proven: readonly Told[];
}) {
  const { same, other } = agreementOf(one, proven);
  if (proven.length === 0 || same.length + other.length === 0) return null;
  const names = (all: readonly string[]) => all.map((name) => factNames[name] ?? name).join(", ");
  return other.length === 0 ? (
    <p role="status" data-tone="good">
      ✓ {t("The notice says what the members certify: {names}.", { names: names(same) })}
    </p>
  ) : (
    <p role="status" data-tone="bad">
      ✗{" "}
      {t("What the members certify now is another thing than the notice says: {names}.", {
        names: names(other),
      })}
    </p>
  );
}

async function checkAll(
  paths: readonly string[],
  chain: string,
  currency: string,
): Promise<readonly Checked[]> {
  const pinned = await pin(chain);
  const all: Checked[] = [];
  for (const path of paths) all.push({ path, ...(await checkOne(path)) });
  return all;

  async function checkOne(path: string): Promise<ReadProof> {
    try {
      return readProof(await readBytes(path), pinned, currency);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { verdict: { ok: false, code: error.code, message: error.message }, told: [] };
    }
  }
}
