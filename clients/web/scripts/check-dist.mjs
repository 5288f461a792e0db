/**
 * Looks at what was built: the participant's first load fits its budget, no page holds inline script or style, and
 * nothing points to another origin. Fails the build otherwise.
 */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** HTML, scripts and styles that the first page needs, gzip, bytes. */
const BUDGET = 40 * 1024;
const dist = new URL("../dist/", import.meta.url);
const read = (path) => readFileSync(new URL(path.replace(/^\//, ""), dist));
const size = (path) => gzipSync(read(path), { level: 9 }).length;
const problems = [];

/** Every script and style that a page loads before anybody does anything: its own and those that they import. */
function firstLoad(page) {
  const html = read(page).toString();
  if (/<script(?![^>]*\bsrc=)/.test(html) || /<style|\son\w+=|\sstyle=/.test(html)) problems.push(`${page} holds inline script or style`);
  const files = new Set();
  const todo = [...html.matchAll(/<(?:script|link)\b[^>]*\b(?:src|href)="([^"]+\.(?:js|css))"/g)].map((m) => m[1]);
  for (let path = todo.pop(); path; path = todo.pop()) {
    if (!path.startsWith("/assets/")) problems.push(`${page} loads ${path}`);
    if (files.has(path)) continue;
    files.add(path);
    if (!path.endsWith(".js")) continue;
    // Static imports only; what `import()` fetches comes when it is asked for.
    for (const [, file] of read(path).toString().matchAll(/(?:\bfrom|\bimport)\s*["'`]\.\/([^"'`]+)["'`]/g)) todo.push(`/assets/${file}`);
  }
  return [page, ...files];
}

for (const page of ["index.html", "console/index.html"]) {
  const files = firstLoad(page);
  const total = files.reduce((sum, file) => sum + size(file), 0);
  for (const file of files) {
    // The XML namespaces of SVG are names, not addresses.
    const addresses = read(file).toString().match(/https?:\/\/(?!www\.w3\.org\/)[^\s"'`)]+/g) ?? [];
    if (addresses.length > 0) problems.push(`${file} names other origins: ${addresses.join(", ")}`);
  }
  console.log(`${page}: ${total} bytes (gzip) in ${files.length} files`);
  for (const file of files) console.log(`  ${String(size(file)).padStart(6)}  ${file}`);
  if (page === "index.html") {
    console.log(`  first load of the participant's page: ${(total / 1024).toFixed(1)} KB of ${BUDGET / 1024} KB`);
    if (total > BUDGET) problems.push(`the participant's first load is ${total} bytes; ${BUDGET} are the most`);
  }
}
for (const problem of problems) console.error(`error: ${problem}`);
process.exit(problems.length > 0 ? 1 : 0);
