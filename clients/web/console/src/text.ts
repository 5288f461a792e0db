/** The console's texts. Another language is another catalogue with the same keys; choosing one is done here alone. */
import { translator } from "@muster/ui";
import { en } from "./text/en.ts";

export type TextKey = keyof typeof en;
export const t = translator<TextKey>(en, "en");
