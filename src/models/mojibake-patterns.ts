import { classOf, once, pythonSpace, textTables } from "./text-tables.ts";

/** Juxtapositions that people hardly ever write and wrong decoding often makes, by classes of characters: ftfy 6.3.1's heuristic. */
export const badnessPattern = once(() => {
  const classes = textTables().categories;
  const set = (names: string, more = ""): string =>
    `[${names
      .split(" ")
      .map((name) => classes[name] ?? fail(name))
      .join("")}${more}]`;
  const accented = "lower_accented upper_accented";
  const odd = `${accented} box start_punctuation end_punctuation currency numeric law`;
  const arabic = `[ØÙ]${set("common currency bad numeric start_punctuation", "ŸŠ®°µ»")}`;
  const space = `[${pythonSpace}]`;
  const younger = classOf([...textTables().newLetters, ...textTables().newNumbers]);
  const rules = [
    set("c1"),
    set(`bad ${odd}`) + set("bad"),
    `[a-zA-Z]${set("lower_common upper_common")}${set("bad")}`,
    set("bad") + set(odd),
    set("lower_accented lower_common box end_punctuation currency numeric") + set("upper_accented"),
    set("box end_punctuation currency numeric") + set("lower_accented"),
    set("lower_accented box end_punctuation") + set("currency"),
    space + set("upper_accented") + set("currency"),
    set("upper_accented box") + set("numeric law"),
    set(`${accented} box currency end_punctuation`) + set("start_punctuation") + set("numeric"),
    set(`${accented} currency numeric box law`) + set("end_punctuation") + set("start_punctuation"),
    set("currency numeric box") + set("start_punctuation"),
    `[a-z]${set("upper_accented")}${set("start_punctuation currency")}`,
    set("box") + set("kaomoji"),
    set(`${accented} currency numeric start_punctuation end_punctuation law`) + set("box"),
    set("box") + set("end_punctuation"),
    `${set(accented)}${set("start_punctuation end_punctuation")}(?![${younger}])[\\p{L}\\p{N}_]`,
    "[Œœ][^A-Za-z]",
    `${set("upper_accented")}°`,
    `[ÂÃÎÐ]${set("start_punctuation end_punctuation", "€œŠš¢£Ÿž\\xa0\\xad®©°·»–—´")}`,
    "×[²³]",
    arabic + arabic,
    "à[²µ¹¼½¾]",
    "√[±∂†≠®™´≤≥¥µø]",
    "≈[°¢]",
    "‚Ä[ìîïòôúùû†°¢π]",
    "‚[âó][àä°ê]",
    "вЂ",
    `[ВГРС]${set("c1 bad start_punctuation end_punctuation currency", "°µ")}[ВГРС]`,
    "ГўВЂВ[^\\n][A-Za-z ]",
    "Ã[\\xa0¡]",
    `[a-z]${space}?[ÃÂ] `,
    "^[ÃÂ] ",
    `${set("end_punctuation", "a-z.,?!")}Â${set("start_punctuation end_punctuation", " ")}`,
    "β€[™\\xa0Ά\\xad®°]",
    `[ΒΓΞΟ]${set("c1 bad start_punctuation end_punctuation currency", "°")}[ΒΓΞΟ]`,
    "ā€",
  ];
  return new RegExp(rules.join("|"), "u");
});

/** Runs of what looks like UTF-8 read in a single-byte encoding. */
export const mojibakePattern = once(() => {
  const { utf8_first_of_2, utf8_first_of_3, utf8_first_of_4, utf8_continuation, utf8_continuation_strict } = textTables().clues;
  const more = `[${utf8_continuation}]`;
  return new RegExp(
    `(?<![${utf8_continuation_strict}])(?:[${utf8_first_of_2}]${more}|[${utf8_first_of_3}]${more}{2}|[${utf8_first_of_4}]${more}{3})+`,
    "gu",
  );
});

function fail(name: string): never {
  throw new Error(`internal: no character class ${name}`);
}
