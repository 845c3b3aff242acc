// Tables and golden rows of a specification page, as text.

/** Every table of a page: the heading it stands under, its header cells and its body cells. */
export function tables(page) {
  const found = [];
  let heading = "";
  let open;
  for (const line of page.split("\n")) {
    const title = /^#+\s+(.*)$/.exec(line);
    if (title) heading = title[1];
    if (!line.startsWith("|")) {
      open = undefined;
      continue;
    }
    const cells = line
      .slice(1, line.lastIndexOf("|"))
      .split("|")
      .map((cell) => cell.trim());
    if (!open) {
      open = { heading, header: cells, rows: [] };
      found.push(open);
    } else if (!cells.every((cell) => /^:?-+:?$/.test(cell))) open.rows.push(cells);
  }
  return found;
}

/** The table under a heading that begins so. */
export function tableUnder(page, heading, index = 0) {
  const table = tables(page).filter((one) => one.heading.startsWith(heading))[index];
  if (!table) throw new Error(`no table ${index} under "${heading}"`);
  return table;
}

/** Golden rows as the page has them, in its order: `{ id, cells, header }` from tables, `{ id, cells: [text] }` from running text. */
export function goldenRows(page, name) {
  const id = new RegExp(`\\b${name}\\.g\\d+\\b`);
  const rows = new Map();
  for (const { header, rows: body } of tables(page))
    for (const cells of body) {
      const at = cells.findIndex((cell) => id.test(cell));
      if (at < 0) continue;
      // What stands beside the name in its own cell belongs to the statement.
      const [key] = id.exec(cells[at]);
      const beside = [...cells.slice(0, at), cells[at].replace(key, "").trim()].filter((cell) => cell && cell !== "golden").join(" ");
      const rest = cells.slice(at + 1);
      if (!rows.has(key) && !/^\(/.test(beside))
        rows.set(key, { id: key, header: header.slice(at + 1), cells: beside ? [beside, ...rest] : rest });
    }
  const text = page
    .split("\n")
    .filter((line) => !line.startsWith("|"))
    .join("\n");
  for (const [key] of text.matchAll(new RegExp(id, "g")))
    if (!rows.has(key)) {
      const line = text.split("\n").find((one) => one.includes(key));
      rows.set(key, { id: key, header: [], cells: [line.slice(Math.max(0, line.lastIndexOf(". ", line.indexOf(key)) + 1)).trim()] });
    }
  const number = (row) => Number(row.id.split(".g")[1]);
  return [...rows.values()].sort((a, b) => number(a) - number(b));
}
