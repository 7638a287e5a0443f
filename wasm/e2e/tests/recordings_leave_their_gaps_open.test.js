// What does a recording show of a time in which nobody looked, or in which a pool was not there?

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { open, withBrowser } from "../browser.js";
import { drop, header, looks } from "../recorded.js";

const { pool } = looks.find((look) => look.pool?.held > 0);
const begin = Date.UTC(2026, 0, 2, 8, 20, 0);
const at = (second) => begin + second * 1000;
const look = (prefix, second, changes = {}) => ({ at_ms: at(second), pool: { ...pool, prefix, at_ms: at(second), ...changes } });

/** Opens looks, and shows a second of them. */
const play = (page, lines, second) =>
  page.evaluate(([text, moment]) => {
    const { trace } = globalThis.leasehold;
    trace.open(text, "some.jsonl");
    trace.show(moment);
  }, [[header, ...lines].map((line) => JSON.stringify(line)).join("\n"), at(second)]);

const showAt = (page, second) => page.evaluate((moment) => globalThis.leasehold.trace.show(moment), at(second));
const logged = (page) => page.locator(".trace-log li").allInnerTexts().then((all) => all.map((text) => text.replace(/\s+/g, " ")));

/** Where a pool's chart has nothing, in seconds. @param {import("playwright-core").Page} page */
const holes = (page, prefix) =>
  page.evaluate(([begin, prefix]) => {
    const { trace } = globalThis.leasehold;
    const { chart } = trace.bands.get(prefix);
    const draw = chart.draw;
    let course = null;
    chart.draw = (given) => draw.call(chart, (course = given));
    trace.redraw();
    delete chart.draw;
    const ends = course.points.map((point, index) => [point.until, course.points[index + 1]?.at ?? point.until]);
    return ends.filter(([until, next]) => next > until).map((pair) => pair.map((ms) => Math.round((ms - begin) / 1000)));
  }, [begin, prefix]);

describe("recordings", () => {
  withBrowser();

  test("say how old a look is that is not the present", async () => {
    const { page, seen, close } = await open();
    const lines = [0, 1, 2, 3, 14, 15, 16].map((second) => look("p", second, { waiting: 0, oldest_wait_ms: null, queue: [] }));
    await play(page, lines, 3);
    const waits = page.locator(".trace-view .pool-waits");
    const old = () => page.locator(".trace-view .pool").evaluate((one) => one.classList.contains("old"));
    assert.deepEqual([await waits.innerText(), await old()], ["nobody waits", false]);
    await showAt(page, 6);
    assert.equal(await waits.innerText(), "nobody waits", "the next look may be late");
    await showAt(page, 12);
    assert.deepEqual([await waits.innerText(), await old()], ["nobody waits. The last look was 9\u00a0s before", true]);
    assert.deepEqual(await logged(page), ["Nobody has looked for a while."]);
    await showAt(page, 14);
    assert.deepEqual([await waits.innerText(), await old()], ["nobody waits", false]);
    assert.deepEqual(await logged(page), ["No change was seen in the last 10 s."]);
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("have a hole in the chart where nobody looked", async () => {
    const { page, close } = await open();
    await play(page, [0, 1, 2, 3, 14, 15, 16].map((second) => look("p", second)), 16);
    assert.deepEqual(await holes(page, "p"), [[7, 14]]);
    // Nothing is drawn there: neither what was held nor the limit.
    const drawn = await page.evaluate(() => {
      const { chart } = globalThis.leasehold.trace.bands.values().next().value;
      const { canvas, context, width } = chart;
      const scale = canvas.width / width;
      const at = (share) => [...context.getImageData(Math.round(share * canvas.width), 0, 1, canvas.height - Math.ceil(16 * scale)).data].some((value) => value > 0);
      return [1 / 16, 9 / 16, 12 / 16, 15 / 16].map(at);
    });
    assert.deepEqual(drawn, [true, false, false, true]);
    await close();
  });

  test("tell that a pool was made, or made again, and draw it only then", async () => {
    const { page, close } = await open();
    const lines = [look("z", 0), look("z", 1), look("z", 2), look("a", 2), look("z", 3), look("a", 3), look("z", 4), { at_ms: at(4), gone: "a" }, look("z", 5), look("z", 6), look("a", 6), look("z", 7), look("a", 7)];
    await play(page, lines, 7);
    const told = (await logged(page)).filter((text) => / a /.test(text));
    assert.deepEqual(told, ["08:20:06 a the pool was made again", "08:20:04 a the pool was retired", "08:20:02 a the pool was made"]);
    assert.deepEqual(await holes(page, "a"), [[4, 6]]);
    await close();
  });

  test("that are refused are told how such a file begins", async () => {
    const { page, close } = await open();
    await drop(page, "notes.txt", "hello");
    const alert = page.locator(".trace").getByRole("alert");
    await alert.waitFor();
    assert.match(await alert.innerText(), / and begins with `\{"leasehold_trace":1`\.?$/);
    await close();
  });

  test("have no example address that leads nowhere", async () => {
    const { page, close } = await open();
    const field = page.getByLabel("Address of a recording");
    const given = await field.getAttribute("placeholder");
    await page.getByRole("button", { name: "Load", exact: true }).click();
    const told = await page.locator(".trace").getByRole("alert").innerText();
    assert.doesNotMatch(`${given} ${told}`, /demo/);
    assert.equal(told, "Write the address of a recording first: of a file on this site.");
    // It stands no longer than until the next thing is done there.
    await drop(page, "some.jsonl", [header, look("p", 0), look("p", 9)].map((line) => JSON.stringify(line)).join("\n"));
    await page.getByRole("button", { name: "Load", exact: true }).click();
    assert.equal(await page.locator(".trace").getByRole("alert").isVisible(), true);
    await page.locator(".trace-view [data-play]").click();
    assert.equal(await page.locator(".trace").getByRole("alert").isVisible(), false);
    await close();
  });
});
