// Can the page be used with a keyboard, and heard instead of seen?

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import axe from "axe-core";

import { now, open, show, withBrowser } from "../browser.js";

async function violations(page) {
  // Evaluated from outside: the page's policy would stop a script tag.
  await page.evaluate(axe.source);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations
    .filter((one) => ["serious", "critical", "moderate"].includes(one.impact))
    .map((one) => `${one.id} (${one.impact}): ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}

describe("without a mouse", () => {
  withBrowser();

  test("everything can be reached in order, and its focus is seen", async () => {
    const { page, close } = await open();
    const reached = [];
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const element = document.activeElement;
        if (element === document.body) return null;
        const shown = element.matches(".story input, .choice input") ? element.nextElementSibling : element.matches("#trace-file") ? document.querySelector(".trace-pick .button") : element;
        const style = getComputedStyle(shown);
        return { name: element.id || element.name || element.className || element.tagName, outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
      });
      if (at === null) break;
      assert.ok(at.outline, `${at.name} shows its focus`);
      reached.push(at.name);
    }
    const expected = ["skip", "theme", "story", "play", "step", "again", "scrub", "speed", "kill", "drop", "c-limit-0", "mode", "c-delay", "c-seed", "link", "request-list", "trace-file", "trace-url", "trace-load"];
    let from = 0;
    const missing = expected.filter((name) => !reached.some((one) => one.includes(name)));
    assert.deepEqual(missing, [], `reached: ${reached.join(", ")}`);
    for (const name of ["skip", "theme", "story", "play", "scrub", "kill", "trace-load"]) {
      const at = reached.findIndex((one, index) => index >= from && one.includes(name));
      assert.ok(at >= from, `${name} comes in order`);
      from = at;
    }
    await close();
  });

  test("a whole visit works: choose a story, play, stop, kill, raise the limit, look at a request", async () => {
    const { page, close } = await open();
    await page.locator(".story input").first().focus();
    await page.keyboard.press("ArrowRight");
    const second = await page.locator(".story input").nth(1).getAttribute("value");
    assert.equal(new URL(page.url()).hash, `#story=${second}`);
    await page.locator("#play").focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => globalThis.leasehold.player.now > 5);
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("#play").innerText(), "Play");
    await page.locator("#step").focus();
    const happened = () => page.evaluate(() => globalThis.leasehold.player.world.happened());
    const before = await happened();
    await page.keyboard.press("Enter");
    assert.ok((await happened()) > before);
    await show(page, 1500);
    await page.locator("#kill").focus();
    await page.keyboard.press("Enter");
    await page.locator("#c-limit-0").focus();
    await page.keyboard.press("ArrowRight");
    const actions = await page.evaluate(() => globalThis.leasehold.player.world.scenario().actions.map((action) => action.do));
    assert.ok(actions.includes("kill") && actions.includes("limit"), actions.join(", "));
    await page.locator("#request-list").focus();
    await page.waitForFunction(() => document.querySelector(".request[data-id]") !== null);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    assert.equal(await page.locator('.request[aria-selected="true"]').count(), 1);
    assert.equal(await page.locator("#request-list").getAttribute("aria-activedescendant"), await page.locator('.request[aria-selected="true"]').getAttribute("id"));
    assert.match(await page.locator("#request-detail").innerText(), /asked at/);
    await close();
  });

  test("a seed that is none is not taken", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    const seed = page.locator("#c-seed");
    for (const given of ["", "-1", "1.5", "4294967296"]) {
      await seed.fill(given);
      await seed.press("Enter");
      assert.equal(await seed.inputValue(), "1", `"${given}"`);
    }
    assert.equal(await page.evaluate(() => location.hash), "#story=two-workflows");
    await close();
  });

  test("space plays and a dot steps, but not in a field", async () => {
    const { page, close } = await open();
    for (let step = 0; step < 5; step += 1) await page.keyboard.press(".");
    const stepped = await now(page);
    assert.ok(stepped > 0);
    await page.keyboard.press("Space");
    await page.waitForFunction((before) => globalThis.leasehold.player.now > before, stepped);
    await page.keyboard.press("Space");
    // Also right after a story was chosen or a slider was moved, which keep the focus.
    const playing = () => page.evaluate(() => globalThis.leasehold.player.playing);
    for (const place of [".story input:checked", "#scrub", "#speed", "#c-limit-0", "#c-mode-queue"]) {
      await page.locator(place).focus();
      await page.keyboard.press("Space");
      assert.equal(await playing(), true, place);
      await page.keyboard.press("Space");
      assert.equal(await playing(), false, place);
    }
    const stopped = await now(page);
    await page.getByLabel("Address of a recording").focus();
    await page.keyboard.type("a. b");
    assert.equal(await now(page), stopped);
    await close();
  });

  for (const dark of [false, true]) {
    for (const width of [360, 1280]) {
      test(`axe finds nothing: ${dark ? "dark" : "light"}, ${width} px`, async () => {
        const { page, close } = await open({ dark, width });
        assert.deepEqual(await violations(page), [], "at the start");
        await page.evaluate(() => document.getElementById("scenario").setAttribute("open", ""));
        await page.locator("#request-list").scrollIntoViewIfNeeded();
        await show(page, 1500);
        const id = await page.evaluate(() => globalThis.leasehold.player.world.recent(1, 1)[0].id);
        await page.locator(`.request[data-id="${id}"]`).first().click();
        assert.deepEqual(await violations(page), [], "with a broken limit and a request");
        await close();
      });
    }
  }

  test("what happens is said aloud, but not all the time", async () => {
    const { page, close } = await open({ calm: false });
    await page.evaluate(() => {
      globalThis.said = [];
      new MutationObserver(() => globalThis.said.push(document.getElementById("announce").textContent)).observe(document.getElementById("announce"), { childList: true, characterData: true, subtree: true });
      globalThis.leasehold.player.setSpeed(5);
    });
    await page.waitForFunction(() => globalThis.leasehold.player.now > 10_000);
    const said = await page.evaluate(() => globalThis.said);
    assert.ok(said.some((text) => text.startsWith("Count, then put: ")), said.join(" | "));
    const seconds = await page.evaluate(() => performance.now() / 1000);
    assert.ok(said.length <= 2 + seconds / 5, `${said.length} announcements in ${seconds} s`);
    await close();
  });

  test("each slider of the time has a name that is seen, also on a phone", async () => {
    for (const width of [320, 360, 640, 768, 1280]) {
      const { page, close } = await open({ width, height: 740, hash: "#story=two-workflows&at=2345" });
      for (const [id, name] of [["scrub", "Time"], ["speed", "Speed"]]) {
        const label = page.locator(`label[for="${id}"]`);
        const { width: wide, height } = await label.boundingBox();
        assert.ok(wide > 15 && height > 8, `${width} px: ${name} is ${wide} by ${height}`);
        assert.equal(await label.innerText(), name);
        assert.ok((await page.locator(`#${id}`).boundingBox()).width > 80, `${width} px: ${name} can be aimed at`);
      }
      // The speed says what it is measured in.
      const said = new Set();
      for (let step = 0; step < 12; step += 1) {
        await page.locator("#speed").press(step === 0 ? "Home" : "ArrowRight");
        const text = await page.locator("#speed-is").innerText();
        assert.equal(await page.locator("#speed").getAttribute("aria-valuetext"), text);
        assert.equal(await page.locator("#speed-is").evaluate((one) => one.scrollWidth <= one.clientWidth && one.getBoundingClientRect().left >= document.querySelector('label[for="speed"]').getBoundingClientRect().right && one.getBoundingClientRect().right <= document.documentElement.clientWidth), true, `${width} px: ${text}`);
        said.add(text);
      }
      assert.deepEqual([...said].filter((text) => !/^(1\/\d+ of |\d+\u00d7 )?real time$/.test(text)), []);
      assert.equal(said.size, 12);
      assert.equal(await page.locator("#step span").evaluate((text) => text.getBoundingClientRect().width > 10), width >= 640, `${width} px: Step`);
      assert.ok((await page.locator(".transport").boundingBox()).height <= 112, `${width} px: it leaves room for what it moves`);
      await close();
    }
  });

  test("nothing is cut off where a pool settles, and no name touches its value", async () => {
    const pools = [{ prefix: "W".repeat(64), limit: 6 }];
    const workloads = [{ name: "w", pool: pools[0].prefix, burst: 40, burst_over_ms: 2000, per_minute: 170 }];
    const actions = [{ at_ms: 10_000, do: "limit", pool: pools[0].prefix, limit: 2 }];
    const hash = `#s=${Buffer.from(JSON.stringify({ pools: [...pools, { prefix: "other", limit: 3 }], workloads, actions })).toString("base64url")}&at=16000`;
    for (const width of [320, 360, 768, 1280]) {
      const { page, close } = await open({ width, hash });
      await page.evaluate(() => document.getElementById("scenario").setAttribute("open", ""));
      assert.match(await page.locator('[data-door="leasehold"] .pool-over').first().innerText(), /^closed until/);
      const found = await page.evaluate(() => {
        const outside = [...document.querySelectorAll(".pool-head p, .pool-head h3")].filter((one) => one.getBoundingClientRect().right > one.closest(".door").getBoundingClientRect().right - 3).map((one) => one.textContent);
        const touching = [...document.querySelectorAll(".control")].filter((one) => {
          const [label, output] = [one.querySelector("label"), one.querySelector("output")];
          if (output === null) return false;
          const range = document.createRange();
          range.selectNodeContents(label);
          return [...range.getClientRects()].some((line) => line.right > output.getBoundingClientRect().left - 6);
        });
        return { outside, touching: touching.map((one) => one.textContent) };
      });
      assert.deepEqual(found, { outside: [], touching: [] }, `${width} px`);
      await close();
    }
  });

  test("letters of twice the size leave all of it to be read, on a phone too", async () => {
    for (const width of [360, 768, 1280]) {
      const { page, close } = await open({ width, height: 740, letters: 32, hash: "#story=raise-the-limit&at=31000" });
      assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize), "32px");
      const found = await page.evaluate(() => {
        const cut = [...document.querySelectorAll("button, h1, h2, h3, .verdict, .caption, .pool-head p, .numbers th, .numbers td, .control label, .control output, .clock")].filter((one) => one.offsetParent !== null && !one.closest(".unseen") && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== "inline");
        const outside = [...document.querySelectorAll("button, input, .pool-head p")].filter((one) => one.offsetParent !== null && !one.closest(".unseen, .story-picker") && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
        return { cut: cut.map((one) => one.textContent), outside: outside.map((one) => one.id || one.textContent), wide: document.documentElement.scrollWidth > document.documentElement.clientWidth };
      });
      assert.deepEqual(found, { cut: [], outside: [], wide: false }, `${width} px`);
      assert.ok((await page.locator(".transport").boundingBox()).height < 740 / 3 || (await page.locator(".transport").evaluate((bar) => getComputedStyle(bar).position)) !== "sticky", `${width} px: the bar covers little`);
      await close();
    }
  });

  test("a request that is chosen far down the list is seen at once", async () => {
    for (const width of [390, 768, 1000, 1024, 1279, 1440]) {
      const { page, close } = await open({ width, height: 768, hash: "#story=two-workflows&at=3000" });
      const [side, list] = await page.locator(".request-list-frame, .side").evaluateAll((both) => both.map((one) => one.getBoundingClientRect().bottom));
      if (width > 992) assert.ok(Math.abs(list - side) < 40, `${width} px: no empty place beside what can be changed (${list}, ${side})`);
      await page.locator(".request").nth(25).click();
      const title = page.locator("#request-detail h3");
      const { y } = await title.boundingBox();
      assert.ok(y >= 0 && y < 640, `${width} px: ${y}`);
      await close();
    }
  });

  test("nothing is cut off or wider than the screen, from 320 px to 2560 px", async () => {
    for (const width of [320, 360, 414, 768, 1024, 1280, 1600, 2560]) {
      const { page, close } = await open({ width });
      await show(page, 1500);
      const { content, screen, cut } = await page.evaluate(() => {
        const cut = [...document.querySelectorAll("button, h1, h2, .verdict, .pool-held, .pool-waits, th, td, .control label, .control output, .request .what")]
          .filter((element) => element.offsetParent !== null && !element.closest(".unseen") && element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "inline")
          .map((element) => `${element.tagName} ${element.textContent.trim()}`);
        return { content: document.documentElement.scrollWidth, screen: document.documentElement.clientWidth, cut };
      });
      assert.ok(content <= screen, `${width}: ${content} > ${screen}`);
      assert.deepEqual(cut, [], `${width}`);
      await close();
    }
  });

  test("how many wait is read beside what a drained pool says", async () => {
    for (const width of [1200, 1280, 1300, 1366]) {
      const { page, close } = await open({ width, hash: "#story=two-workflows&at=5000" });
      await page.evaluate(() => globalThis.leasehold.player.act({ do: "limit", pool: "analytics", limit: 0 }));
      await show(page, 9500);
      const { text, cut } = await page.locator("[data-door] .pool").nth(2).evaluate((pool) => {
        const [waits, frame] = [pool.querySelector(".pool-waits"), pool].map((one) => one.getBoundingClientRect());
        return { text: pool.innerText, cut: waits.right > frame.right || pool.querySelector(".pool-waits").scrollWidth > Math.ceil(waits.width) };
      });
      assert.match(text, /nobody is let in from .* on[\s\S]*\d+ wait/, `${width}`);
      assert.equal(cut, false, `${width}`);
      await close();
    }
  });

  test("says nothing aloud of what was long ago when a moment is gone to", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows&at=20000" });
    const said = () => page.locator("#announce").innerText();
    assert.doesNotMatch(await said(), /Now \d+ run/);
    await page.locator("#scrub").focus();
    await page.keyboard.press("End");
    await page.waitForFunction(() => globalThis.leasehold.player.now > 20_000);
    assert.doesNotMatch(await said(), /Now \d+ run/);
    await close();
  });

  test("goes a tenth of a second with a key of the time", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows&at=2000" });
    await page.locator("#scrub").focus();
    for (const [key, moment] of [["ArrowRight", 2100], ["ArrowUp", 2200], ["ArrowLeft", 2100], ["ArrowDown", 2000]]) {
      await page.keyboard.press(key);
      await page.waitForFunction((moment) => globalThis.leasehold.player.now === moment, moment);
    }
    await page.keyboard.press("Home");
    await page.waitForFunction(() => globalThis.leasehold.player.now === 0);
    await page.keyboard.press("ArrowLeft");
    assert.equal(await page.evaluate(() => globalThis.leasehold.player.now), 0);
    await close();
  });

  test("nothing that was said aloud outlasts its story or its moment", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    const said = () => page.locator("#announce").innerText();
    const step = async () => {
      await page.evaluate(() => {
        for (let steps = 0; steps < 200 && document.getElementById("announce").textContent === ""; steps += 1) globalThis.leasehold.player.step();
      });
      assert.notEqual(await said(), "");
    };
    await step();
    await page.locator('.story input[value="clocks-disagree"]').check();
    assert.equal(await said(), "");
    await step();
    await page.locator("#scrub").focus();
    await page.keyboard.press("End");
    // Going far takes a few frames.
    await page.waitForFunction(() => document.getElementById("announce").textContent === "");
    await close();
  });
});
