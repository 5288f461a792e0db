/** What both pages share: texts, times, models and shapes. Styles are in `base.css`. */
export * from "./format.ts";
export * from "./i18n.ts";
export * from "./model.ts";
export * from "./shapes.tsx";
