/** The order of the rows on the screen. Pure, so that "the list never jumps under a pointer" is a test. */
import { byPriorityThenWaiting, type Case } from "@muster/sdk";

/** The three parts of the line, each in its order. */
export interface Groups {
  waiting: Case[];
  taken: Case[];
  closed: Case[];
}

export function group(cases: Iterable<Case>, me: string, query: string): Groups {
  const groups: Groups = { waiting: [], taken: [], closed: [] };
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  for (const c of cases) {
    const text = `${c.name ?? ""} ${c.seat ?? ""} ${c.text} ${c.operator?.name ?? ""}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    groups[c.state === "queued" ? "waiting" : c.state === "claimed" ? "taken" : "closed"].push(c);
  }
  groups.waiting.sort(byPriorityThenWaiting);
  const mine = (c: Case) => Number(c.operator?.client !== me);
  groups.taken.sort((a, b) => mine(a) - mine(b) || byPriorityThenWaiting(a, b));
  groups.closed.sort((a, b) => Date.parse(b.closed_at ?? b.opened_at) - Date.parse(a.closed_at ?? a.opened_at));
  return groups;
}

/**
 * The waiting rows while a pointer is over them: known rows keep their place, new ones come below.
 * @param before ids of the cases as shown
 */
export function held(before: readonly string[], sorted: readonly Case[]): Case[] {
  const place = new Map(before.map((id, i) => [id, i]));
  return [...sorted].sort((a, b) => (place.get(a.id) ?? Infinity) - (place.get(b.id) ?? Infinity) || 0);
}
