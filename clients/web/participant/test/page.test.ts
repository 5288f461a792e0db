import { describe, expect, it } from "vitest";
import { due_ms } from "../src/location.ts";
import { codeOf } from "../src/route.ts";
import { t } from "../src/text.ts";

describe("a join code", () => {
  it.each([
    ["FEST-42", "FEST-42"],
    [" fest-42 ", "FEST-42"],
    ["/e/fest-42", "FEST-42"],
    ["https://example.org/e/FEST-42?from=poster#x", "FEST-42"],
    ["/e/F%C3%8ATE-1", "FÊTE-1"],
  ])("is found in %s", (text, code) => expect(codeOf(text)).toBe(code));

  it.each(["", "a", "two words", "<script>", "/e/", "/e/%zz/..", "https://example.org/", "A".repeat(40)])("is not found in %s", (text) =>
    expect(codeOf(text)).toBeUndefined(),
  );
});

describe("sharing a location", () => {
  const fix = (lat: number, acc: number) => ({ _type: "location" as const, lat, lon: 13.4, tst: 1, acc });
  it("reports soon what moved or became clearer, and the rest at the slow beat", () => {
    expect(due_ms(fix(52.5, 10), fix(52.50001, 10))).toBe(120_000);
    expect(due_ms(fix(52.5, 10), fix(52.5002, 10))).toBe(5_000);
    expect(due_ms(fix(52.5, 200), fix(52.5, 20))).toBe(5_000);
  });
});

it("texts count and keep what they are given as it is", () => {
  expect(t("findResults", { n: 1 })).toBe("1 event found");
  expect(t("findResults", { n: 1_200 })).toBe("1,200 events found");
  expect(t("findNone", { query: "{n} <b>" })).toContain("“{n} <b>”");
});
