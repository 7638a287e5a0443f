// Does the list of requests leave none out between two that it shows, and does it say of how many it shows?

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { open, show, withBrowser } from "../browser.js";

const listed = (page) => page.locator(".request[data-id]").evaluateAll((items) => items.map((item) => [item.querySelector(".what").textContent.startsWith("Count") ? 0 : 1, Number(item.dataset.id)]));

describe("requests are listed", () => {
  withBrowser();

  for (const at of [560, 700, 1500]) {
    test(`without a hole between two of them, at ${at} ms`, async () => {
      const { page, close } = await open({ hash: `#story=thundering-herd&at=${at}` });
      await page.locator(".request[data-id]").first().waitFor();
      const shown = new Set((await listed(page)).map(([door, id]) => `${door} ${id}`));
      assert.equal(shown.size, 60);
      const all = await page.evaluate(() => {
        const { world, World } = globalThis.leasehold.player;
        const briefs = [0, 1].flatMap((door) => world.recent(door, World?.kept() ?? 256));
        return briefs.sort((one, other) => other.asked_ms - one.asked_ms || other.id - one.id).map((brief) => `${brief.door} ${brief.id}`);
      });
      assert.deepEqual(all.slice(0, 60).filter((one) => !shown.has(one)), []);
      await close();
    });
  }

  test("of one job all that are kept, and no word on any that are not missing", async () => {
    const scenario = { mode: "poll", pools: [{ prefix: "p", limit: 0 }], workloads: [{ name: "w", pool: "p", burst: 1 }], poll: { every_ms: 1000 } };
    const { page, close } = await open({ hash: `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}&at=45000&job=0` });
    await page.locator(".request[data-id]").first().waitFor();
    const { asked, kept } = await page.evaluate(() => {
      const { world } = globalThis.leasehold.player;
      return { asked: world.job(0).doors.reduce((sum, door) => sum + door.requests, 0), kept: [0, 1].reduce((sum, door) => sum + world.recent(door, 256).length, 0) };
    });
    assert.ok(asked > 60 && kept >= asked, `${asked} of ${kept}`);
    assert.equal((await listed(page)).length, asked);
    assert.equal(await page.locator("#request-whose").innerText(), "The requests of job 0 alone, newest first.");
    // The first of them is reached with one key.
    await page.locator("#request-list").press("End");
    assert.equal(await page.locator('.request[aria-selected="true"] time').innerText(), await page.locator(".request time").last().innerText());
    await close();
  });

  test("a sweep's with the pool that it sweeps, where there are several", async () => {
    const { page, close } = await open();
    await show(page, 30_100);
    await page.locator(".request[data-id]").first().waitFor();
    const sweeps = (await page.locator(".request .what").allInnerTexts()).filter((text) => text.includes("the sweep"));
    assert.ok(sweeps.length > 0 && sweeps.every((text) => /the sweep of (analytics|batch) /.test(text)), `${sweeps}`);
    await close();
  });
});
