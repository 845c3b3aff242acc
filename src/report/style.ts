import { variables } from "./palette.ts";

/** The style of the HTML report: light and dark, narrow and printed. */
export function pageStyle(): string {
  return `
:root { color-scheme: light dark; ${variables("light")} }
@media (prefers-color-scheme: dark) { :root { ${variables("dark")} } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 0 1.25rem 3rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; overflow-wrap: break-word; }
header { padding: 2.5rem 0 1rem; border-bottom: 2px solid var(--ink); }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; letter-spacing: -0.01em; }
header p { margin: 0.4rem 0 0; color: var(--quiet); }
h2 { margin: 2.75rem 0 0.6rem; font-size: 1.3rem; line-height: 1.3; }
h3 { margin: 1.5rem 0 0.4rem; font-size: 1rem; }
p, ul { margin: 0.5rem 0; max-width: 46rem; }
a { color: var(--knowledge); }
a:focus-visible, .scroll:focus-visible { outline: 3px solid var(--knowledge); outline-offset: 2px; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.15rem 1.1rem; margin: 0.9rem 0 0; padding: 0; max-width: none; list-style: none; font-size: 0.9rem; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 0.5rem; padding: 0.3rem 0.6rem; background: var(--paper); }
main:focus { outline: none; }
.reading, #summary > p { font-size: 1.05rem; }
.scroll { max-width: 100%; overflow-x: auto; margin: 0.75rem 0; }
figure { margin: 0.75rem 0; }
figure svg { display: block; max-width: none; }
figcaption { max-width: 46rem; color: var(--quiet); font-size: 0.875rem; }
table { border-collapse: collapse; font-size: 0.875rem; line-height: 1.4; }
caption { padding: 0 0 0.35rem; text-align: left; color: var(--quiet); }
th, td { padding: 0.28rem 0.9rem 0.28rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { border-bottom: 1.5px solid var(--ink); vertical-align: bottom; }
tbody th { font-weight: 500; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.w { white-space: nowrap; }
thead .n { white-space: normal; }
td { max-width: 34rem; }
pre { margin: 0; padding: 0.8rem 1rem; background: var(--band); font: 0.8125rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; width: max-content; min-width: 100%; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 1rem; max-width: none; padding: 0; list-style: none; }
.pictures img { display: block; width: 4rem; height: 4rem; background: #fff; border: 1px solid var(--line); }
.pictures p { margin: 0.3rem 0 0; font-size: 0.875rem; line-height: 1.35; }
.pictures .credit { color: var(--quiet); font-size: 0.75rem; }
footer { margin-top: 3rem; padding-top: 0.75rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: 0.875rem; }
@media (max-width: 30rem) { body { padding: 0 0.9rem 2rem; } h1 { font-size: 1.5rem; } header { padding-top: 1.5rem; } }
@media print {
  :root { color-scheme: light; ${variables("light")} }
  @page { margin: 15mm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, .skip { display: none; }
  .scroll { overflow: visible; }
  figure svg { max-width: 100%; height: auto; }
  table { font-size: 8pt; }
  th, td { padding-right: 0.5rem; }
  pre { white-space: pre-wrap; width: auto; }
  h2, h3, caption, .reading { break-after: avoid; }
  figure, tr, .pictures li { break-inside: avoid; }
}
`;
}
