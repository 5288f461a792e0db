/**
 * Texts by key from one catalogue per language.
 *
 * `{name}` is replaced by a value, numbers in the form of the language. An entry with `one` and `other` (and whatever
 * further CLDR categories a language has) is chosen by the value `n`.
 */

export type Entry = string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>);
export type Values = Record<string, string | number>;
export type Translate<Key extends string> = (key: Key, values?: Values) => string;

/** @param language BCP 47, of the catalogue and not of the browser: its plural rules must fit its texts */
export function translator<Key extends string>(catalogue: Record<Key, Entry>, language: string): Translate<Key> {
  const plural = new Intl.PluralRules(language);
  const number = new Intl.NumberFormat(language);
  return (key, values = {}) => {
    const entry = catalogue[key];
    const form = typeof entry === "string" ? entry : (entry[plural.select(Number(values.n))] ?? entry.other);
    return form.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = values[name];
      return value === undefined ? whole : typeof value === "number" ? number.format(value) : value;
    });
  };
}
