// After a limit was changed, do captions, heads and drawings name the limit that there is, and who still follows another?

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { drawnAsTooMany, open, show, withBrowser } from "../browser.js";

const head = (page, side) => page.locator(`[data-door="${side}"] .pool-head`).first().innerText().then((text) => text.replace(/\s+/g, " "));

/** Steps on until something is said at a door that a caption tells. @param {import("playwright-core").Page} page @param {{door: number, what: string, until: number}} of */
function stepTo(page, of) {
  return page.evaluate(({ door, what, until }) => {
    const { player } = globalThis.leasehold;
    while (player.now < until) {
      const said = player.step()?.said.find((one) => one.what === what && one.door === door);
      const told = document.querySelectorAll("[data-caption]")[door].textContent;
      if (said !== undefined) return { said, told };
    }
    return null;
  }, of);
}

/** All that happens from now on, as captions tell it. @param {import("playwright-core").Page} page @param {number} until ms */
function toldUntil(page, until) {
  return page.evaluate(async (until) => {
    const [{ sentence }, { Past }] = await Promise.all([import("./page/captions.js"), import("./page/past.js")]);
    const { player } = globalThis.leasehold;
    const past = new Past();
    const told = [];
    const known = player.world.events(0);
    let { next } = known;
    past.read(known.events, { grace: 1000, jobs: (door) => player.world.jobs(door) });
    while (player.now < until) {
      player.world.advance_by(20);
      const news = player.world.events(next);
      next = news.next;
      past.read(news.events, { grace: 1000, jobs: (door) => player.world.jobs(door) });
      for (const said of news.events) told.push({ said, text: sentence(said, null) });
    }
    return told;
  }, until);
}

describe("a changed limit", () => {
  withBrowser();

  test("that was lowered is the one that a caption names", async () => {
    const { page, seen, close } = await open({ hash: "#story=thundering-herd" });
    await show(page, 1000);
    await page.evaluate(() => globalThis.leasehold.player.act({ do: "limit", pool: "herd", limit: 3 }));
    const told = (await toldUntil(page, 20_000)).filter(({ said }) => said.what === "over_limit");
    assert.ok(told.length > 20, `${told.length} told`);
    for (const { text, said } of told) {
      assert.ok(text.includes(said.ceiling > 3 ? `; the limit is 3 (${said.ceiling} may still run, as it was lowered).` : "; the limit is 3."), text);
    }
    assert.ok(told.some(({ said }) => said.ceiling === 3), "in the end nobody from before is there");
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("lets nobody finish at Count who came when all knew of it", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    await show(page, 1000);
    const limit = page.locator("#c-limit-0");
    while ((await limit.getAttribute("aria-valuetext")) !== "3") await limit.press("ArrowLeft");
    await show(page, 4680);
    const { said, told } = await stepTo(page, { door: 0, what: "over_limit", until: 5000 });
    assert.deepEqual([said.limit, said.ceiling], [3, 3], "settings are cached for a second, and those from before are gone");
    assert.match(told, /the limit is 3\.$/);
    assert.match(await head(page, "counting"), new RegExp(` of 3 ${said.held - 3} too many `));
    await close();
  });

  test("that was lowered while long jobs run is not exceeded in any chart of Leasehold", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await page.evaluate(() => {
      const { player } = globalThis.leasehold;
      const scenario = player.world.scenario();
      for (const workload of scenario.workloads) workload.job_ms = 30_000;
      player.load(scenario);
    });
    await show(page, 5000);
    await page.evaluate(() => globalThis.leasehold.player.act({ do: "limit", pool: "analytics", limit: 3 }));
    for (const at of [20_000, 35_000, 38_000, 60_000]) {
      await show(page, at);
      const over = await page.evaluate((to) => {
        const { world } = globalThis.leasehold.player;
        const most = [];
        for (const points of [40, 120, 240]) {
          const line = world.line(1, 0, 0, to, points);
          for (let row = 0; row < line.length; row += 6) if (line[row + 1] > Math.max(line[row + 3], line[row + 5])) most.push(line[row]);
        }
        return { over: most, never: world.numbers().doors[1].most_over };
      }, at);
      assert.deepEqual(over, { over: [], never: 0 }, `at ${at}`);
    }
    await close();
  });

  test("that was lowered has as many jobs drawn above it as are too many", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    await show(page, 5000);
    await page.evaluate(() => {
      const { player } = globalThis.leasehold;
      player.act({ do: "limit", pool: player.world.frame().doors[0].pools[0].prefix, limit: 4 });
    });
    let seen = 0;
    for (let at = 5100; at < 8000; at += 100) {
      await show(page, at);
      const diamonds = await drawnAsTooMany(page);
      const pool = await page.evaluate(() => globalThis.leasehold.player.world.frame().doors[0].pools[0]);
      const over = Math.max(0, pool.held - pool.ceiling);
      assert.ok(diamonds <= over && (over === 0) === (diamonds === 0), `at ${at}: ${diamonds} drawn, ${over} too many`);
      if (over > 0 && pool.ceiling > pool.limit) seen += 1;
    }
    assert.ok(seen > 0, "at some moment some were too many, and others might finish");
    await close();
  });

  test("of 0 is told the same in a caption and beside the pool", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 5000);
    await page.evaluate(() => globalThis.leasehold.player.act({ do: "limit", pool: "analytics", limit: 0 }));
    const told = async (at) => {
      await show(page, at);
      return page.evaluate(async () => {
        const { standing } = await import("./page/captions.js");
        const [pool] = globalThis.leasehold.player.world.frame().doors[1].pools;
        return { pool, text: standing([pool], ["analytics"]).replaceAll("\u00a0", " "), label: document.querySelector('[data-door="leasehold"] .pool-over').textContent.replaceAll("\u00a0", " ") };
      });
    };
    const settling = await told(13_000);
    assert.ok(settling.pool.settles_at_ms !== null && settling.pool.held === 0, JSON.stringify(settling.pool));
    const [, from] = settling.label.match(/^nobody is let in from (.+) on$/);
    assert.ok(settling.text.endsWith(`The limit is 0: nobody is let in from ${from} on, when nobody can follow the old limit any more.`), settling.text);
    const drained = await told(40_000);
    assert.equal(drained.label, "drained");
    assert.match(drained.text, /^0 run, \d+ wait\. The limit is 0: nobody is let in\.$/);
    await close();
  });

  test("of 0 lets those finish that run, and no slot that is taken for nobody", async () => {
    const workloads = [{ name: "w", pool: "db", burst: 30, burst_every_ms: 60_000, per_minute: 60, job_ms: 60_000, job_spread: 30 }];
    const actions = [[2000, 2], [4000, 0]].map(([at_ms, limit]) => ({ at_ms, do: "limit", pool: "db", limit }));
    const failures = { worker_dies: 40, call_dies: 40, throttled: 10 };
    const scenario = { actions, pools: [{ prefix: "db", limit: 15 }], seed: 105, workloads, network: { delay_ms: 150 }, failures, leases: { lease_ms: 2000 } };
    const { page, close } = await open({ hash: `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}` });
    await show(page, 12_000);
    const { pool, taken } = await page.evaluate(() => {
      const { world } = globalThis.leasehold.player;
      return { pool: world.frame().doors[1].pools[0], taken: world.taken().length / 2 };
    });
    assert.ok(pool.held > 0 && taken > 0, `${JSON.stringify(pool)}, ${taken} taken`);
    assert.equal(await page.locator('[data-door="leasehold"] .pool-over').innerText(), `draining: ${pool.held} may finish, ${taken} slot${taken === 1 ? " is" : "s are"} taken`);
    await close();
  });

  test("of 0 is not drained while a lease of a dead job lasts, and lets nobody in once it has settled", async () => {
    const scenarioOf = (page, actions, more) => page.evaluate(([actions, more]) => {
      const { player } = globalThis.leasehold;
      const scenario = player.world.scenario();
      const pool = scenario.pools[0].prefix;
      for (const workload of scenario.workloads) Object.assign(workload, { job_ms: 60_000, ...more.workload });
      Object.assign(scenario.leases, more.leases);
      scenario.workers = { ...scenario.workers, reported: false };
      scenario.pools[0].limit = 3;
      scenario.actions = [{ at_ms: 5000, do: "limit", pool, limit: 0 }, ...actions];
      player.load(scenario);
    }, [actions, more]);
    const { page, close } = await open({ hash: "#story=raise-the-limit" });
    await scenarioOf(page, [6000, 6500, 7000].map((at_ms) => ({ at_ms, do: "kill" })), { workload: { job_ms: 30_000 }, leases: { lease_ms: 60_000 } });
    await show(page, 40_000);
    const dead = await page.evaluate(() => [0, 1].map((door) => { const jobs = globalThis.leasehold.player.world.jobs(door); return jobs.filter((_, at) => at % 8 === 2 && jobs[at] === 5).length; }));
    assert.ok(dead[1] > 0, `${dead} dead`);
    for (const [door, which] of [["counting", 0], ["leasehold", 1]]) {
      const label = await page.locator(`[data-door="${door}"] .pool-over`).innerText();
      assert.ok(dead[which] === 0 || label.endsWith(`${dead[which]} dead job${dead[which] === 1 ? " has" : "s have"} a lease`), label);
    }
    await scenarioOf(page, [], { workload: {}, leases: {} });
    await show(page, 20_000);
    const { pool, text } = await page.evaluate(async () => {
      const { standing } = await import("./page/captions.js");
      const [pool] = globalThis.leasehold.player.world.frame().doors[1].pools;
      return { pool, text: standing([pool], ["elastic"]) };
    });
    assert.ok(pool.held > 0 && pool.settles_at_ms === null, JSON.stringify(pool));
    assert.ok(text.endsWith("The limit is 0: nobody is let in."), text);
    await close();
  });

  test("that is asked for hides not why more run than the one before", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 5000);
    const act = (limit) => page.evaluate((limit) => globalThis.leasehold.player.act({ do: "limit", pool: "analytics", limit }), limit);
    await act(3);
    await show(page, 5500);
    await act(2);
    const label = await page.locator('[data-door="leasehold"] .pool-over').first().innerText();
    assert.match(label, /^\d+ above the limit may finish, limit 2 asked for$/);
    await close();
  });

  test("that was lowered says why more may run, on both sides", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 1000);
    await page.evaluate(() => globalThis.leasehold.player.act({ do: "limit", pool: "analytics", limit: 3 }));
    await show(page, 1500);
    const why = await page.locator(".pool-over").evaluateAll((all) => all.map((one) => [one.textContent, one.title]));
    for (const [text, title] of [why[0], why[2]]) {
      assert.match(text, /\d+ (above the limit )?may finish$/);
      assert.match(title, /jobs that run may finish\. Until every caller knows of it, more may get in by the limit of before\.$/);
    }
    await close();
  });

  test("that was lowered frees no slot that stays closed", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit" });
    await show(page, 30_400);
    const { said, told } = await stepTo(page, { door: 1, what: "released", until: 31_000 });
    const pool = await page.evaluate(() => globalThis.leasehold.player.world.frame().doors[1].pools[0]);
    assert.deepEqual([said.next, pool.limit, said.cell >= pool.limit], [null, 9, true], JSON.stringify(said));
    assert.match(told, new RegExp(`: Job ${said.job} ended and gave slot ${said.cell} back\\.$`));
    // Nor where a lease ran out, or its job is known to have ended.
    const texts = await page.evaluate(async () => {
      const { sentence } = await import("./page/captions.js");
      return ["released", "reclaimed", "freed"].map((what) => sentence({ what, door: 1, job: 5, cell: 14, next: null, why: "ended" }, null));
    });
    for (const text of texts) assert.doesNotMatch(text, /free/);
    await close();
  });

  test("that was lowered, then raised, is not the one of before", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 6000);
    for (const limit of [3, 4]) {
      await page.evaluate((limit) => globalThis.leasehold.player.act({ do: "limit", pool: "analytics", limit }), limit);
      await show(page, 6000 + 100 * (limit - 2));
    }
    const told = (await toldUntil(page, 9000)).filter(({ said }) => said.what === "acquired" && said.door === 1 && said.pool === 0 && said.limit === 4);
    const above = told.filter(({ said }) => said.cell >= 4);
    assert.ok(above.length > 0, `${told.length} told`);
    for (const { text, said } of above) assert.ok(text.includes(`has slot ${said.cell} after `) && text.endsWith(", by the limit of before (it is 4 now). " + `${said.held} run; the limit is 4.`), text);
    await close();
  });

  test("that is lowered a little closes a few slots, and no pool", async () => {
    for (const [limit, closed, slots] of [[12, "3 slots closed until", "3 slots stay closed"], [14, "1 slot closed until", "1 slot stays closed"], [5, "closed until", "all slots stay closed"]]) {
      const { page, close } = await open({ hash: "#story=two-workflows" });
      await show(page, 8000);
      await page.evaluate((limit) => globalThis.leasehold.player.act({ do: "limit", pool: "analytics", limit }), limit);
      await show(page, 18_000);
      const { pool, text } = await page.evaluate(async () => {
        const { standing } = await import("./page/captions.js");
        const [pool] = globalThis.leasehold.player.world.frame().doors[1].pools;
        return { pool, text: standing([pool], ["analytics"]) };
      });
      assert.notEqual(pool.settles_at_ms, null, JSON.stringify(pool));
      assert.match(await page.locator('[data-door="leasehold"] .pool-over').first().innerText(), new RegExp(`^${closed} \\d+\\.\\d{3} s$`));
      assert.ok(text.endsWith(`: some callers may still follow the old limit, so ${slots}.`), text);
      await close();
    }
  });

  test("that is not known yet is why a job got in above it", async () => {
    const { page, close } = await open();
    const text = await page.evaluate(async () => (await import("./page/captions.js")).sentence({ what: "over_limit", door: 0, job: 7, counted: 12, held: 14, limit: 3, ceiling: 13, together: [] }, null));
    assert.equal(text, "Job 7 counted 12, fewer than the limit of before, which it still follows (it is 3 now), and put its lease. Now 14 run; the limit is 3 (13 may still run, as it was lowered).");
    await close();
  });

  test("that changes back before it counts is not said to change", async () => {
    const { page, close } = await open();
    const text = await page.evaluate(async () => (await import("./page/captions.js")).sentence({ what: "limit", step: "set", from: 15, to: 15, door: 1 }, null));
    assert.equal(text, "The limit stays 15.");
    await close();
  });

  test("that was raised is not said to be reached by who follows another", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit&at=9990" });
    const told = (await toldUntil(page, 12_000)).filter(({ said }) => said.what === "refused" && said.door === 0 && said.limit === 18);
    const stale = told.filter(({ said }) => said.held < 18);
    assert.ok(stale.length > 0, `${told.length} told`);
    for (const { text, said } of stale) {
      assert.ok(text.startsWith(`Job ${said.job} counted ${said.held}: no fewer than the limit of before, which it still follows (it is 18 now). It asks again in `), text);
    }
    for (const { text } of told) assert.equal(/the limit is reached/.test(text), !stale.some((one) => one.text === text), text);
    await close();
  });

  for (const [mode, what, expected] of [
    ["queue", "queued", /^Job \d+ found no open slot by the limit of before, which it still follows \(it is 40 now\)\. It joins the queue and sleeps\.$/],
    ["poll", "refused", /^Job \d+ found no free slot by the limit of before, which it still follows \(it is 40 now\)\. It asks again in /],
  ]) {
    test(`that was raised may not be known yet to who waits (${mode})`, async () => {
      const scenario = { mode, pools: [{ prefix: "patient", limit: 10 }], workloads: [{ name: "patient", pool: "patient", burst: 25, burst_every_ms: 45_000, per_minute: 600 }] };
      const { page, close } = await open({ hash: `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}` });
      await show(page, 8000);
      await page.evaluate(() => globalThis.leasehold.player.act({ do: "limit", pool: "patient", limit: 40 }));
      const told = (await toldUntil(page, 10_500)).filter(({ said }) => said.what === what && said.door === 1);
      const stale = told.filter(({ said }) => said.limit === 40 && said.followed === 10);
      assert.ok(stale.length > 0, `${told.length} told`);
      for (const { text } of stale) assert.match(text, expected);
      for (const { text, said } of told) if (said.followed === said.limit) assert.match(text, /^Job \d+ found no (open|free) slot\. It /);
      await close();
    });
  }

  test("of 0 drains a pool: that is told as it is, and not before it is so", async () => {
    const scenario = (failures) => ({
      failures,
      pools: [{ prefix: "p", limit: 8 }],
      workloads: [{ name: "w", pool: "p", burst: 12, per_minute: 600, job_ms: 100 }],
      actions: [{ at_ms: 4000, do: "limit", pool: "p", limit: 0 }],
    });
    for (const failures of [{}, { request_lost: 5, reply_lost: 5 }]) {
      const { page, close } = await open({ hash: `#s=${Buffer.from(JSON.stringify(scenario(failures))).toString("base64url")}` });
      const heads = [[], []];
      const held = [[], []];
      for (let at = 4200; at <= 30_200; at += at < 20_000 ? 100 : 2000) {
        await show(page, at);
        const texts = await page.locator(".pool-over").allInnerTexts();
        const seen = await page.evaluate(() => globalThis.leasehold.player.world.frame().doors.map((door) => [door.pools[0].limit, door.pools[0].held]));
        seen.forEach(([limit, count], door) => {
          if (limit !== 0) return;
          heads[door].push(texts[door]);
          held[door].push(count);
        });
      }
      for (const door of [0, 1]) {
        const drained = heads[door].indexOf("drained");
        assert.ok(drained > 0, `${heads[door]}`);
        assert.ok(heads[door].slice(drained).every((text) => text === "drained") && held[door].slice(drained).every((count) => count === 0), `${heads[door]}`);
        assert.ok(heads[door].slice(0, drained).every((text) => /^(draining(: (\d+ may finish(, \d+ slots? (is|are) taken)?|\d+ slots? (is|are) taken))?|nobody is let in from \d+\.\d{3} s on)$/.test(text)), `${heads[door]}`);
      }
      await close();
    }
  });

  test("says that a pool is closed until a moment, and not after it", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit&at=42900" });
    const told = () => page.locator('[data-door="leasehold"] .pool-over, [data-door="leasehold"] [data-caption]').allInnerTexts();
    const { settles_at_ms: until } = await page.evaluate(() => globalThis.leasehold.player.world.frame().doors[1].pools[0]);
    assert.ok((await told()).every((text) => /until 43\.050\ss/.test(text)), `${await told()}`);
    await show(page, until);
    assert.ok((await told()).every((text) => !text.includes("until")), `${await told()}`);
    await close();
  });
});
