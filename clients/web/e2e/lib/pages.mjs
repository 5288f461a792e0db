/**
 * Browser contexts that are watched: a page error, a message on the console's error channel, a violated content
 * security policy or a request to another origin fails the run, whatever the steps say.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { chromiumPath } from "./options.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** WCAG 2.2, A and AA. */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
/** What the network stack logs when a page is offline, which a test brings about on purpose. */
const OF_THE_NETWORK = /ERR_INTERNET_DISCONNECTED|WebSocket connection to .* failed|Failed to load resource: (net::|the server responded with a status of (401|404))/;

export class Stage {
  problems = [];

  static async open(url, screenshots) {
    const stage = new Stage();
    stage.url = url;
    stage.screenshots = screenshots;
    const args = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
    // Root has no user namespace sandbox of its own to drop into.
    if (process.getuid?.() === 0) args.push("--no-sandbox");
    stage.browser = await chromium.launch({ executablePath: chromiumPath(), args });
    return stage;
  }

  async context(name, settings) {
    const context = await this.browser.newContext({ baseURL: this.url, locale: "en-GB", ...settings });
    context.setDefaultTimeout(15_000);
    const origin = new URL(this.url).host;
    const other = (address) => /^(https?|wss?):/.test(address) && new URL(address).host !== origin;
    const report = (what) => this.problems.push(`${name}: ${what}`);
    context.on("request", (request) => other(request.url()) && report(`a request left the own origin: ${request.url()}`));
    context.on("page", (page) => {
      page.on("pageerror", (error) => report(`page error: ${error.stack ?? error}`));
      page.on("console", (message) => {
        if (message.type() === "error" && !OF_THE_NETWORK.test(message.text())) report(`console: ${message.text()}`);
      });
      page.on("websocket", (socket) => other(socket.url()) && report(`a socket left the own origin: ${socket.url()}`));
      page.on("dialog", (dialog) => (report(`a dialog appeared: ${dialog.message()}`), dialog.dismiss()));
    });
    return context;
  }

  /** A picture of a page in both themes, and what axe says of it. */
  async look(page, name) {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.screenshot({ path: `${this.screenshots}/${name}-${colorScheme}.png` });
      // Evaluated by the browser's debugger, so the page's own policy need not allow it.
      await page.evaluate(axe);
      const { violations } = await page.evaluate((values) => globalThis.axe.run(document, { runOnly: { type: "tag", values } }), RULES);
      for (const v of violations) {
        this.problems.push(`${name} (${colorScheme}): axe ${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join(" | ").slice(0, 600)}`);
      }
    }
    await page.emulateMedia({ colorScheme: "light" });
    await this.fits(page, name);
  }

  /** Nothing may scroll sideways. */
  async fits(page, name) {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (over > 0) this.problems.push(`${name}: scrolls sideways by ${over} px`);
  }
}
