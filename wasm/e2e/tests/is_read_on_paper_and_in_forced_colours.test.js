// Is the page read on paper, and where the system sets the colours? What is chosen, what is drawn, what is left out.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { drawn, now, open, show, withBrowser } from "../browser.js";
import { drop, recorded } from "../recorded.js";

/** Whether the drawings of both sides and of a recording are light: how many of their pixels have the colour of light ink. */
function lightInk(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll("canvas.chart")].map((chart) => {
      const { data } = chart.getContext("2d").getImageData(0, 0, chart.width, chart.height);
      let count = 0;
      // The colour of --hold where it is light: #0b6a6d.
      for (let at = 0; at < data.length; at += 4) if (data[at] === 0x0b && data[at + 1] === 0x6a && data[at + 2] === 0x6d) count += 1;
      return count > 0;
    }),
  );
}

describe("on paper", () => {
  withBrowser();

  test("drawings are light, also where the screen is dark", async () => {
    const { page, close } = await open({ dark: true, hash: "#story=raise-the-limit" });
    await show(page, 31_000);
    await drop(page, "demo.jsonl", recorded);
    await page.locator(".trace-view .pool").first().waitFor();
    await page.getByLabel("Moment of the recording").fill("900");
    await page.evaluate(() => {
      globalThis.printed = [];
      addEventListener("beforeprint", () => globalThis.printed.push(document.documentElement.dataset.theme));
    });
    assert.deepEqual(await lightInk(page), [false, false, false, false]);
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.deepEqual(await lightInk(page), [true, true, true, true]);
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    assert.deepEqual(await lightInk(page), [false, false, false, false]);
    // The browser's own printing says the same.
    await page.pdf();
    assert.deepEqual(await page.evaluate(() => globalThis.printed), ["light", "light"]);
    assert.deepEqual(await lightInk(page), [false, false, false, false]);
    await close();
  });

  test("one moment is printed, and it plays on after that", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await page.locator("#play").click();
    await page.waitForFunction(() => globalThis.leasehold.player.now > 5);
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    const printed = await now(page);
    await drawn(page);
    assert.equal(await now(page), printed);
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    await page.waitForFunction((before) => globalThis.leasehold.player.now > before, printed);
    await close();
  });

  test("stands what is chosen, and nothing to press or to drag", async () => {
    for (const width of [718, 1046]) {
      const { page, close } = await open({ width, hash: "#story=raise-the-limit" });
      await show(page, 31_000);
      await page.locator(".request[data-id]").nth(2).click();
      await page.emulateMedia({ media: "print" });
      await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
      assert.equal(await page.locator("button:visible, input[type=range]:visible, input[type=text]:visible").count(), 0);
      assert.deepEqual(await page.locator(".story:visible").allInnerTexts(), ["Raise the limit live"]);
      assert.deepEqual(await page.locator(".choice label:visible").allInnerTexts(), ["waits in a queue"]);
      assert.equal(await page.locator("#clock").innerText(), "31.000 s");
      assert.equal(await page.locator("#trace").isVisible(), false, "there is no recording");
      const found = await page.evaluate(() => {
        const list = document.getElementById("request-list");
        const frame = document.querySelector(".request-list-frame").getBoundingClientRect();
        const white = [...document.querySelectorAll("main *")].filter((one) => one.checkVisibility() && one.textContent.trim() !== "" && getComputedStyle(one).color === getComputedStyle(document.documentElement).getPropertyValue("--paper"));
        const inside = [...list.children].every((one) => one.getBoundingClientRect().bottom <= frame.bottom + 1);
        return { inside, requests: list.children.length, white: white.length, wide: document.documentElement.scrollWidth > document.documentElement.clientWidth };
      });
      assert.ok(found.requests > 30);
      assert.deepEqual({ ...found, requests: 0 }, { inside: true, requests: 0, white: 0, wide: false }, `${width} px`);
      await close();
    }
  });
});

describe("in forced colours", () => {
  withBrowser();

  for (const scheme of ["light", "dark"]) {
    test(`what is chosen looks chosen: ${scheme}`, async () => {
      const { page, close } = await open({ hash: "#story=raise-the-limit" });
      await page.emulateMedia({ forcedColors: "active", colorScheme: scheme });
      await show(page, 31_000);
      await page.locator(".request[data-id]").nth(2).click();
      await page.locator("#request-detail h3").hover();
      const look = (query) => page.locator(query).first().evaluate((one) => [getComputedStyle(one).backgroundColor, getComputedStyle(one).color]);
      for (const [chosen, other] of [
        ['.request[aria-selected="true"]', '.request[aria-selected="false"]'],
        [".story input:checked + span", ".story input:not(:checked) + span"],
        [".choice input:checked + span", ".choice input:not(:checked) + span"],
      ]) {
        assert.notEqual((await look(chosen))[0], (await look(other))[0], chosen);
      }
      const [[ground], [, text]] = [await look('.request[aria-selected="true"]'), await look('.request[aria-selected="true"] .what')];
      assert.notEqual(ground, text);
      await close();
    });
  }

  test("what is drawn keeps the colours of its legend", async () => {
    const { page, close } = await open();
    const colours = () => page.evaluate(async () => ({ ...(await import(new URL("page/colours.js", location.href).href)).colours }));
    const plain = await colours();
    await page.emulateMedia({ forcedColors: "active" });
    await page.waitForFunction(() => matchMedia("(forced-colors: active)").matches);
    assert.deepEqual(await colours(), plain);
    assert.ok(new Set(Object.values(plain)).size > 10, JSON.stringify(plain));
    await close();
  });
});
