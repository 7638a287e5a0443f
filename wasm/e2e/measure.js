// How is the page brought to where it is measured? A crowd of a thousand jobs, frames counted one by one, sizes.

import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";

import { site } from "./browser.js";

// As many leave as come, so that it stays at a thousand: half of them at work, the others waiting.
const scenario = {
  pools: [{ prefix: "analytics", limit: 400 }, { prefix: "batch", limit: 100 }],
  workloads: [
    { name: "analytics", pool: "analytics", burst: 700, burst_over_ms: 3000, per_minute: 3900, job_ms: 6000 },
    { name: "batch", pool: "batch", burst: 190, burst_over_ms: 3000, per_minute: 740, job_ms: 8000 },
  ],
};

/** A link to the moment at which a thousand are in flight at both doors. */
export const crowd = `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}&at=9000`;

/**
 * Plays so many frames of a sixtieth of a second each, however seldom a busy machine lets the browser draw.
 * @returns {Promise<number>} the fewest jobs that were in flight at a door meanwhile
 */
export function play(page, frames) {
  return page.evaluate(async (count) => {
    const { player } = globalThis.leasehold;
    const inFlight = () => Math.min(...player.world.frame().doors.map((door) => door.in_flight));
    globalThis.run ??= player.run;
    let real = performance.now();
    let drawn = 0;
    player.run = () => {
      real += 1000 / 60;
      drawn += 1;
      globalThis.run(real);
    };
    player.setSpeed(1);
    let fewest = inFlight();
    player.play();
    while (drawn < count) await new Promise((done) => requestAnimationFrame(done));
    player.pause();
    player.run = globalThis.run;
    return Math.min(fewest, inFlight());
  }, frames);
}

/** @returns {Promise<{simulator: number, page: number}>} bytes to download, compressed */
export async function sizes() {
  const found = { simulator: 0, page: 0 };
  for (const entry of await readdir(site, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || /LICENSE|OFL\.txt|\.d\.ts$/.test(entry.name)) continue;
    const size = gzipSync(await readFile(path.join(entry.parentPath ?? entry.path, entry.name)), { level: 9 }).length;
    found.page += size;
    if (entry.name.endsWith(".wasm")) found.simulator += size;
  }
  return found;
}
