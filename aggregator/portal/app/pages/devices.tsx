import type { DeviceAnswer } from "../../views/shapes.ts";
import { explain, span } from "../explain.ts";
import { completenessText, count, dayAndClock, measuredShare, power } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Level } from "../parts/figures.tsx";
import { Card, Empty, Loaded, Scroll, useAnswer } from "../parts/loaded.tsx";
import { useWatched } from "../store.ts";

/** Units and meters with their health, explained. */
export function DevicesPage() {
  const { status } = useWatched(model);
  const devices = useAnswer<readonly DeviceAnswer[]>(
    "devices",
    Math.floor((status?.height ?? 0) / 2),
  );
  return (
    <Loaded {...devices}>
      {(all) =>
        all.length === 0 ? (
          <Card title={t("Devices")}>
            <Empty title={t("No unit yet.")}>
              {t("A unit stands here once a member admitted it.")}
            </Empty>
          </Card>
        ) : (
          all.map((device) => <Device key={device.device} device={device} />)
        )
      }
    </Loaded>
  );
}

function Device({ device }: { readonly device: DeviceAnswer }) {
  const { connections, problems, meters } = device;
  const connected = connections.map(({ address, since }) =>
    t("connected here from {address} since {time}", {
      address,
      time: new Date(since).toISOString().slice(0, 16).replace("T", " "),
    }),
  );
  return (
    <Card title={device.device} note={<Level level={device.level} />}>
      <p class="quiet">
        {device.ownerName} ·{" "}
        {connected.length > 0 ? connected.join("; ") : t("not connected to this member")}
      </p>
      <Problems of={problems} />
      <Scroll label={t("Meters of {device}", { device: device.device })}>
        <table>
          <caption class="visually-hidden">
            {t("Meters of {device}", { device: device.device })}
          </caption>
          <thead>
            <tr>
              <th scope="col">{t("Meter")}</th>
              <th scope="col">{t("Health")}</th>
              <th scope="col" class="num">
                {t("Power")}
              </th>
              <th scope="col">{t("Newest reading")}</th>
              <th scope="col" class="num">
                {t("Came after")}
              </th>
              <th scope="col" class="num">
                {t("Receipt")}
              </th>
              <th scope="col" class="num">
                {t("Measured, 7 days")}
              </th>
            </tr>
          </thead>
          <tbody>
            {meters.map((meter) => (
              <tr key={meter.meter}>
                <td>{meter.meter}</td>
                <td>
                  <Level level={meter.level} />
                </td>
                <td class="num">{power(meter.powerW)}</td>
                <td>
                  {meter.time === null
                    ? "–"
                    : `#${count(meter.sequence ?? 0)}, ${dayAndClock(meter.time)}`}
                </td>
                <td class="num">{meter.lagMs === null ? "–" : span(Math.max(0, meter.lagMs))}</td>
                <td class="num">
                  {meter.receiptHeight === null
                    ? "–"
                    : t("block {height}", { height: count(meter.receiptHeight) })}
                </td>
                <td class="num" title={completenessText(meter.slots)}>
                  {measuredShare(meter.slots)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {meters.map(({ meter, problems: own }) => (
        <Problems key={meter} of={own} about={meter} />
      ))}
    </Card>
  );
}

function Problems({
  of: problems,
  about,
}: {
  readonly of: DeviceAnswer["problems"];
  readonly about?: string;
}) {
  if (problems.length === 0) return null;
  return (
    <ul class="lines">
      {problems.map((problem) => {
        const { what, todo } = explain(problem);
        return (
          <li key={problem.code}>
            <b>{about === undefined ? what : `${about}: ${what}`}</b>{" "}
            <Level level={problem.level} />
            <p class="quiet">{todo}</p>
          </li>
        );
      })}
    </ul>
  );
}
