/** The person at the console: appearance, keys, another event, signing out. */
import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import type { App } from "../app.ts";
import { t, type TextKey } from "../text.ts";
import { applyTheme, theme, type Theme } from "../theme.ts";
import { focusReply, focusSearch, move } from "../keys.ts";

const THEMES: [Theme, TextKey][] = [
  ["auto", "themeAuto"],
  ["light", "themeLight"],
  ["dark", "themeDark"],
];

const KEYS: [string, TextKey][] = [
  ["j k", "keyMove"],
  ["Enter", "keyOpen"],
  ["c", "keyClaim"],
  ["r", "keyReply"],
  ["x", "keyClose"],
  ["/", "keySearch"],
  ["?", "keyHelp"],
];

export function MeDialog({ app, dialog }: { app: App; dialog: RefObject<HTMLDialogElement | null> }) {
  const [chosen, setChosen] = useState(theme);
  const account = app.state.account;
  const close = () => dialog.current?.close();
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
        <dl class="keys">
          {KEYS.map(([key, text]) => (
            <div key={key}>
              <dt>
                {key.split(" ").map((k) => (
                  <kbd key={k}>{k}</kbd>
                ))}
              </dt>
              <dd>{t(text)}</dd>
            </div>
          ))}
        </dl>
        <div class="buttons">
          <button class="button" type="button" onClick={after(() => move(1))}>
            {t("line")}
          </button>
          <button class="button" type="button" onClick={after(focusReply)}>
            {t("keyReply")}
          </button>
          <button class="button" type="button" onClick={after(focusSearch)}>
            {t("keySearch")}
          </button>
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
