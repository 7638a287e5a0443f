// Does the left door let too many in, and the right one never? In every story, and whatever a visitor does.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { drawn, now, numbers, open, show, withBrowser } from "../browser.js";

/** Moves a slider to the step that stands nearest to a value, as a hand would. */
async function slide(page, label, text) {
  const slider = page.getByLabel(label, { exact: true });
  await slider.focus();
  await slider.press("Home");
  for (let step = 0; step < 40; step += 1) {
    if ((await slider.getAttribute("aria-valuetext")) === text) return;
    await slider.press("ArrowRight");
  }
  assert.fail(`${label} never said ${text}`);
}

/** The numbers that are written on free slots, and the pool that they are of. */
function numbered(page) {
  return page.evaluate(() => {
    const { doors, player } = globalThis.leasehold;
    const { context } = doors.bands[1][0].stage;
    const { fillText } = context;
    const written = [];
    context.fillText = (text, ...where) => written.push(text) && fillText.call(context, text, ...where);
    player.redraw();
    context.fillText = fillText;
    return { pool: player.world.frame().doors[1].pools[0], written: written.filter((text) => /^\d+$/.test(text)).map(Number) };
  });
}

describe("the two doors", () => {
  withBrowser();

  test("show whoever works at its place, however fast it goes", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 4000);
    const stray = await page.evaluate(async () => {
      const { player, doors } = globalThis.leasehold;
      player.setSpeed(20);
      player.play();
      let most = 0;
      for (let picture = 0; picture < 20; picture += 1) {
        await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
        const { stage } = doors.bands[1][0];
        const inside = [...stage.spots.values()].filter((spot) => spot.phase === 3);
        most = Math.max(most, inside.filter((spot) => spot.x < stage.width * 0.44).length);
      }
      player.pause();
      return most;
    });
    assert.equal(stray, 0, "nobody who works is drawn outside");
    await close();
  });

  test("tell every story: leasehold is never above its limit, and counting is", async () => {
    const { page, seen, close } = await open();
    const stories = await page.locator(".story input").evaluateAll((inputs) => inputs.map((input) => input.value));
    assert.ok(stories.length >= 5, `${stories.length} stories`);
    let broke = 0;
    for (const story of stories) {
      await page.locator(`.story input[value="${story}"]`).check();
      await show(page, 30_000);
      const { doors, promised, same_arrivals: arrivals } = await numbers(page);
      assert.ok(arrivals > 0, story);
      if (promised) assert.equal(doors[1].most_over, 0, `${story}: leasehold`);
      if (doors[0].most_over > 0) broke += 1;
      const left = await page.locator('[data-door="counting"] [data-verdict]').innerText();
      const right = await page.locator('[data-door="leasehold"] [data-verdict]').innerText();
      assert.equal(/too many/.test(left), doors[0].most_over > 0, `${story}: ${left}`);
      if (promised) assert.match(right, /Never above its limit/, story);
      assert.notEqual((await page.locator("#story-text").innerText()).length, 0, story);
    }
    assert.ok(broke >= 2, `counting broke its limit in ${broke} stories`);
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("count jobs that run in both charts, and call them so", async () => {
    const { page, close } = await open({ hash: "#story=a-worker-dies" });
    let between = 0;
    for (const at of [900, 3000, 6000, 9000, 15_000]) {
      await show(page, at);
      const both = await page.evaluate(() => {
        const { doors, player } = globalThis.leasehold;
        const charts = doors.bands.map(([band]) => band.chart);
        const courses = charts.map((chart) => {
          const { draw } = chart;
          chart.draw = (course) => draw.call(chart, (chart.course = course));
          return chart;
        });
        player.redraw();
        return courses.map((chart, door) => {
          delete chart.draw;
          const jobs = player.world.jobs(door);
          const phases = jobs.filter((_, at) => at % 8 === 2);
          const leased = jobs.filter((_, at) => at % 8 === 5).filter((cell) => cell >= 0).length;
          const line = player.world.line(door, 0, 0, player.now, 1000);
          return { said: chart.course.said, last: line.at(-4), run: phases.filter((phase) => phase === 3).length, leased };
        });
      });
      for (const { said, last, run, leased } of both) {
        assert.match(said, /^jobs that run, (first|last) \d/);
        assert.equal(last, run, `at ${at}`);
        if (leased > run) between += 1;
      }
    }
    assert.ok(between > 0, "some hold a lease and do not run");
    await close();
  });

  test("say in a sentence how the limit was broken", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    const moment = await page.evaluate(() => {
      const { player } = globalThis.leasehold;
      for (;;) {
        const stepped = player.step();
        if (stepped === null) return null;
        if (stepped.said.some((said) => said.what === "over_limit")) return player.now;
      }
    });
    assert.notEqual(moment, null, "the limit is broken at some step");
    const caption = await page.locator('[data-door="counting"] [data-caption]').innerText();
    assert.match(caption, /counted \d+/);
    assert.match(caption, /\d+ (of them )?run; the limit is \d+/);
    assert.match(await page.locator("#announce").innerText(), /Count, then put: .*counted/);
    assert.match(await page.locator('[data-door="counting"] .pool.over .pool-over').first().innerText(), /\d+ too many/);
    await close();
  });

  test("say why a job got in, also one that follows a limit of before", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows&at=4000&speed=0.2" });
    const slider = page.getByLabel("Limit of analytics");
    await slider.focus();
    for (let step = 0; step < 10; step += 1) await slider.press("ArrowLeft");
    const told = await page.evaluate(async () => {
      const { sentence } = await import("./page/captions.js");
      const { player } = globalThis.leasehold;
      const events = [];
      for (let at = player.now, from = 0; at <= 8000; at += 50) {
        player.world.advance_to(at, 1e9);
        const news = player.world.events(from);
        from = news.next;
        events.push(...news.events.filter((said) => said.what === "acquired" && said.door === 0));
      }
      return events.map((said) => ({ text: sentence(said, null), enough: said.counted >= said.limit }));
    });
    assert.ok(told.length > 20 && told.some(({ enough }) => enough), `${told.length} got in`);
    for (const { text, enough } of told) {
      assert.equal(/the limit of before, which it still follows/.test(text), enough, text);
      assert.doesNotMatch(text, /ended meanwhile/);
    }
    await close();
  });

  test("explain each breach with numbers that add up", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    const told = await page.evaluate(async () => {
      const { sentence } = await import("./page/captions.js");
      const { player } = globalThis.leasehold;
      const events = [];
      for (let at = 0, from = 0; at <= 20_000; at += 250) {
        player.world.advance_to(at, 1e9);
        const news = player.world.events(from);
        from = news.next;
        events.push(...news.events.filter((said) => said.what === "over_limit"));
      }
      return events.map((said) => ({ text: sentence(said, null), sum: said.counted + (said.together ?? []).length + 1, held: said.held }));
    });
    assert.ok(told.length > 20, `${told.length} breaches`);
    for (const { text, sum, held } of told) assert.ok(sum === held || (sum > held ? /\d of them run/ : /did not see all the leases/).test(text), `${text} (${sum})`);
    assert.ok(told.some(({ sum, held }) => sum > held), "some who got in are not told yet");
    await close();
  });

  test("show one moment when the show is paused, however fast it went", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    for (const speed of [1, 50]) {
      const [shown, there] = await page.evaluate(async (speed) => {
        const { player } = globalThis.leasehold;
        player.setSpeed(speed);
        player.play();
        await new Promise((over) => setTimeout(over, 700));
        player.pause();
        const words = (query) => [...document.querySelectorAll(query)].map((one) => one.textContent);
        const frame = player.world.frame();
        const pools = frame.doors.flatMap((door) => door.pools);
        return [
          [words(".pool-held strong"), words('[data-measure="over"] td')],
          [pools.map((pool) => String(pool.held)), player.world.numbers().doors.map((door) => door.over.toLocaleString("en"))],
        ];
      }, speed);
      assert.deepEqual(shown, there, `at ${speed}`);
    }
    await close();
  });

  test("draw no slot as free that nobody may have yet", async () => {
    const { page, close } = await open({ hash: "#story=clocks-disagree" });
    await show(page, 40_000);
    const [held, taken, rows] = await page.evaluate(() => {
      const { player } = globalThis.leasehold;
      const drawn = player.world.jobs(1);
      let inside = 0;
      for (let at = 0; at < drawn.length; at += 8) if (drawn[at + 5] >= 0) inside += 1;
      return [player.world.frame().doors[1].pools[0].held, player.world.taken().length / 2, inside];
    });
    assert.ok(taken > 0, "a job stopped by its own clock, and its lease lasts");
    assert.ok(rows + taken <= 10 && held <= rows, `${held} run, ${rows} are drawn, ${taken} are taken`);
    await close();
  });

  test("draw no slot as free that a lowered limit closes", async () => {
    const scenario = {
      pools: [{ prefix: "p", limit: 8 }],
      workloads: [{ name: "w", pool: "p", burst: 5, per_minute: 40, job_ms: 3000 }],
      actions: [{ at_ms: 4000, do: "limit", pool: "p", limit: 6 }],
    };
    const { page, close } = await open({ hash: `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}` });
    let partly = 0;
    for (let at = 4500; at < 9000; at += 250) {
      await show(page, at);
      const { pool, written } = await numbered(page);
      assert.ok(written.every((slot) => slot < pool.effective), `at ${at}: ${written}, ${JSON.stringify(pool)}`);
      if (pool.effective > 0 && pool.effective < pool.limit && pool.held < pool.limit) {
        partly += 1;
        const shut = pool.limit - pool.effective;
        assert.match(await page.locator('[data-door="leasehold"] .pool-over').innerText(), new RegExp(`^${shut} slots? closed until `), `at ${at}: ${JSON.stringify(pool)}`);
      }
    }
    assert.ok(partly > 0, "some may be had, and some not");
    assert.match(await page.locator(".legend").innerText(), /closed, as the limit was lowered/);
    await close();
  });

  test("judge nobody where no job has come", async () => {
    const scenario = { pools: [{ prefix: "db", limit: 5 }], workloads: [{ name: "w", pool: "db", burst: 0, per_minute: 0, job_ms: 3000 }] };
    const { page, close } = await open({ hash: `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}` });
    // Also after Leasehold's first sweep.
    for (const moment of [500, 5000, 120_000]) {
      await show(page, moment);
      assert.deepEqual(await page.locator("[data-verdict-text]").allInnerTexts(), ["No job has come yet", "No job has come yet"]);
    }
    await close();
  });

  test("show nobody above the limit while there is room below it", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit" });
    let above = 0;
    for (const moment of [600, 2000, 9000, 12_000, 20_000, 33_000, 50_000]) {
      await show(page, moment);
      const { seats, limit } = await page.evaluate(() => {
        const { doors, player } = globalThis.leasehold;
        return { seats: doors.bands[0][0].stage.seats, limit: player.world.frame().doors[0].pools[0].limit };
      });
      const high = seats.slice(limit).filter((job) => job >= 0).length;
      above += high;
      if (high > 0) assert.ok(seats.slice(0, limit).every((job) => job >= 0), `at ${moment} ms: ${seats}`);
    }
    assert.ok(above > 0, "somebody was above it at some moment");
    await close();
  });

  test("keep what one kills: a dead worker's slot comes back at leasehold", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 1500);
    await page.getByRole("button", { name: "Kill a worker" }).click();
    const killed = await page.evaluate(() => globalThis.leasehold.player.world.scenario().actions);
    assert.equal(killed.filter((action) => action.do === "kill").length, 1);
    // Though nothing moves: what one does is told.
    for (const door of ["counting", "leasehold"]) await page.locator(`[data-door="${door}"] [data-caption]`, { hasText: /worker of job \d+ died/ }).waitFor();
    await show(page, 2500);
    const { doors } = await numbers(page);
    assert.deepEqual(doors.map((door) => door.died >= 0), [true, true]);
    const said = await page.evaluate(() => globalThis.leasehold.player.world.events(0).events.filter((one) => one.what === "died").map((one) => one.door));
    assert.deepEqual([...new Set(said)].sort(), [0, 1]);
    await show(page, 40_000);
    const { doors: later } = await numbers(page);
    assert.equal(later[1].most_over, 0);
    const dead = await page.evaluate(() => {
      const jobs = globalThis.leasehold.player.world.jobs(1);
      return jobs.filter((_, at) => at % 8 === 2).filter((phase) => phase === 5).length;
    });
    assert.equal(dead, 0, "no dead worker lies on a slot any more");
    await close();
  });

  test("kill nobody where no job has come, and say so", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    await page.getByRole("button", { name: "Kill a worker" }).click();
    assert.equal(await page.locator("#problem").innerText(), "No worker dies: no job has come yet, or all have gone.");
    assert.equal(await page.locator(".story input:checked").getAttribute("value"), "thundering-herd", "nothing was changed");
    await show(page, 700);
    assert.equal(await page.locator("#problem").isVisible(), false, "it is not so any more");
    await page.getByRole("button", { name: "Kill a worker" }).click();
    assert.equal((await page.evaluate(() => globalThis.leasehold.player.world.scenario().actions)).length, 1);
    await close();
  });

  test("say on which side a worker dies, if it is one alone", async () => {
    const workloads = [{ name: "w", pool: "p", burst: 20 }];
    const { page, close } = await open({ hash: `#s=${Buffer.from(JSON.stringify({ pools: [{ prefix: "p", limit: 4 }], workloads })).toString("base64url")}` });
    const kill = page.getByRole("button", { name: "Kill a worker" });
    const died = () => numbers(page).then(({ doors }) => doors.map((door) => door.died));
    await show(page, 1000);
    await kill.click();
    assert.deepEqual([await page.locator("#announce").innerText(), await died()], ["A worker dies on each side.", [1, 1]]);
    assert.match(await kill.getAttribute("title"), /^A worker dies on each side that has one/);
    const alone = await page.evaluate(() => {
      const { player } = globalThis.leasehold;
      for (let at = 2000; at < 60_000; at += 100) {
        player.seekNow(at);
        const busy = player.world.frame().doors.map((door) => door.in_flight > 0);
        if (busy[0] !== busy[1]) return busy.indexOf(true);
      }
      return -1;
    });
    await kill.click();
    const after = await died();
    assert.ok(after[alone] === 2 && after[1 - alone] === 1, `${after} at ${alone}`);
    assert.equal(await page.locator("#announce").innerText(), `A worker dies at ${["Count, then put", "Leasehold"][alone]}. The other side has none.`);
    await close();
  });

  test("lose a reply on demand, and leasehold finds out what was done", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 20);
    const drop = page.getByRole("button", { name: "Drop a reply" });
    assert.match(await drop.getAttribute("title"), /reply to a write/);
    await drop.click();
    assert.equal(await page.locator("#announce").innerText(), "The next reply to a write gets lost on each side.");
    await show(page, 5000);
    const lost = await page.evaluate(() => globalThis.leasehold.player.world.events(0).events.filter((one) => one.what === "lost").length + globalThis.leasehold.player.world.numbers().doors.reduce((sum, door) => sum + door.requests.lost, 0));
    assert.ok(lost > 0, "something was lost");
    await show(page, 60_000);
    const { doors } = await numbers(page);
    assert.ok(doors[1].over > 30, "the work goes on");
    assert.equal(doors[1].most_over, 0);
    await close();
  });

  test("follow a limit that is changed while they run, and a scrub past it again", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 1000);
    await slide(page, "Limit of analytics", "25");
    // The page is drawn with its next frame.
    const shown = (limit) => page.locator('[data-door="leasehold"] .pool-held').first().locator("span", { hasText: new RegExp(`^${limit}$`) }).waitFor();
    // It is asked for first, and in force once the table says it.
    assert.equal(await page.locator('[data-door="leasehold"] .pool-over').first().innerText(), "limit 25 asked for");
    await show(page, 1300);
    await shown(25);
    assert.equal(await page.locator('[data-door="leasehold"] .pool-over').first().innerText(), "");
    await show(page, 500);
    // Before the change the old limit is shown.
    await shown(15);
    await show(page, 4000);
    await shown(25);
    const { doors } = await numbers(page);
    assert.equal(doors[1].most_over, 0);
    assert.ok(doors[1].pools[0].peak > 15, `the new slots are used: ${doors[1].pools[0].peak}`);
    await close();
  });

  test("have the same arrivals, whatever is changed", async () => {
    const { page, close } = await open();
    await slide(page, "Jobs at the start", "40");
    await slide(page, "Network delay, one way", "50 ms");
    await slide(page, "Messages lost", "2 %");
    await slide(page, "Pools", "3");
    await page.locator('[data-door="counting"] .pool').nth(2).waitFor();
    assert.equal(await page.locator('[data-door="counting"] .pool').count(), 3);
    await page.getByLabel("asks again", { exact: true }).check();
    const scenario = await page.evaluate(() => globalThis.leasehold.player.world.scenario());
    assert.equal(scenario.mode, "poll");
    assert.equal(scenario.network.delay_ms, 50);
    assert.equal(scenario.failures.reply_lost, 2);
    assert.ok(scenario.workloads.every((workload) => workload.burst === 40));
    await show(page, 20_000);
    const { doors } = await numbers(page);
    assert.equal(doors[0].arrived, doors[1].arrived);
    assert.equal(doors[1].most_over, 0);
    await close();
  });

  test("go step by step, and back to any moment exactly", async () => {
    const { page, close } = await open();
    await page.locator("#step").click();
    const first = await now(page);
    await page.locator("#step").click();
    assert.ok((await now(page)) >= first);
    await show(page, 3000);
    const digest = () => page.evaluate(() => globalThis.leasehold.player.world.digest());
    const at = await digest();
    await show(page, 700);
    assert.notEqual(await digest(), at);
    await page.locator("#scrub").fill("3000");
    await page.waitForFunction(() => globalThis.leasehold.player.now === 3000);
    assert.equal(await digest(), at);
    await page.locator("#again").click();
    assert.equal(await now(page), 0);
    await close();
  });

  test("show a request's conditions and rows, and all of one job's requests when it is clicked", async () => {
    const { page, seen, close } = await open({ width: 1440, height: 1000 });
    await show(page, 400);
    await page.locator("#request-list").scrollIntoViewIfNeeded();
    await page.waitForFunction(() => document.querySelectorAll(".request[data-id]").length > 10);
    await page.locator(".request[data-id]").first().click();
    assert.equal(await page.locator('.request[aria-selected="true"]').count(), 1);
    const detail = page.locator("#request-detail");
    assert.match(await detail.innerText(), /asked at/);
    // A job inside: its cell is drawn where the first slot lies.
    await show(page, 1500);
    await page.locator("#doors").scrollIntoViewIfNeeded();
    const spot = await page.evaluate(() => {
      const canvas = document.querySelector('[data-door="leasehold"] .stage');
      return { x: canvas.clientWidth * 0.44 + 30, y: 25 };
    });
    await page.locator('[data-door="leasehold"] .stage').first().click({ position: spot });
    await page.waitForFunction(() => /alone/.test(document.getElementById("request-whose").textContent));
    await page.locator(".request[data-id]", { hasText: /claims slot|hands slot|grants slot/ }).first().click();
    await page.waitForFunction(() => /Only if/.test(document.getElementById("request-detail").textContent));
    const text = await detail.innerText();
    assert.match(text, /slot#\d+/);
    assert.match(text, /\(true\)/);
    const listed = () => page.evaluate(() => new Set([...document.querySelectorAll(".request .what")].map((what) => what.textContent.match(/job \d+|sweep/)?.[0])).size);
    const all = page.getByRole("button", { name: "All requests" });
    assert.equal(await listed(), 1);
    assert.match(await page.locator("#request-whose").innerText(), /^The requests of job \d+ alone/);
    await all.click();
    assert.ok((await listed()) > 1, "everybody's again");
    assert.equal(await all.isVisible(), false);
    // The same without a mouse: from one of its requests to all of them, and back.
    await page.getByRole("button", { name: /^Only the requests of job \d+$/ }).press("Enter");
    assert.equal(await listed(), 1);
    await page.locator("#request-list").press("Escape");
    assert.ok((await listed()) > 1);
    // Back at the start, that request is not yet asked.
    await page.locator("#again").click();
    assert.equal(await detail.innerText(), "No request chosen yet.");
    await drawn(page);
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("say of a job whose requests are no longer kept that it is so", async () => {
    const scenario = { pools: [{ prefix: "p", limit: 2 }], workloads: [{ name: "w", pool: "p", burst: 120, job_ms: 500 }] };
    const { page, close } = await open({ hash: `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}&at=16000` });
    const { job, asked, all, spot } = await page.evaluate(() => {
      const { doors, player } = globalThis.leasehold;
      const { world } = player;
      const waiting = [...doors.bands[1][0].stage.spots.values()].filter((one) => one.phase === 1);
      const spot = waiting.find((one) => world.job(one.job).doors[1].recent.length === 0);
      return { job: spot.job, asked: world.job(spot.job).doors.reduce((sum, door) => sum + (door.requests ?? 0), 0), all: world.recent(1, 100_000).length, spot };
    });
    await page.locator('[data-door="leasehold"] .stage').click({ position: { x: spot.x, y: spot.y } });
    assert.equal(await page.locator("#request-detail").innerText(), `The requests of job ${job} at Leasehold are no longer kept: each side keeps its newest ${all}.`);
    assert.equal(await page.evaluate(() => globalThis.leasehold.player.World.kept()), all);
    const listed = await page.locator(".request[data-id]").count();
    assert.equal(listed, 0);
    assert.equal(await page.locator("#request-list").innerText(), "None of its requests is kept.");
    assert.match(await page.locator("#request-whose").innerText(), new RegExp(`^The requests of job ${job} alone, newest first\\. None of ${asked} is still kept\\.$`));
    await close();
  });
});
