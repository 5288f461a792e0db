/**
 * Which page is shown, kept in the address so that Back and reload do what they should: `/` finds an event,
 * `/e/CODE` is an event, `#ask`, `#ask-urgent` and `#help` are pages of the joined one.
 */
import { useEffect, useReducer } from "preact/hooks";
import type { Priority } from "@muster/sdk";

export type Page = { name: "home" } | { name: "ask"; kind?: Priority } | { name: "help" };

/** The join code in a path or link such as `https://example.org/e/FEST-42`, or a bare code. */
export function codeOf(text: string): string | undefined {
  const path = /\/e\/([^/?#]+)/.exec(text)?.[1];
  const code = (path === undefined ? text : safeDecode(path)).trim();
  return /^[\p{L}\p{N}][\p{L}\p{N}-]{1,31}$/u.test(code) ? code.toUpperCase() : undefined;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function page(): Page {
  switch (location.hash) {
    case "#ask":
      return { name: "ask" };
    case "#ask-life":
      return { name: "ask", kind: "life" };
    case "#ask-urgent":
      return { name: "ask", kind: "urgent" };
    case "#ask-service":
      return { name: "ask", kind: "service" };
    case "#help":
      return { name: "help" };
    default:
      return { name: "home" };
  }
}

export function hrefOf(to: Page): string {
  if (to.name === "home") return location.pathname;
  return `#${to.name}${to.name === "ask" && to.kind ? `-${to.kind}` : ""}`;
}

/** Goes to a page; `replace` leaves no step for Back (after sending, the form is over). */
export function go(to: Page, replace = false): void {
  show(location.pathname + (to.name === "home" ? "" : hrefOf(to)), replace);
}

/** Shows another path, such as that of an event. */
export function show(path: string, replace = false): void {
  history[replace ? "replaceState" : "pushState"](null, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
}

/** The page and the code in the address, shown anew when they change. */
export function useRoute(): { page: Page; code: string | undefined } {
  const [, again] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    const changed = () => again(0);
    addEventListener("popstate", changed);
    addEventListener("hashchange", changed);
    return () => {
      removeEventListener("popstate", changed);
      removeEventListener("hashchange", changed);
    };
  }, []);
  return { page: page(), code: location.pathname.startsWith("/e/") ? codeOf(location.pathname) : undefined };
}
