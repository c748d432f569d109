import { useEffect, useState } from "preact/hooks";
import type { Catalogue } from "../../../notices/words/catalogue.ts";
import type { LinkAnswer } from "../../views/shapes.ts";
import { agreementOf } from "../agreement.ts";
import { dayAndClock } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Card, Empty, Loaded, useAnswer, Waiting } from "../parts/loaded.tsx";
import { NoticeWords } from "../parts/notice-words.tsx";
import { Outcome } from "../parts/verify.tsx";
import { type Channel, channelNames } from "../preferring.ts";
import { type ReadProof, readProof } from "../proved.ts";
import { withPayments } from "../proved-market.ts";
import { Refused, readBytes } from "../request.ts";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";
import { pin } from "../trust.ts";
import { noticeCatalogue, worded } from "../wording.ts";

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
  const about = { chain, currency, reader: who.id ?? undefined };
  return <Loaded {...link}>{(found) => <Proofs key={asked} found={found} about={about} />}</Loaded>;
}

const states = {
  queued: t("waits"),
  delivered: t("delivered"),
  dead: t("given up"),
  elsewhere: t("sent by another member"),
  dropped: t("not sent any more"),
} as const;

type Checked = ReadProof & { readonly path: string };

/** What the page needs to read proofs: of which chain, in which currency, and from whose side. */
type About = {
  readonly chain: string;
  readonly currency: string;
  readonly reader: string | undefined;
};

function Proofs({ found, about }: { readonly found: LinkAnswer; readonly about: About }) {
  const [checked, setChecked] = useState<readonly Checked[]>();
  const [catalogue, setCatalogue] = useState<Catalogue>();
  useEffect(() => {
    let current = true;
    void checkAll(found.proofs, about).then((all) => current && setChecked(all));
    if (found.notices.length > 0) {
      void noticeCatalogue().then((loaded) => current && setCatalogue(loaded));
    }
    return () => {
      current = false;
    };
  }, [found]);
  const proven =
    checked && withPayments(checked.flatMap(({ told, verdict }) => (verdict.ok ? told : [])));
  const { timeZone } = found;
  return (
    <>
      {found.notices.map((one) => (
        <Card
          key={one.id}
          title={(catalogue && worded(one, { catalogue, timeZone })?.title) ?? t("Notice")}
          note={dayAndClock(one.time)}
        >
          {catalogue === undefined ? (
            <Waiting />
          ) : (
            <NoticeWords
              {...{ one, timeZone, catalogue }}
              agreement={proven && agreementOf(one, proven)}
            />
          )}
          {one.deliveries.map(({ channel, state, attempts, error }) => (
            <p key={channel} class="quiet">
              {t("{channel}: {state}, attempts: {attempts}", {
                channel: Object.hasOwn(channelNames, channel)
                  ? channelNames[channel as Channel]
                  : channel,
                state: states[state],
                attempts,
              })}{" "}
              <span lang="en">{error}</span>
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
      {told.map(({ title, lines }) =>
        // What an event says to its owner more than once stands here once.
        lines.length === 0 ? null : (
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
        ),
      )}
      <p>
        <Outcome verdict={verdict} />
      </p>
    </article>
  );
}

async function checkAll(paths: readonly string[], about: About): Promise<readonly Checked[]> {
  const pinned = await pin(about.chain);
  const all: Checked[] = [];
  for (const path of paths) all.push({ path, ...(await checkOne(path)) });
  return all;

  async function checkOne(path: string): Promise<ReadProof> {
    try {
      return readProof(await readBytes(path), pinned, about);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { verdict: { ok: false, code: error.code, message: error.message }, told: [] };
    }
  }
}
