/** Light or dark: as the device has it, unless the person chose. The choice is kept on the device. */
export type Theme = "auto" | "light" | "dark";

const KEY = "muster-theme";

export function theme(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "auto";
  } catch {
    return "auto";
  }
}

export function applyTheme(choice: Theme = theme()): void {
  if (choice === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // Not kept, but shown until the page closes.
  }
}
