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

// The program was built with the digest that native code comes to, and ends well if it comes to the same.
test("large worlds come to the same digest in WebAssembly", async () => {
  const target = process.env.CARGO_TARGET_DIR ?? new URL("../../../target", import.meta.url).pathname;
  const built = await readFile(`${target}/wasm32-unknown-unknown/wasm/examples/same_worlds.wasm`);
  const { instance } = await WebAssembly.instantiate(built, {});
  assert.equal(instance.exports.main(0, 0), 0);
});
