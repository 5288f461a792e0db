/** Flags of the browser test, and the browser. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { parseArgs } from "node:util";

export function options() {
  const text = { type: "string" };
  const { values } = parseArgs({ options: { url: text, email: text, password: text, code: text, screenshots: text } });
  const missing = ["url", "email", "password", "code"].filter((name) => !values[name]);
  if (missing.length > 0) {
    console.error(`usage: npm run e2e -- --url http://localhost:8080 --email E --password P --code FEST-42\nmissing: --${missing.join(", --")}`);
    process.exit(2);
  }
  return { ...values, url: values.url.replace(/\/$/, "") };
}

/** `MUSTER_CHROMIUM`, or the first Chromium or Chrome of the PATH. */
export function chromiumPath() {
  const dirs = (process.env.PATH ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const candidates = [process.env.MUSTER_CHROMIUM, "/usr/bin/chromium", ...names.flatMap((name) => dirs.map((dir) => join(dir, name)))];
  for (const path of candidates) {
    try {
      if (path) return accessSync(path, constants.X_OK), path;
    } catch {
      // The next one.
    }
  }
  console.error("no Chromium: install it (Debian: apt-get install chromium) or name it in MUSTER_CHROMIUM");
  process.exit(2);
}
