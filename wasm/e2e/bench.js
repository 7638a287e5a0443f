// How quick is the page? Script time a frame with 1,000 jobs in flight, simulated over real time, first paint, sizes;
// each against its limit.

import { begin, end, open, trace, traced } from "./browser.js";
import { crowd, play, sizes } from "./measure.js";

const limits = {
  frame: 8, // ms: leaves the browser as much for drawing in a sixtieth of a second
  speed: 200, // simulated over real time
  paint: 1000, // ms
  simulator: 225, // thousands of bytes, compressed
  page: 350,
};

let missed = 0;

function report(name, value, unit, limit, { least = false, digits = 1 } = {}) {
  const holds = least ? value >= limit : value <= limit;
  if (!holds) missed += 1;
  console.log(`${name.padEnd(46)}${value.toFixed(digits).padStart(8)} ${unit.padEnd(3)}  ${least ? "at least" : "at most"} ${limit} ${unit}   ${holds ? "ok" : "MISSED"}`);
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

async function frames(rounds = 3) {
  const { page, close } = await open({ hash: crowd, width: 1440, height: 900 });
  // The browser compiles what it runs often.
  await play(page, 120);
  // Other programs on the same processors empty the caches: the quietest round says what the page itself costs.
  let best = null;
  let fewest = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    await trace(page);
    fewest = Math.min(fewest, await play(page, 300));
    const costs = (await traced()).sort((one, other) => one - other);
    const found = { p50: at(costs, 0.5), p95: at(costs, 0.95), count: costs.length };
    if (best === null || found.p95 < best.p95) best = found;
  }
  await close();
  return { ...best, fewest };
}

async function speed() {
  const { page, close } = await open();
  const ratio = await page.evaluate(() => {
    const { World } = globalThis.leasehold.player;
    const minutes = 10;
    const once = () => {
      const world = new World(World.presets()[0].scenario);
      const began = performance.now();
      world.advance_to(minutes * 60_000);
      const took = performance.now() - began;
      world.free();
      return (minutes * 60_000) / took;
    };
    return Math.max(once(), once(), once());
  });
  await close();
  return ratio;
}

async function paint() {
  const paints = [];
  for (let load = 0; load < 5; load += 1) {
    const { page, close } = await open({ calm: false });
    paints.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
    await close();
  }
  return at(paints.sort((one, other) => one - other), 0.5);
}

await begin();
try {
  const { p50, p95, fewest, count } = await frames();
  console.log(`script time a frame: ${count} frames with at least ${fewest} jobs in flight at each door`);
  report("  half of them within", p50, "ms", limits.frame);
  report("  95 of 100 within", p95, "ms", limits.frame);
  report("the first story, simulated over real time", await speed(), "\u00d7", limits.speed, { least: true, digits: 0 });
  report("first paint, from this machine, median of 5", await paint(), "ms", limits.paint, { digits: 0 });
  const { simulator, page } = await sizes();
  report("the simulator, compressed", simulator / 1000, "kB", limits.simulator);
  report("the whole page, compressed", page / 1000, "kB", limits.page);
} finally {
  await end();
}
process.exitCode = missed === 0 ? 0 : 1;
