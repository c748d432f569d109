import { bills } from "./texts/bills.ts";
import { community } from "./texts/community.ts";
import { frame } from "./texts/frame.ts";
import { ledger } from "./texts/ledger.ts";
import { members } from "./texts/members.ts";
import { proofs } from "./texts/proofs.ts";
import { refusals } from "./texts/refusals.ts";
import { site } from "./texts/site.ts";
import { telling } from "./texts/telling.ts";
import { troubles } from "./texts/troubles.ts";

/** The page's texts in Chinese, by the English ones; what refusals mean, by their codes. */
export const chinese: Readonly<Record<string, string>> = {
  ...frame,
  ...site,
  ...telling,
  ...proofs,
  ...bills,
  ...community,
  ...troubles,
  ...members,
  ...ledger,
  ...refusals,
};
