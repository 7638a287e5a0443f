// Does the page look as it did when somebody last looked at it? Three sizes, light and dark, at fixed moments.
//
// UPDATE_SCREENSHOTS=1 writes them anew; a difference is kept in `seen/` beside the reviewed ones.

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";

import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";

import { drawn, open, show, withBrowser } from "../browser.js";

const reviewed = new URL("../screenshots/", import.meta.url);
const seen = new URL("../seen/", import.meta.url);

/** Another version of the browser smooths edges a little differently; what moved or changed its colour is more. */
const tolerated = 0.01;

const sizes = { phone: [360, 740], tablet: [820, 1180], desk: [1440, 900] };

/** The moment at which the race of the first story is under way. */
const race = 120;

async function compare(name, picture) {
  if (process.env.UPDATE_SCREENSHOTS) {
    await mkdir(reviewed, { recursive: true });
    await writeFile(new URL(`${name}.png`, reviewed), picture);
    return;
  }
  const expected = PNG.sync.read(await readFile(new URL(`${name}.png`, reviewed)));
  const actual = PNG.sync.read(picture);
  const keep = async (difference) => {
    await mkdir(seen, { recursive: true });
    await writeFile(new URL(`${name}.png`, seen), picture);
    if (difference) await writeFile(new URL(`${name}.difference.png`, seen), PNG.sync.write(difference));
  };
  if (actual.width !== expected.width || actual.height !== expected.height) {
    await keep(null);
    assert.fail(`${name} is ${actual.width} x ${actual.height}, reviewed was ${expected.width} x ${expected.height}; see wasm/e2e/seen`);
  }
  const difference = new PNG({ width: actual.width, height: actual.height });
  const differ = pixelmatch(expected.data, actual.data, difference.data, actual.width, actual.height, { threshold: 0.15 });
  const share = differ / (actual.width * actual.height);
  if (share > tolerated) {
    await keep(difference);
    assert.fail(`${name} differs in ${(share * 100).toFixed(2)} % of its pixels; see wasm/e2e/seen`);
  }
}

describe("the page looks as reviewed", () => {
  withBrowser();

  for (const [size, [width, height]] of Object.entries(sizes)) {
    for (const theme of ["light", "dark"]) {
      test(`${size}, ${theme}`, async () => {
        const { page, close } = await open({ hash: "#story=two-workflows", width, height, dark: theme === "dark" });
        // As tall as the page, so that what sticks to the lower edge lies where it belongs.
        await page.setViewportSize({ width, height: await page.evaluate(() => document.documentElement.scrollHeight) });
        await page.waitForFunction(() => document.querySelector(".request") !== null);
        await show(page, race);
        await drawn(page);
        await compare(`${size}-${theme}`, await page.screenshot({ animations: "disabled" }));
        await close();
      });
    }
  }

  test("and the comparison would notice", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows", width: 1440, height: 900, dark: true });
    await show(page, 3000);
    if (!process.env.UPDATE_SCREENSHOTS) {
      await assert.rejects(compare("desk-light", await page.screenshot({ fullPage: true })), /differs|reviewed was/);
    }
    await close();
  });
});
