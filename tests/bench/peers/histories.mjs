// Measure jsondiffpatch with an object hash on many pairs of files: `node histories.mjs PAIRS`. Prints the seconds of
// the processor for all of them, the better of two rounds, and the changes that it tells.
import { readFileSync } from "node:fs";
import { create } from "jsondiffpatch";

const pairs = JSON.parse(readFileSync(process.argv[2], "utf8"));
const known = new Map(pairs.flat().map((path) => [path, JSON.parse(readFileSync(path, "utf8"))]));
const differ = create({ objectHash: (item) => item.id ?? JSON.stringify(item) });

function changes(delta) {
  if (delta === undefined) return 0;
  if (Array.isArray(delta)) return 1;
  return Object.entries(delta).reduce((sum, [key, below]) => sum + (key === "_t" ? 0 : changes(below)), 0);
}

let best = Infinity;
let told = 0;
for (let round = 0; round < 2; round++) {
  told = 0;
  let spent = 0;
  for (const [before, after] of pairs) {
    const began = process.cpuUsage();
    const delta = differ.diff(known.get(before), known.get(after));
    const used = process.cpuUsage(began);
    spent += (used.user + used.system) / 1e6;
    told += changes(delta);
  }
  best = Math.min(best, spent);
}
console.log(JSON.stringify({ seconds: best, changes: told }));
