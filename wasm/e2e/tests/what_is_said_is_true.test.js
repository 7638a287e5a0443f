// Do the words and the picture say the same, and is it what happened? Also where leasehold itself does not keep its limit.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { drawn, drawnAsTooMany, open, show, withBrowser } from "../browser.js";

/** A story, changed: where its link leads. @param {string} id @param {(scenario: any) => void} change */
async function changed(id, change) {
  const { page, close } = await open();
  const scenario = await page.evaluate((id) => globalThis.leasehold.player.World.presets().find((one) => one.id === id).scenario, id);
  await close();
  change(scenario);
  return `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}`;
}

/** Clocks that differ by more than the grace: as many jobs at once as may, and more to come. @param {{seed: number, limit: number, lease: number, failures?: object}} how */
const wrongClocksOf = ({ seed, limit, lease, failures = {} }) =>
  changed("clocks-disagree", (scenario) => {
    scenario.seed = seed;
    scenario.clocks.skew_ms = 10_000;
    scenario.leases.lease_ms = lease;
    scenario.pools[0].limit = limit;
    Object.assign(scenario.workloads[0], { burst: limit, per_minute: 60, job_ms: 3000 });
    Object.assign(scenario.failures, failures);
  });

/** At 2.1 s leasehold lets one job in too early. */
const wrongClocks = () => wrongClocksOf({ seed: 811, limit: 5, lease: 2000 });

/** A sweep frees the slot of a job that still runs: at 2.14 s another job has it. */
const sweptTooEarly = () => wrongClocksOf({ seed: 89, limit: 3, lease: 1000, failures: { worker_dies: 10, call_dies: 10 } });

/** Many messages and calls fail. */
const badDay = () =>
  changed("a-bad-day", (scenario) => {
    Object.assign(scenario.failures, { request_lost: 40, reply_lost: 40, worker_dies: 40, call_dies: 40, throttled: 40 });
  });

/** Steps until something is said at leasehold; nothing if it never is. @param {import("playwright-core").Page} page @param {string} what @param {number} until ms */
function stepTo(page, what, until) {
  return page.evaluate(
    ([what, until]) => {
      const { player } = globalThis.leasehold;
      while (player.now < until) {
        const said = player.step()?.said.find((one) => one.what === what && one.door === 1);
        if (said !== undefined) return said;
      }
      return null;
    },
    [what, until],
  );
}

/** All of some kind that happens, as captions tell it; and how many of its door and pool run that ran when it counted. */
function toldAll(page, until, whats) {
  return page.evaluate(
    async ([until, whats]) => {
      const [{ sentence }, { Past }] = await Promise.all([import("./page/captions.js"), import("./page/past.js")]);
      const { player } = globalThis.leasehold;
      const past = new Past();
      const grace = player.world.scenario().leases.grace_ms;
      const told = [];
      for (let next = 0; player.now < until; ) {
        player.world.advance_by(5);
        const news = player.world.events(next);
        next = news.next;
        past.read(news.events, { grace, jobs: (door) => player.world.jobs(door) });
        for (const said of news.events) {
          if (whats !== null && !whats.includes(said.what)) continue;
          const jobs = player.world.jobs(said.door);
          const ran = [...Array(jobs.length / 8).keys()].filter((row) => jobs[row * 8 + 2] === 3 && jobs[row * 8 + 1] === said.pool && jobs[row * 8 + 3] <= said.counted_at_ms).length;
          told.push({ said, ran, text: sentence(said, null) });
        }
      }
      return told;
    },
    [until, whats],
  );
}

const at = (door, part) => `[data-door="${door}"] ${part}`;

describe("what is said", () => {
  withBrowser();

  test("of a job too many at leasehold is how it got in", async () => {
    const { page, seen, close } = await open({ hash: await wrongClocks() });
    await show(page, 2050);
    const said = await stepTo(page, "over_limit", 3000);
    assert.equal(said.counted, null, "leasehold does not count");
    const caption = await page.locator(at("leasehold", "[data-caption]")).innerText();
    const told = /: By one clock the lease on slot (\d+) had run out, and the grace had passed\. So job (\d+) got that slot, but job (\d+) still runs on it\.(?: And job (\d+) got slot \d+\.)? Now 6 run; the limit is 5\.$/.exec(caption);
    assert.notEqual(told, null, caption);
    const [slot, job, other, last] = told.slice(1).map(Number);
    assert.ok([job, last].includes(said.job), caption);
    const there = await page.evaluate((slot) => {
      const jobs = globalThis.leasehold.player.world.jobs(1);
      return [...Array(jobs.length / 8).keys()].filter((row) => jobs[row * 8 + 5] === slot && jobs[row * 8 + 2] === 3).map((row) => jobs[row * 8]);
    }, slot);
    assert.deepEqual(there.sort(), [job, other].sort(), "both run on that slot");
    assert.equal(await page.locator("#announce").innerText(), `Leasehold: ${caption.replace(/^[^:]+: /, "")}`);
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("of too many is drawn on as many as are too many", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    for (const moment of [1500, 2000]) {
      await show(page, moment);
      await drawn(page);
      const head = await page.locator('[data-door="counting"] .pool-over').first().innerText();
      assert.equal(head, `${await drawnAsTooMany(page)} too many`);
    }
    await close();
  });

  for (const dark of [false, true]) {
    test(`of a slot with two jobs is drawn, ${dark ? "dark" : "light"}`, async () => {
      const { page, close } = await open({ hash: await wrongClocks(), dark });
      await show(page, 2050);
      await stepTo(page, "over_limit", 3000);
      await drawn(page);
      // The later one of two on a slot is what the legend calls: runs above the limit.
      const { alarming, square } = await page.evaluate(() => {
        const { stage } = globalThis.leasehold.doors.bands[1][0];
        const both = [...stage.spots.values()].filter((spot, _, all) => spot.phase === 3 && all.some((other) => other !== spot && other.phase === 3 && other.cell === spot.cell));
        const one = new OffscreenCanvas(1, 1).getContext("2d");
        one.fillStyle = getComputedStyle(document.querySelector(".k-over")).fill;
        one.fillRect(0, 0, 1, 1);
        const colour = [...one.getImageData(0, 0, 1, 1).data].join();
        const scale = stage.canvas.width / stage.width;
        const at = (x, y) => [...stage.context.getImageData(Math.round(x * scale), Math.round(y * scale), 1, 1).data].join();
        const [{ x, y, size }] = both;
        return { alarming: both.length === 2 && at(x, y) === colour, square: at(x - size * 0.38, y - size * 0.38) !== colour };
      });
      assert.deepEqual({ alarming, square }, { alarming: true, square: true });
      // No more of them than are too many.
      const shapes = await page.evaluate(() => {
        const { doors, player } = globalThis.leasehold;
        const { stage } = doors.bands[1][0];
        const draw = stage.draw;
        const counts = [];
        stage.draw = (view) => {
          for (const excess of [1, 2]) {
            let closed = 0;
            const { closePath } = Path2D.prototype;
            Path2D.prototype.closePath = function () {
              closed += 1;
              return closePath.call(this);
            };
            // Two jobs on each slot.
            const jobs = view.jobs.slice();
            const cells = [...Array(jobs.length / 8).keys()].filter((row) => jobs[row * 8 + 2] === 3);
            for (const row of cells) jobs[row * 8 + 5] = Math.floor(cells.indexOf(row) / 2);
            draw.call(stage, { ...view, jobs, excess });
            Path2D.prototype.closePath = closePath;
            counts.push(closed);
          }
        };
        player.redraw();
        delete stage.draw;
        return counts;
      });
      assert.deepEqual(shapes, [1, 2]);
      await close();
    });
  }

  test("of a later moment is gone after Restart", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit" });
    await show(page, 5000);
    await page.locator("#c-limit-0").press("ArrowLeft");
    assert.match(await page.locator("#problem").innerText(), /^From here on .+ Left out: /);
    await page.locator("#again").click();
    assert.equal(await page.locator("#problem").isVisible(), false);
    await close();
  });

  test("at the start is the same before the show and after Restart", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    const told = [];
    for (const go of [() => {}, () => page.locator("#again").click(), () => page.locator("#drop").click()]) {
      await go();
      await page.locator("#kill").click();
      told.push(await page.locator("#problem").innerText());
    }
    assert.deepEqual(told, Array(3).fill("No worker dies: no job has come yet, or all have gone."));
    assert.deepEqual(await page.evaluate(() => globalThis.leasehold.player.world.scenario().actions.map((action) => action.do)), ["drop_reply"]);
    await close();
  });

  test("at the start is the same after a later moment", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    const seen = () => page.locator(".doors, [data-measure]").allInnerTexts();
    const before = await seen();
    assert.match(before.join(" "), /No job has come yet/);
    await show(page, 3000);
    assert.notDeepEqual(await seen(), before);
    await page.locator("#again").click();
    await page.waitForFunction(() => globalThis.leasehold.player.now === 0);
    await drawn(page);
    assert.deepEqual(await seen(), before);
    await close();
  });

  test("of who waits and asks comes to what the table says, while it stands still", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    let few = 0;
    for (let step = 0; step < 40; step += 1) {
      await page.locator("#step").click();
      await drawn(page);
      for (const [door, which] of [["counting", 0], ["leasehold", 1]]) {
        const labels = await page.locator(`[data-door="${door}"] .pool-waits`).allInnerTexts();
        const counted = labels.flatMap((label) => label.match(/\d+/g) ?? []).reduce((sum, count) => sum + Number(count), 0);
        assert.equal(String(counted), await page.locator('[data-measure="leaseless"] td').nth(which).innerText(), `${step}: ${labels}`);
        if (counted > 0 && counted < 5) few += 1;
      }
    }
    assert.ok(few > 4);
    await close();
  });

  test("of an update strikes out what it changes alone, and of a refused one nothing", async () => {
    const { page, close } = await open({ hash: "#story=clocks-disagree" });
    const choose = async (at, words) => {
      await show(page, at);
      await page.locator(".request[data-id]", { hasText: words }).first().click();
      await page.locator("#request-detail .rows").first().waitFor();
    };
    const struck = () => page.locator("#request-detail tr", { has: page.locator("del") }).locator("th").allInnerTexts();
    await choose(5500, /makes the lease on slot \d+ last longer: written/);
    const changed = await struck();
    assert.ok(changed.includes("expires_at") && changed.every((name) => ["expires_at", "renewed_at"].includes(name)), changed.join());
    await choose(7000, /makes the lease on slot \d+ last longer: refused/);
    assert.deepEqual(await struck(), []);
    const detail = await page.locator("#request-detail").innerText();
    assert.match(detail, /Nothing is written\. The row as it was:/);
    assert.match(detail, /fence = \d+ and it is held \(true\)/);
    assert.match(detail, /\(not true\)/);
    await close();
  });

  test("of a reply that got lost is so in the list, too", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 5000);
    await page.locator("#drop").click();
    for (let step = 0; step < 200; step += 1) {
      await page.locator("#step").click();
      if (/the reply to job \d+ got lost/.test((await page.locator("[data-caption]").allInnerTexts()).join(" "))) break;
    }
    const lost = page.locator(".request.lost", { hasText: /, and the reply got lost$/ }).first();
    await lost.click();
    assert.match(await page.locator("#request-detail").innerText(), /The table\u2019s answer, which got lost: /);
    await close();
  });

  test("of a drained pool is that, though a job that waits dies", async () => {
    const { page, close } = await open({ hash: await changed("a-worker-dies", (scenario) => (scenario.actions = [{ at_ms: 8000, do: "limit", pool: scenario.pools[0].prefix, limit: 0 }])) });
    await show(page, 29_000);
    const over = page.locator('[data-door="leasehold"] .pool-over');
    assert.equal(await over.innerText(), "drained");
    await page.locator("#kill").click();
    await drawn(page);
    assert.equal(await over.innerText(), "drained");
    await close();
  });

  test("of many has its thousands apart, in words and picture", async () => {
    const scenario = { pools: [{ prefix: "p", limit: 1000 }], workloads: [{ name: "w", pool: "p", burst: 2000, burst_over_ms: 50, job_ms: 60_000 }] };
    const { page, close } = await open({ hash: `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}` });
    const told = await page.evaluate(async () => {
      const { doors, player } = globalThis.leasehold;
      const { standing } = await import("./page/captions.js");
      const written = [];
      for (const [band] of doors.bands) {
        const { context } = band.stage;
        const { fillText } = context;
        context.fillText = (text, ...where) => written.push(text) && fillText.call(context, text, ...where);
      }
      player.seekNow(3000);
      const words = [...document.querySelectorAll(".pool-held, .pool-over, .pool-waits, [data-verdict-text], #c-limit-0 + *, [data-caption]")].map((one) => one.textContent);
      const frame = player.world.frame();
      return [...written, ...words, standing(frame.doors[0].pools, ["p"]), document.getElementById("c-limit-0").getAttribute("aria-valuetext")];
    });
    assert.ok(told.includes("limit 1,000") && told.some((text) => /^1,\d{3} of 1,000$/.test(text)), told.join("; "));
    for (const text of told) assert.doesNotMatch(text.replaceAll(/job \d+|slot \d+/g, ""), /\d{4}/, text);
    await close();
  });

  test("of a slot handed over names the limit that is followed", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 6000);
    await page.getByLabel("Limit of analytics").press("Home");
    const [told, got] = await page.evaluate(async () => {
      const [{ sentence }, { Past }] = await Promise.all([import("./page/captions.js"), import("./page/past.js")]);
      const { player } = globalThis.leasehold;
      const lowered = () => player.world.frame().doors[1].pools[0].limit === 0;
      let told = "nothing was handed over";
      while (player.now < 20_000 && told.startsWith("nothing")) {
        const said = player.step()?.said.find((one) => one.what === "released" && one.door === 1 && one.pool === 0 && one.next !== null);
        if (said !== undefined && lowered()) told = document.querySelector('[data-door="leasehold"] [data-caption]').textContent;
      }
      player.world.advance_to(player.now + 500, 1e9);
      const { events } = player.world.events(0);
      new Past().read(events, { grace: 3000, jobs: (door) => player.world.jobs(door) });
      return [told, events.filter((one) => one.what === "acquired" && one.door === 1 && one.pool === 0 && one.limit === 0).map((one) => sentence(one, null))];
    });
    assert.ok(got.length > 0, "somebody was told of a slot since");
    for (const text of got) assert.match(text, /has slot \d+ after .+, by the limit of before \(it is 0 now\)\. \d+ runs?; the limit is 0\.$/);
    assert.match(told, /it handed slot \d+ to job \d+, the first in the queue\. It still follows the limit of before \(it is 0 now\)\.$/);
    await close();
  });

  test("of a slot that a sweep freed too early is told as well", async () => {
    const { page, close } = await open({ hash: await sweptTooEarly() });
    const caption = page.locator(at("leasehold", "[data-caption]"));
    const freed = await stepTo(page, "reclaimed", 2200);
    assert.equal(freed.next, null);
    assert.match(await caption.innerText(), new RegExp(`: By one clock the lease on slot ${freed.cell} had run out, and the grace had passed\\. So that slot was taken back, but job ${freed.job} still runs on it\\.$`));
    await stepTo(page, "over_limit", 2200);
    assert.match(await caption.innerText(), new RegExp(`: By one clock the lease on slot ${freed.cell} had run out, .+ So job \\d+ got that slot, but job ${freed.job} still runs on it\\.`));
    await close();
  });

  test("of leasehold never speaks of a count", async () => {
    const { page, close } = await open({ hash: await wrongClocks() });
    const told = await page.evaluate(async () => {
      const { Captions } = await import("./page/captions.js");
      const { player } = globalThis.leasehold;
      const place = () => document.createElement("p");
      const captions = new Captions([place(), place()], place());
      const events = [];
      for (let at = 0; at <= 60_000; at += 250) {
        player.world.advance_to(at, 1e9);
        const news = player.world.events(captions.next);
        for (const said of news.events) {
          captions.take({ events: [said], next: news.next }, ["p"], 0, { patient: false, since: 0, grace: 3000, jobs: (door) => player.world.jobs(door), frame: player.world.frame() });
          if (said.door === 1 && ["over_limit", "within_limit"].includes(said.what)) events.push({ what: said.what, text: captions.places[1].textContent });
        }
      }
      return events;
    });
    assert.ok(told.filter(({ what }) => what === "over_limit").length > 0, `${told.length} told`);
    assert.ok(told.some(({ what }) => what === "within_limit"));
    for (const { text } of told) assert.doesNotMatch(text, /count|null|undefined|happen again/, text);
    await close();
  });

  for (const width of [360, 820, 1280]) {
    test(`of a broken limit names what was not promised, ${width} wide`, async () => {
      const { page, close } = await open({ hash: await wrongClocks(), width });
      await show(page, 2050);
      const verdict = page.locator(at("leasehold", "[data-verdict-text]"));
      const unpromised = "Not promised: clocks differ by more than the grace";
      assert.equal(await verdict.innerText(), unpromised);
      await stepTo(page, "over_limit", 3000);
      assert.equal(await verdict.innerText(), `Up to 1 too many. ${unpromised}`);
      assert.match(await page.locator("#why").innerText(), /Leasehold did not keep its limit here, as clocks differ by more than the grace\./);
      const fits = await verdict.evaluate((text) => text.getBoundingClientRect().right <= text.closest(".door").getBoundingClientRect().right);
      assert.ok(fits, "all of it is seen");
      await close();
    });
  }

  test("to wait is who is drawn as waiting, on both sides", async () => {
    const { page, close } = await open({ hash: await badDay() });
    const cases = { none: 0, some: 0, failed: 0, asked: 0 };
    for (const moment of [100, 20_000, 60_000]) {
      await show(page, moment);
      const pools = await page.evaluate(() => {
        const { doors } = globalThis.leasehold;
        return doors.bands.flatMap((bands, door) =>
          bands.map(({ element, stage }, pool) => {
            const phases = [...stage.spots.values()].map((spot) => spot.phase);
            return { said: element.querySelector(".pool-waits").textContent, dots: phases.filter((phase) => phase === 0).length, rings: phases.filter((phase) => [1, 2, 6].includes(phase)).length, failed: phases.filter((phase) => phase === 6).length };
          }),
        );
      });
      // Who asks is told of on both sides or on neither.
      const asks = ({ said }) => / asks?$/.test(said);
      const [counting, leasehold] = [pools.slice(0, pools.length / 2), pools.slice(pools.length / 2)];
      for (const [at, pool] of counting.entries()) assert.ok(pool.dots === 0 || leasehold[at].dots === 0 || asks(pool) === asks(leasehold[at]), `at ${moment}`);
      for (const { said, rings, dots, failed } of pools) {
        const waits = rings === 0 ? "nobody waits" : `${rings} wait${rings === 1 ? "s" : ""}`;
        const ask = `${rings === 0 ? "" : `${waits}, `}${dots} ask${dots === 1 ? "s" : ""}`;
        assert.ok(said === waits || (dots > 0 && said === ask), `at ${moment}: ${said}, where ${rings} wait and ${dots} ask`);
        if (said !== waits) cases.asked += 1;
        cases[rings === 0 ? "none" : "some"] += 1;
        if (failed > 0) cases.failed += 1;
      }
    }
    assert.ok(Object.values(cases).every((count) => count > 0), JSON.stringify(cases));
    // Nobody is told another number of those who wait in the same moment.
    const standing = await page.evaluate(async () => {
      const { standing } = await import("./page/captions.js");
      const { doors, player } = globalThis.leasehold;
      const frame = player.world.frame();
      doors.draw(player.world, frame, { dt: 0, speed: 1, window: 1000, real: 0 });
      return standing(frame.doors[1].pools, ["a", "b"]);
    });
    const heads = await page.locator(at("leasehold", ".pool-waits")).allInnerTexts();
    assert.deepEqual(standing.match(/nobody waits|[\d,]+ waits?(, [\d,]+ asks?)?|(?<=run, )[\d,]+ asks?/g), heads);
    await close();
  });

  test("of a lease that ran out is that its job ran before", async () => {
    const sure = { herd: 0, clocks: 0 };
    const herd = await changed("thundering-herd", (scenario) => {
      scenario.network = { delay_ms: 300 };
      scenario.leases = { lease_ms: 2000 };
    });
    for (const [name, hash, until] of [["herd", herd, 7000], ["clocks", "#story=clocks-disagree", 20_000]]) {
      const { page, close } = await open({ hash });
      const told = await toldAll(page, until, ["over_limit"]);
      const unseen = told.filter(({ said }) => said.door === 0 && said.held - 1 - said.together.length > said.counted);
      assert.ok(unseen.length > 4, `${name}: ${unseen.length} of ${told.length}`);
      for (const { text, said, ran } of unseen) {
        const [, count] = /: by its clock (\d+) leases? had run out\. (?:It is|They are) still in use\. /.exec(text) ?? [];
        if (count === undefined) assert.match(text, new RegExp(`^Job ${said.job} counted only ${said.counted}\\. It did not see all the leases that are in use now\\. Now `));
        else assert.ok(ran - said.counted >= Number(count), `${text} ${ran} ran when it counted`);
        sure[name] += Number(count !== undefined);
      }
      await close();
    }
    assert.ok(sure.clocks > 3 && sure.herd < 2, JSON.stringify(sure));
  });

  test("of a job that sleeps is no more than it did", async () => {
    const many = { once: 0, again: 0 };
    for (const hash of ["#story=a-bad-day", "#story=a-worker-dies"]) {
      const { page, close } = await open({ hash });
      const events = await toldAll(page, 60_000, null);
      const asked = new Map();
      for (const { said, text } of events) {
        if (said.door === 0 || said.job === null || said.job === undefined) continue;
        const before = asked.get(said.job) ?? [];
        asked.set(said.job, [...before, said.what]);
        if (said.what !== "told") continue;
        const once = before.filter((what) => what !== "collided").join() === "arrived,queued";
        many[once ? "once" : "again"] += 1;
        assert.match(text, once ? /was told that it has a slot\. It slept until now, and asked only once\.$/ : /was told after .+ s that it has a slot\.$/, `${text} ${before}`);
      }
      await close();
    }
    assert.ok(many.once > 50 && many.again > 3, JSON.stringify(many));
  });

  test("of a lease that ran out is not that it lasts", async () => {
    const { page, close } = await open({ hash: await changed("a-worker-dies", (scenario) => (scenario.leases.lease_ms = 1000)) });
    await show(page, 10_210);
    const ranOut = await stepTo(page, "expired", 11_000);
    const freed = await stepTo(page, "freed", 11_000);
    assert.deepEqual([freed.job, freed.cell], [ranOut.job, ranOut.cell]);
    const caption = page.locator(at("leasehold", "[data-caption]"));
    assert.match(await caption.innerText(), new RegExp(`The workflow of job ${freed.job} is known to have ended: slot ${freed.cell} .+ at once, before the grace has passed\\.$`));
    await close();
    // Where it has not: the lease is what nobody had to wait for.
    const other = await open({ hash: "#story=a-worker-dies" });
    await stepTo(other.page, "freed", 30_000);
    assert.match(await other.page.locator(at("leasehold", "[data-caption]")).innerText(), / at once, before its lease runs out\.$/);
    await other.close();
  });
});
