import { chinese } from "./chinese.ts";

/** A text in Chinese; undefined where there is none. The bundle has the same in a shorter form (`build.ts`). */
export const inChinese = (text: string): string | undefined => chinese[text];
