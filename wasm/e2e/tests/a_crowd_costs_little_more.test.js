// Does a crowd take more than its room? How many commands a picture is drawn with, and what of the page a frame changes.
// How long that takes is measured by `make bench-web`.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { open, show, withBrowser } from "../browser.js";
import { crowd, play } from "../measure.js";

/** How many times the canvases are told to paint, for one whole picture. */
function commands(page) {
  return page.evaluate(() => {
    const paints = ["fill", "stroke", "fillRect", "strokeRect", "clearRect", "fillText", "strokeText", "drawImage"];
    const canvas = CanvasRenderingContext2D.prototype;
    const own = paints.map((name) => [name, canvas[name]]);
    let count = 0;
    for (const [name, paint] of own) {
      canvas[name] = function (...how) {
        count += 1;
        return paint.apply(this, how);
      };
    }
    globalThis.leasehold.player.redraw();
    for (const [name, paint] of own) canvas[name] = paint;
    return count;
  });
}

describe("a crowd", () => {
  withBrowser();

  test("of a thousand jobs at each door is drawn with as few commands as fifty", async () => {
    const few = await open({ hash: "#story=two-workflows", width: 1440, height: 900 });
    await show(few.page, 5000);
    const before = await commands(few.page);
    await few.close();
    const many = await open({ hash: crowd, width: 1440, height: 900 });
    const inFlight = await many.page.evaluate(() => globalThis.leasehold.player.world.frame().doors.map((door) => door.in_flight));
    assert.ok(Math.min(...inFlight) >= 1000, `${inFlight} jobs in flight`);
    const now = await commands(many.page);
    assert.ok(before > 20, `${before} commands for fifty`);
    assert.ok(now <= before * 1.5, `${now} commands for a thousand, ${before} for fifty`);
    await many.close();
  });

  test("does not make the page itself change with every job", async () => {
    const { page, close } = await open({ hash: crowd, width: 1440, height: 900 });
    const frames = 60;
    await page.evaluate(() => {
      globalThis.changes = 0;
      new MutationObserver((changes) => (globalThis.changes += changes.length)).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    });
    const fewest = await play(page, frames);
    const changes = await page.evaluate(() => globalThis.changes);
    assert.ok(fewest >= 1000, `${fewest} jobs in flight`);
    assert.ok(changes > 0 && changes <= 20 * frames, `${changes} changes in ${frames} frames`);
    await close();
  });
});
