/**
 * The main job in two browsers against a running Muster: a participant on a phone asks for help, an operator at a desk
 * gives it, the network goes and comes back, the page is killed, and nothing is lost or doubled.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { options } from "./lib/options.mjs";
import { Stage } from "./lib/pages.mjs";

const { url, email, password, code, screenshots = fileURLToPath(new URL("screenshots", import.meta.url)) } = options();
mkdirSync(screenshots, { recursive: true });
const stage = await Stage.open(url, screenshots);
const PHONE = {
  viewport: { width: 360, height: 640 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
  permissions: ["geolocation"],
};
const DESK = { viewport: { width: 1440, height: 900 } };
// Markup in what people write must stay text.
const CALL = `My friend fainted <img src=x onerror="globalThis.broken=1"> ${Date.now()}`;
// Of its own for each run, so that other people at the same event do no harm.
const NAME = `Ana <b>${Date.now() % 100_000}</b>`;

const steps = [];
let failed = false;
async function step(name, run) {
  const begin = performance.now();
  try {
    await run();
    steps.push(name);
    console.log(`ok    ${name} (${Math.round(performance.now() - begin)} ms)`);
  } catch (error) {
    failed = true;
    console.error(`FAIL  ${name}\n${error.stack ?? error}`);
    await Promise.all([phone, desk].map((page, i) => page?.screenshot({ path: `${screenshots}/failed-${i ? "desk" : "phone"}.png` }).catch(() => {})));
    throw error;
  }
}

/** The texts of the messages on a page, without the call itself. */
const texts = (page) => page.locator("[role=log] .message:not(.first) .text").allTextContents();
/** Waits until the messages are exactly these, then looks a moment longer for one that comes twice. */
async function says(page, expected) {
  const want = JSON.stringify(expected);
  const read = (w) =>
    JSON.stringify([...document.querySelectorAll("[role=log] .message:not(.first) .text")].map((e) => e.textContent)) !== null && JSON.stringify([...document.querySelectorAll("[role=log] .message:not(.first) .text")].map((e) => e.textContent).sort()) === JSON.stringify(JSON.parse(w).sort());
  await page.waitForFunction(read, want).catch(async () => assert.deepEqual((await texts(page)).sort(), [...expected].sort()));
  await page.waitForTimeout(300);
  assert.deepEqual((await texts(page)).sort(), [...expected].sort());
}
async function write(page, text) {
  await page.locator("[role=log] ~ form textarea").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}
const here = { latitude: 52.5003, longitude: 13.4009, accuracy: 12 };

const phoneContext = await stage.context("phone", { ...PHONE, geolocation: here });
const deskContext = await stage.context("desk", DESK);
let phone = await phoneContext.newPage();
let desk = await deskContext.newPage();
const said = [];

try {
  await step("the operator logs in; a wrong password is refused in place", async () => {
    await desk.goto("/console/");
    await desk.getByLabel("E-mail").fill(email);
    await desk.getByLabel("Password").fill(`${password}x`);
    await desk.getByRole("button", { name: "Log in" }).click();
    await desk.getByText("E-mail or password is wrong.").waitFor();
    await stage.look(desk, "console-login");
    await desk.getByLabel("Password").fill(password);
    await desk.getByRole("button", { name: "Log in" }).click();
    const waiting = desk.locator("[data-figure=waiting]");
    const choose = desk.getByRole("heading", { name: "Choose an event" });
    await waiting.or(choose).first().waitFor();
    if (await choose.isVisible()) {
      const card = await (await fetch(`${url}/api/v1/events/${code}`)).json();
      await desk.getByRole("button", { name: card.name }).click();
    }
    await waiting.waitFor();
    await desk.locator(".truth").getByText("Connected").waitFor();
    assert.match(await desk.locator(".topbar h1").textContent(), new RegExp(code));
    await stage.look(desk, "console-empty");
  });

  await step("the participant finds the event by name and by code, and joins", async () => {
    await phone.goto("/");
    await stage.look(phone, "find");
    const field = phone.getByLabel("Code or name");
    await field.fill("no such event anywhere");
    await phone.getByRole("button", { name: "Find" }).click();
    await phone.getByText("No event is called").waitFor();
    const card = await (await fetch(`${url}/api/v1/events/${code}`)).json();
    await field.fill(card.name.split(" ")[0]);
    await phone.getByRole("button", { name: "Find" }).click();
    await phone.getByRole("link", { name: card.name }).waitFor();
    await stage.look(phone, "find-results");
    await field.fill(code.toLowerCase());
    await phone.getByRole("button", { name: "Find" }).click();
    await phone.getByRole("heading", { name: card.name }).waitFor();
    assert.equal(new URL(phone.url()).pathname, `/e/${code}`);
    await stage.look(phone, "join");
    await phone.getByLabel("Your name").fill(NAME);
    await phone.getByRole("button", { name: "Join" }).click();
    await phone.getByText("Connected").waitFor();
    assert.equal(await phone.getByRole("link", { name: /Emergency call/ }).getAttribute("href"), `tel:${card.emergency_number}`);
    const button = await phone.getByRole("button", { name: "I need help" }).boundingBox();
    assert.ok(button.height >= 72, `the help button is ${button.height} px high`);
    await stage.look(phone, "home");
  });

  await step("asks for help in two taps and a text, with the location", async () => {
    await phone.getByRole("button", { name: "I need help" }).tap();
    await stage.look(phone, "ask");
    await phone.getByRole("button", { name: /Life in danger/ }).tap();
    await phone.getByText(/^Call .* first if you can/).waitFor();
    await stage.look(phone, "ask-life");
    await phone.getByRole("button", { name: "Back" }).tap();
    await phone.getByRole("button", { name: /Urgent/ }).tap();
    await phone.getByLabel("What is happening?").fill(CALL);
    await phone.getByLabel("Where are you?").fill("Block B, row 12");
    await phone.getByLabel("Share where I am").check();
    await phone.getByText("accurate to 12 m").waitFor();
    await stage.look(phone, "ask-details");
    await phone.getByRole("button", { name: "Send" }).tap();
  });

  await step("sees the place in line, and a reload keeps it", async () => {
    await phone.getByRole("heading", { name: /You are/ }).waitFor();
    await stage.look(phone, "waiting");
    await phone.reload();
    await phone.getByRole("heading", { name: /You are/ }).waitFor();
    await phone.getByText("Your location is shared").waitFor();
  });

  await step("the operator sees the row, opens it and claims it by keyboard", async () => {
    const row = desk.locator("[data-row]", { hasText: CALL });
    await row.waitFor();
    assert.match(await row.textContent(), /Urgent/);
    assert.ok((await row.textContent()).includes(NAME));
    await row.focus();
    await desk.keyboard.press("Enter");
    await desk.getByText("Claim the case to answer.").waitFor();
    await desk.keyboard.press("c");
    await desk.getByText("You have it", { exact: true }).waitFor();
    await phone.getByRole("heading", { name: /is helping you/ }).waitFor();
  });

  await step("both write, both read, each message once and in order", async () => {
    await write(desk, "We are on our way. Is she breathing?");
    said.push("We are on our way. Is she breathing?");
    await says(phone, said);
    await phone.getByRole("button", { name: "Yes", exact: true }).tap();
    said.push("Yes");
    await says(desk, said);
    await write(phone, "She is <script>globalThis.broken=1</script> awake\nnow");
    said.push("She is <script>globalThis.broken=1</script> awake\nnow");
    await says(desk, said);
    await says(phone, said);
    await phone.locator(".own .delivery", { hasText: /sent|read/ }).nth(1).waitFor();
    await stage.look(phone, "chat");
    await stage.look(desk, "console-case");
  });

  await step("the location is seen, stopped with one tap, and shared again", async () => {
    const person = desk.locator(".people button", { hasText: NAME });
    await person.getByText("accurate to 12 m").waitFor();
    await desk.locator(".plan .name", { hasText: NAME }).waitFor();
    await phone.getByRole("button", { name: "Stop sharing" }).tap();
    await person.waitFor({ state: "detached" });
    await phone.getByRole("button", { name: "Share where I am" }).tap();
    await person.waitFor();
    await phoneContext.setGeolocation({ ...here, latitude: 52.5013, accuracy: 20 });
    await person.getByText("accurate to 20 m").waitFor();
  });

  await step("offline and killed: what was written is kept, shown as not sent, and arrives once, in order", async () => {
    await phoneContext.setOffline(true);
    await phone.getByText("No network: what you write is sent later").waitFor();
    const mine = ["one, in the tunnel", "two, in the tunnel", "three, in the tunnel"];
    for (const text of mine) await write(phone, text);
    await phone.getByText("not sent yet, kept").nth(2).waitFor();
    await stage.look(phone, "offline");
    const theirs = ["four, from the desk", "five, from the desk"];
    for (const text of theirs) await write(desk, text);
    await desk.locator(".message.ours .delivery.good").nth(2).waitFor();
    await phone.close({ runBeforeUnload: false });
    await phoneContext.setOffline(false);
    const begin = performance.now();
    phone = await phoneContext.newPage();
    await phone.goto(`/e/${code}#help`);
    said.push(...(globalThis.x=[...theirs, ...mine]));
    await says(desk, said);
    await says(phone, said);
    console.log(`      caught up ${Math.round(performance.now() - begin)} ms after the page was opened again`);
    await phone.locator(".own .delivery.good").nth(4).waitFor();
  });

  await step("the operator's page survives a reload and an offline answer", async () => {
    await desk.reload();
    await desk.locator("[data-row]", { hasText: CALL }).click();
    await says(desk, said);
    await deskContext.setOffline(true);
    await desk.getByText("No connection.").waitFor();
    await write(desk, "six, while the console was offline");
    await desk.getByText("not sent yet, kept").waitFor();
    await deskContext.setOffline(false);
    said.push("six, while the console was offline");
    await says(phone, said);
    await says(desk, said);
  });

  await step("closes with a reason; the participant is told, the location is gone", async () => {
    await desk.getByRole("button", { name: "Close", exact: true }).click();
    await desk.getByLabel("Solved").waitFor();
    await stage.look(desk, "console-closing");
    await desk.getByRole("button", { name: "Close the case" }).click();
    await phone.getByRole("heading", { name: "Your call is closed" }).waitFor();
    await phone.getByText("It was marked as solved.").waitFor();
    await desk.locator(".people button", { hasText: NAME }).waitFor({ state: "detached" });
    await stage.look(phone, "closed");
  });

  await step("asks again and takes it back", async () => {
    await phone.getByRole("button", { name: "I need help again" }).tap();
    await phone.getByRole("button", { name: /Question/ }).tap();
    await phone.getByRole("button", { name: "Send" }).tap();
    await phone.getByRole("heading", { name: /You are/ }).waitFor();
    await phone.getByRole("button", { name: "I no longer need help" }).tap();
    await phone.getByRole("button", { name: "Yes, take it back" }).tap();
    await phone.getByText("You took it back.").waitFor();
  });

  await step("the console on a phone and the pages at 200 % text fit", async () => {
    await desk.setViewportSize({ width: 360, height: 640 });
    await stage.look(desk, "console-phone-line");
    for (const pane of ["Case", "Map"]) {
      await desk.getByRole("navigation").getByRole("button", { name: pane }).click();
      await stage.look(desk, `console-phone-${pane.toLowerCase()}`);
    }
    await desk.getByRole("navigation").getByRole("button", { name: "Me" }).click();
    await desk.getByRole("dialog").waitFor();
    await stage.look(desk, "console-phone-me");
    await desk.getByRole("button", { name: "Done" }).click();
    await desk.setViewportSize({ width: 768, height: 1024 });
    await stage.look(desk, "console-768");
    await desk.setViewportSize(DESK.viewport);
    for (const page of [phone, desk]) await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
    await stage.look(phone, "home-large-text");
    await stage.look(desk, "console-large-text");
  });

  await step("nothing that people wrote was run", async () => {
    for (const page of [phone, desk]) assert.equal(await page.evaluate(() => globalThis.broken), undefined);
  });
} catch {
  // The step has said what failed.
} finally {
  await stage.browser.close();
}

for (const problem of stage.problems) console.error(`PROBLEM  ${problem}`);
console.log(`${steps.length} steps passed, ${failed ? 1 : 0} failed, ${stage.problems.length} problems; pictures in ${screenshots}`);
process.exit(failed || stage.problems.length > 0 ? 1 : 0);

