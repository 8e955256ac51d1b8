// Measure jsondiffpatch with an object hash: `node differ.mjs BEFORE AFTER ROUNDS`. Prints the best seconds of
// the processor and the changes that it tells: one for each added, removed, changed or moved place.
import { readFileSync } from "node:fs";
import { create } from "jsondiffpatch";

const [before, after] = process.argv.slice(2, 4).map((path) => JSON.parse(readFileSync(path, "utf8")));
const differ = create({ objectHash: (item) => item.id ?? JSON.stringify(item) });

function changes(delta) {
  if (delta === undefined) return 0;
  if (Array.isArray(delta)) return 1;
  return Object.entries(delta).reduce((sum, [key, below]) => sum + (key === "_t" ? 0 : changes(below)), 0);
}

let best = Infinity;
let spent = 0;
let found;
for (let round = 0; round <= Number(process.argv[4]) && (round < 2 || spent < 1); round++) {
  const began = process.cpuUsage();
  found = differ.diff(before, after);
  const used = process.cpuUsage(began);
  const seconds = (used.user + used.system) / 1e6;
  spent += seconds;
  if (round) best = Math.min(best, seconds);
}
console.log(JSON.stringify({ seconds: best, changes: changes(found) }));
