/** The person at the console: appearance, keys, another event, signing out. */
import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import type { App } from "../app.ts";
import { t, type TextKey } from "../text.ts";
import { applyTheme, theme, type Theme } from "../theme.ts";
import { focusedRow, focusReply, focusSearch, move, type KeyActions } from "../keys.ts";

const THEMES: [Theme, TextKey][] = [
  ["auto", "themeAuto"],
  ["light", "themeLight"],
  ["dark", "themeDark"],
];

export function MeDialog({ app, dialog, actions }: { app: App; dialog: RefObject<HTMLDialogElement | null>; actions: KeyActions }) {
  const [chosen, setChosen] = useState(theme);
  const account = app.state.account;
  const close = () => dialog.current?.close();
  const openFocused = () => {
    const row = focusedRow();
    if (row !== undefined) actions.open(row);
  };
  const keys: [string, TextKey, () => void][] = [
    ["j", "keyNext", () => move(1)],
    ["k", "keyPrevious", () => move(-1)],
    ["Enter", "keyOpen", openFocused],
    ["c", "keyClaim", () => actions.claim(focusedRow())],
    ["r", "keyReply", focusReply],
    ["x", "keyClose", actions.close],
    ["/", "keySearch", focusSearch],
  ];
  const after = (then: () => void) => () => {
    close();
    then();
  };
  return (
    <dialog class="me" ref={dialog} aria-labelledby="me-title" onClick={(e) => e.target === dialog.current && close()}>
      <div>
        <h2 id="me-title">{account?.person.name ?? t("me")}</h2>
        <p class="mail">{account?.person.email}</p>
        <fieldset>
          <legend>{t("theme")}</legend>
          {THEMES.map(([value, key]) => (
            <label key={value}>
              <input
                type="radio"
                name="theme"
                checked={chosen === value}
                onChange={() => {
                  applyTheme(value);
                  setChosen(value);
                }}
              />{" "}
              {t(key)}
            </label>
          ))}
        </fieldset>
        <h3>{t("keys")}</h3>
        <ul class="keys">
          {keys.map(([key, text, action]) => (
            <li key={key}>
              <button type="button" onClick={after(action)}>
                <kbd>{key}</kbd> {t(text)}
              </button>
            </li>
          ))}
        </ul>
        <div class="buttons">
          <button class="button" type="button" onClick={after(() => void app.otherEvent())}>
            {t("otherEvent")}
          </button>
          <button class="button" type="button" onClick={after(() => void app.signOut())}>
            {t("signOut")}
          </button>
          <button class="button primary" type="button" onClick={close}>
            {t("done")}
          </button>
        </div>
      </div>
    </dialog>
  );
}
