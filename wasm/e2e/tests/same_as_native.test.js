// Does the browser compute what native code computes? A digest of 10,000 things that happened on a bad day.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";

import { open, withBrowser } from "../browser.js";

// A test of the simulator holds native code to the same digest.
const native = (await readFile(new URL("../../../sim/tests/digest.txt", import.meta.url), "utf8")).trim();

describe("the browser computes what native code computes", () => {
  withBrowser();

  test("the same digest of 10,000 events", async () => {
    const { page, close } = await open();
    const browser = await page.evaluate(() => {
      const { World } = globalThis.leasehold.player;
      const world = new World(World.presets().find((preset) => preset.id === "a-bad-day").scenario);
      world.advance_by(10_000);
      return { happened: world.happened(), digest: world.digest() };
    });
    assert.deepEqual(browser, { happened: 10_000, digest: native });
    await close();
  });
});
