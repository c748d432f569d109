import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../language.ts";
import { Problem, Waiting } from "./loaded.tsx";

/** A page whose code is loaded when it is first shown: what most visits do not need costs none of them. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [Page, setPage] = useState(() => loaded);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (Page !== undefined || failed) return;
      load().then(
        (page) => {
          loaded = page;
          setPage(() => page);
        },
        () => setFailed(true),
      );
    }, [failed]);
    if (Page !== undefined) return <Page {...props} />;
    if (!failed) return <Waiting />;
    const message = t("The portal does not answer. Is it running, and are you on its network?");
    return <Problem error={{ code: "page.away", message }} retry={() => setFailed(false)} />;
  };
}
