// Does a visitor's change count once, and does the page show what the table says?

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { drawn, open, show, withBrowser } from "../browser.js";

/** Drags a slider over these shares of its width, without letting go between them. */
async function drag(page, label, shares) {
  const slider = page.getByLabel(label, { exact: true });
  await slider.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await slider.boundingBox();
  const [min, max, value] = await slider.evaluate((range) => [range.min, range.max, range.value].map(Number));
  const thumb = 18;
  const at = (share) => x + thumb / 2 + (width - thumb) * share;
  await page.mouse.move(at((value - min) / (max - min)), y + height / 2);
  await page.mouse.down();
  for (const share of shares) await page.mouse.move(at(share), y + height / 2, { steps: 12 });
  await page.mouse.up();
}

const actions = (page) => page.evaluate(() => globalThis.leasehold.player.world.scenario().actions);
const limitShown = (page) => page.locator('[data-door="leasehold"] .pool-held span').first().innerText();

/** What the table said last of a pool's limit, as the simulator tells it. */
const limitInTable = (page) =>
  page.evaluate(() => {
    const said = globalThis.leasehold.player.world.events(0).events.filter((one) => one.what === "limit" && one.step === "in force" && one.door === 1 && one.pool === 0);
    return String(said.at(-1)?.to ?? globalThis.leasehold.player.world.scenario().pools[0].limit);
  });

describe("a change", () => {
  withBrowser();

  test("by a slider counts where it is let go, once", async () => {
    const { page, seen, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 400);
    await drag(page, "Limit of analytics", [0, 0.6, 0.2]);
    const done = await actions(page);
    assert.equal(done.length, 1, JSON.stringify(done));
    const text = await page.getByLabel("Limit of analytics").getAttribute("aria-valuetext");
    assert.equal(String(done[0].limit), text);
    // The same of one that starts the jobs again.
    let starts = 0;
    await page.exposeFunction("started", () => (starts += 1));
    await page.evaluate(() => {
      const { player } = globalThis.leasehold;
      const load = player.load;
      player.load = (...how) => {
        globalThis.started();
        return load.apply(player, how);
      };
    });
    await drag(page, "A job takes", [0, 1, 0.4]);
    await drawn(page);
    assert.equal(starts, 1);
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("while it is dragged is not undone by what is shown meanwhile", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit" });
    await show(page, 9000);
    const slider = page.getByLabel("Limit", { exact: true });
    await slider.scrollIntoViewIfNeeded();
    const { x, y, width, height } = await slider.boundingBox();
    await page.mouse.move(x + width * 0.3, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width * 0.7, y + height / 2, { steps: 5 });
    const held = await slider.getAttribute("aria-valuetext");
    // The story's own change of the limit comes while the slider is held.
    await show(page, 12_000);
    await drawn(page);
    assert.equal(await slider.getAttribute("aria-valuetext"), held);
    await page.mouse.up();
    await page.waitForFunction((limit) => globalThis.leasehold.player.world.scenario().actions.at(-1).limit === Number(limit), held);
    await close();
  });

  test("that ends where it began leaves the slider to what is shown", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit" });
    await show(page, 9000);
    // To and fro in one drag: a browser tells of no change then.
    const slider = page.getByLabel("Limit", { exact: true });
    const began = await slider.evaluate((range) => Number(range.value) / Number(range.max));
    await drag(page, "Limit", [0.9, began]);
    assert.deepEqual((await actions(page)).map((action) => action.at_ms), [10_000, 30_000], "only the story's own changes");
    await show(page, 12_000);
    await drawn(page);
    assert.equal(await slider.getAttribute("aria-valuetext"), "18");
    // The same of the moment that is shown.
    const scrub = page.locator("#scrub");
    const at = await scrub.evaluate((range) => Number(range.value) / Number(range.max));
    await drag(page, "Time", [0.9, at]);
    await show(page, 3000);
    await drawn(page);
    assert.equal(await scrub.inputValue(), "3000");
    await close();
  });

  test("that is dragged to and fro while it plays leaves the limit that was chosen", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 300);
    const slider = page.getByLabel("Limit of analytics");
    await page.locator("#play").click();
    for (const key of [...Array(10).fill("ArrowLeft"), ...Array(10).fill("ArrowRight")]) await slider.press(key);
    await page.locator("#play").click();
    assert.equal((await actions(page)).length, 20, "each key is a change");
    assert.equal(await slider.getAttribute("aria-valuetext"), "15");
    await show(page, 60_000);
    await drawn(page);
    assert.equal(await limitShown(page), "15");
    const [pool] = await page.evaluate(() => globalThis.leasehold.player.world.frame().doors[1].pools);
    assert.deepEqual([pool.limit, pool.effective, pool.settles_at_ms], [15, 15, null], JSON.stringify(pool));
    await close();
  });

  test("of a limit is shown once the table says it", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 1000);
    await page.getByLabel("Limit of analytics").press("ArrowRight");
    await drawn(page);
    assert.equal(await limitShown(page), "15", "it is asked for, not written yet");
    const shown = new Set();
    for (let step = 0; step < 120 && !shown.has("18"); step += 1) {
      await page.locator("#step").click();
      await drawn(page);
      shown.add(await limitShown(page));
      assert.equal(await limitShown(page), await limitInTable(page), `after ${step} steps`);
    }
    assert.deepEqual([...shown], ["15", "18"]);
    await close();
  });

  test("that lowers a limit says until when nobody is let in", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    await show(page, 5000);
    const slider = page.getByLabel("Limit", { exact: true });
    await slider.focus();
    await slider.press("Home");
    for (let step = 0; step < 4; step += 1) await slider.press("ArrowRight");
    await show(page, 5500);
    await drawn(page);
    assert.equal(await page.locator('[data-door="leasehold"] .pool-over').first().innerText(), `${await page.evaluate(() => globalThis.leasehold.player.world.frame().doors[1].pools[0].held - 4)} above the limit may finish`);
    // Where too many got in before, what is too many and what may finish add up to what is above the limit.
    const counting = await page.evaluate(() => globalThis.leasehold.player.world.frame().doors[0].pools[0]);
    const said = await page.locator('[data-door="counting"] .pool-over').first().innerText();
    const [many, finish] = (/^(\d+) too many, (\d+) may finish$/.exec(said) ?? []).slice(1).map(Number);
    assert.equal(many + finish, counting.held - counting.limit, said);
    // The chart is alarming only where more held than might: who may finish is none of those.
    const alarming = (door) => page.evaluate((door) => {
      const one = new OffscreenCanvas(1, 1).getContext("2d");
      const probe = document.body.appendChild(document.createElement("span"));
      probe.style.color = "var(--alarm)";
      one.fillStyle = getComputedStyle(probe).color;
      probe.remove();
      one.fillRect(0, 0, 1, 1);
      const [red, green, blue] = one.getImageData(0, 0, 1, 1).data;
      const chart = document.querySelector(`[data-door="${door}"] canvas.chart`);
      const { data } = chart.getContext("2d").getImageData(0, 0, chart.width, chart.height);
      let count = 0;
      for (let at = 0; at < data.length; at += 4) count += data[at] === red && data[at + 1] === green && data[at + 2] === blue ? 1 : 0;
      return count;
    }, door);
    assert.deepEqual([await alarming("leasehold"), (await alarming("counting")) > 0], [0, true]);
    await show(page, 12_000);
    await drawn(page);
    const pool = page.locator('[data-door="leasehold"] .pool').first();
    assert.match(await pool.locator(".pool-over").innerText(), /^closed until 1\d\.\d{3} s$/);
    const { settles_at_ms: until, held, limit } = await page.evaluate(() => globalThis.leasehold.player.world.frame().doors[1].pools[0]);
    assert.ok(held < limit, "slots look free");
    assert.match(await page.locator('[data-door="leasehold"] [data-caption]').innerText(), /Settling until 1\d\.\d{3}\u00a0s: /);
    await show(page, until + 4000);
    await drawn(page);
    assert.equal(await pool.locator(".pool-over").innerText(), "");
    assert.equal(await pool.locator(".pool-held").innerText(), "4 of 4");
    await close();
  });

  test("of how many pools and workloads there are is undone by going back", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    const shape = () => page.evaluate(() => (({ pools, workloads }) => ({ pools, workloads }))(globalThis.leasehold.player.world.scenario()));
    const before = await shape();
    const to = async (label, count) => {
      const slider = page.getByLabel(label, { exact: true });
      while ((await slider.getAttribute("aria-valuetext")) !== String(count)) {
        await slider.press(Number(await slider.getAttribute("aria-valuetext")) < count ? "ArrowRight" : "ArrowLeft");
      }
    };
    for (const [label, count] of [["Pools", 1], ["Pools", 6], ["Workloads", 1], ["Workloads", 8]]) {
      await to(label, count);
      assert.equal((await shape())[label.toLowerCase()].length, count);
      await to(label, 2);
      assert.deepEqual(await shape(), before, `${label} to ${count} and back`);
    }
    await to("Pools", 1);
    await page.locator('.story input[value="thundering-herd"]').check();
    await to("Pools", 2);
    assert.deepEqual((await shape()).pools.map((pool) => pool.prefix), ["herd", "pool-2"], "another story gets nothing back from this one");
    await close();
  });

  test("of a limit before the start outlasts the story's own", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit" });
    const problem = page.locator("#problem");
    await page.locator("#c-limit-0").press("ArrowLeft");
    assert.equal(await problem.innerText(), "This limit stays from the start on. Left out: limit 18 at 10.000 s, limit 9 at 30.000 s.");
    assert.deepEqual(await actions(page), []);
    const chosen = await page.locator("#c-limit-0").getAttribute("aria-valuetext");
    for (const at of [12_000, 33_000]) {
      await show(page, at);
      await drawn(page);
      assert.deepEqual([await limitShown(page), await page.locator("#c-limit-0").getAttribute("aria-valuetext")], [chosen, chosen], `${at}`);
    }
    // What was planned for others stays.
    const pools = [{ prefix: "a", limit: 3 }, { prefix: "b", limit: 3 }];
    const planned = [{ at_ms: 1000, do: "limit", pool: "b", limit: 5 }, { at_ms: 2000, do: "kill" }, { at_ms: 3000, do: "limit", pool: "a", limit: 5 }];
    const scenario = { pools, workloads: [{ name: "w", pool: "a", burst: 3 }, { name: "v", pool: "b", burst: 3 }], actions: planned };
    await page.evaluate((hash) => (location.hash = hash), `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}`);
    await page.getByLabel("Limit of a", { exact: true }).press("ArrowRight");
    assert.equal(await problem.innerText(), "This limit stays from the start on. Left out: limit 5 of a at 3.000 s.");
    assert.deepEqual((await actions(page)).map((action) => action.at_ms), [1000, 2000]);
    await page.getByLabel("Limit of a", { exact: true }).press("ArrowRight");
    assert.equal(await problem.isVisible(), false, "it had none left");
    await close();
  });

  test("before others says which of them are left out", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit" });
    const problem = page.locator("#problem");
    await show(page, 5000);
    await page.locator("#kill").click();
    assert.equal(await problem.isVisible(), false, "what the story plans for later still comes");
    await show(page, 12_000);
    assert.equal(await page.locator('[data-door="leasehold"] .pool-held span').first().innerText(), "18");
    for (let kill = 0; kill < 5; kill += 1) await page.locator("#kill").click();
    assert.equal(await problem.isVisible(), false, "nothing else comes later");
    assert.deepEqual((await actions(page)).filter((action) => action.do === "limit").map((action) => action.limit), [18, 9]);
    await show(page, 2000);
    await page.locator("#c-limit-0").press("ArrowLeft");
    const told = /^From here on the jobs go another way\. Left out: a killed worker at 5\.000 s, limit 18 at 10\.000 s, a killed worker at 12\.000 s, 5 more\.$/;
    assert.match(await problem.innerText(), told);
    await show(page, 12_000);
    assert.match(await problem.innerText(), told, "it is so later, too");
    await page.locator('.story input[value="raise-the-limit"]').click();
    assert.equal(await problem.isVisible(), false);
    await close();
  });

  test("of how many pools and workloads there are gives no two workloads one name", async () => {
    const { page, close } = await open();
    const twice = await page.evaluate(async () => {
      const { Shelf } = await import("./page/controls.js");
      const begin = () => structuredClone(globalThis.leasehold.player.world.scenario());
      const found = [];
      // All ways of four moves, from the story of two pools.
      const moves = [["setPools", 2], ["setPools", 3], ["setWorkloads", 2], ["setWorkloads", 3], ["setWorkloads", 4]];
      for (let way = 0; way < moves.length ** 4; way += 1) {
        const [scenario, shelf] = [begin(), new Shelf()];
        for (let at = 0, left = way; at < 4; at += 1, left = Math.floor(left / moves.length)) shelf[moves[left % moves.length][0]](scenario, moves[left % moves.length][1]);
        const names = scenario.workloads.map((one) => one.name);
        if (new Set(names).size < names.length) found.push([way, names]);
      }
      return found;
    });
    assert.deepEqual(twice, []);
    await close();
  });
});
