import type { Case } from "@muster/sdk";
import { describe, expect, it } from "vitest";
import { group, held } from "../src/arrange.ts";
import { bearing, fit, gridStep, metres, PLAN_MAX_M } from "../src/plan.ts";

const a = (id: string, fields: Partial<Case> = {}): Case => ({
  id, client: id, state: "queued", revision: 1, priority: "urgent", text: `call ${id}`, opened_at: "2026-11-21T10:00:00Z", ...fields,
});
const ids = (cases: Case[]) => cases.map((c) => c.id);

describe("the line on the screen", () => {
  const cases = [
    a("late", { opened_at: "2026-11-21T10:05:00Z" }),
    a("life", { priority: "life", opened_at: "2026-11-21T10:09:00Z" }),
    a("early"),
    a("other", { state: "claimed", priority: "life", operator: { client: "op2", name: "Jo" } }),
    a("mine", { state: "claimed", operator: { client: "me", name: "Mira" } }),
    a("old", { state: "closed", closed_at: "2026-11-21T10:01:00Z" }),
    a("fresh", { state: "closed", closed_at: "2026-11-21T10:02:00Z" }),
  ];

  it("has those who wait by priority and waiting time, mine before others', the last closed first", () => {
    const groups = group(cases, "me", "");
    expect(ids(groups.waiting)).toEqual(["life", "early", "late"]);
    expect(ids(groups.taken)).toEqual(["mine", "other"]);
    expect(ids(groups.closed)).toEqual(["fresh", "old"]);
  });

  it("is searched by every word, in text, name, seat and operator", () => {
    const found = (query: string) => Object.values(group([a("x", { name: "Ana", seat: "Block B" }), a("y")], "me", query)).flat();
    expect(ids(found("ANA block"))).toEqual(["x"]);
    expect(ids(found("ana row"))).toEqual([]);
    expect(ids(found("call"))).toHaveLength(2);
  });

  it("does not jump under a pointer: known rows stay, new ones come below, gone ones leave", () => {
    const before = ["early", "late", "gone"];
    const sorted = group(cases, "me", "").waiting;
    expect(ids(held(before, sorted))).toEqual(["early", "late", "life"]);
    expect(ids(held([], sorted))).toEqual(["life", "early", "late"]);
  });
});

describe("the plan", () => {
  const venue = { lat: 52.5, lon: 13.4 };
  it("puts north up and east right, in metres", () => {
    const north = metres(venue, { lat: 52.501, lon: 13.4 });
    expect(north.x).toBeCloseTo(0);
    expect(north.y).toBeCloseTo(111.3, 0);
    expect(metres(venue, { lat: 52.5, lon: 13.401 }).x).toBeCloseTo(67.8, 0);
  });

  it("shows everybody near, and nobody on another continent", () => {
    expect(fit([])).toBe(120);
    expect(fit([{ x: 1_000, y: 0 }])).toBe(1_200);
    expect(fit([{ x: PLAN_MAX_M + 1, y: 0 }])).toBe(120);
  });

  it("has a grid in round steps", () => {
    expect([120, 300, 1_200, 6_000].map(gridStep)).toEqual([20, 100, 200, 2_000]);
  });

  it("says where somebody is as a person would", () => {
    expect(bearing({ x: 52, y: 50 })).toEqual({ distance_m: 70, direction: "ne" });
    expect(bearing({ x: -1_240, y: 0 })).toEqual({ distance_m: 1_200, direction: "w" });
    expect(bearing({ x: 0, y: 0 }).distance_m).toBe(0);
    expect(bearing({ x: -1, y: 99 }).direction).toBe("n");
  });
});
