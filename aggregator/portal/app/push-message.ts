/** What a browser shows of a push. */
export type Shown = {
  readonly title: string;
  readonly options: {
    readonly body: string;
    readonly tag: string;
    readonly lang: string;
    readonly icon: string;
    readonly requireInteraction: boolean;
    /** Which part of this portal's page a click opens. */
    readonly data: string;
  };
};

const unreadable = {
  en: "A notice came that this browser cannot read. The portal has it.",
  zh: "收到一条本浏览器无法读取的通知,请到门户查看。",
} as const;

const over = {
  en: "This browser gets no more notices: subscribe anew in the portal, under Settings.",
  zh: "本浏览器不再接收通知:请在门户的设置中重新订阅。",
} as const;

/**
 * What to show of a push, which `notices/channels/web-push.ts` wrote. A browser that was woken has to show
 * something, so what is no notice shows that one came. A click leads into this portal whatever address the push
 * names: every member's portal shows the notice, and whoever holds the subscription's key leads people nowhere else.
 */
export function shownOf(text: string | undefined, browserLanguage: string): Shown {
  const { title, body, tag, urgent, language, url } = fieldsOf(text);
  const own = language === "en" || language === "zh" ? language : languageOf(browserLanguage);
  const isNotice = typeof title === "string" && typeof body === "string";
  return shown(isNotice ? title : "Busbar", {
    body: isNotice ? body : unreadable[own],
    tag: typeof tag === "string" ? tag : "notice",
    language: own,
    requireInteraction: urgent === true,
    data: (typeof url === "string" && /#\/proof\/[\w~%/-]*$/.exec(url)?.[0]) || "#/notices",
  });
}

/** What to show when the browser ended the subscription by itself: only its owner's key can sign a new one. */
export function overOf(browserLanguage: string): Shown {
  const language = languageOf(browserLanguage);
  const body = over[language];
  return shown("Busbar", {
    body,
    tag: "over",
    language,
    requireInteraction: true,
    data: "#/settings",
  });
}

function shown(
  title: string,
  {
    language,
    ...rest
  }: Omit<Shown["options"], "lang" | "icon"> & { readonly language: "en" | "zh" },
): Shown {
  return {
    title,
    options: { ...rest, lang: language === "zh" ? "zh-CN" : "en", icon: "/icon.svg" },
  };
}

function fieldsOf(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? "");
    if (typeof value === "object" && value !== null) return { ...value };
  } catch {
    // Shown as a notice that cannot be read.
  }
  return {};
}

const languageOf = (text: string) => (text.toLowerCase().startsWith("zh") ? "zh" : "en");
