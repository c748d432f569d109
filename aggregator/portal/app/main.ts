import { bringTexts, langOf, language } from "./language.ts";

/** Where the page begins: its texts first, for what they are called is asked as its parts load. */

document.documentElement.lang = langOf(language);
await bringTexts();
await import("./start.tsx");
