let found: (text: string) => string | undefined = () => undefined;

/** A text in Chinese; undefined where there is none, or where they were not brought. */
export const translated = (text: string): string | undefined => found(text);

/** Loads the Chinese texts: a part of their own, so that who reads English does not load them. */
export async function bringChinese(): Promise<void> {
  found = (await import("./chinese-texts.ts")).inChinese;
}
