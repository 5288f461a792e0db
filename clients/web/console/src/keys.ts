/** The keyboard. Every key is also a button, and none works while somebody types or a dialog is open. */
import { useEffect, useRef } from "preact/hooks";

export interface KeyActions {
  open: (client: string) => void;
  /** Of the row that has the focus, else of the shown case. */
  claim: (client: string | undefined) => void;
  close: () => void;
  help: () => void;
}

const rows = () => [...document.querySelectorAll<HTMLElement>("[data-row]")].filter((row) => row.offsetParent !== null);

/** The client of the row that has the focus. */
export function focusedRow(): string | undefined {
  return (document.activeElement as HTMLElement | null)?.dataset.row;
}

export function focusSearch(): void {
  document.querySelector<HTMLElement>("[data-search]")?.focus();
}

export function focusReply(): void {
  document.querySelector<HTMLElement>("[data-reply]")?.focus();
}

/** Moves the focus along the line; from nowhere it starts at the shown case, else at the first row. */
export function move(step: 1 | -1): void {
  const all = rows();
  const focused = all.indexOf(document.activeElement as HTMLElement);
  const from = focused >= 0 ? focused : all.findIndex((row) => row.getAttribute("aria-current") === "true");
  const to = from < 0 ? 0 : Math.min(all.length - 1, Math.max(0, from + step));
  all[to]?.focus();
  all[to]?.scrollIntoView({ block: "nearest" });
}

export function useKeys(actions: KeyActions): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
      if (target.closest("input, textarea, select")) {
        if (event.key === "Escape") target.blur();
        return;
      }
      const row = focusedRow();
      const { open, claim, close, help } = latest.current;
      switch (event.key) {
        case "j":
          move(1);
          break;
        case "k":
          move(-1);
          break;
        case "c":
          claim(row);
          break;
        case "r":
          if (row !== undefined) open(row);
          // The field appears with the case, so it is looked for after that.
          requestAnimationFrame(focusReply);
          break;
        case "x":
          close();
          break;
        case "/":
          focusSearch();
          break;
        case "?":
          help();
          break;
        default:
          return;
      }
      event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
