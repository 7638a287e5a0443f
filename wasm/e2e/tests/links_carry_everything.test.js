// Does a link carry everything that is shown, and does a bad one lose nothing?

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { now, open, origin, show, withBrowser } from "../browser.js";
import { drop, header, looks, recorded, works } from "../recorded.js";

/** The link that the page offers, as what stands behind its "#". */
async function copied(page) {
  await page.evaluate(() => navigator.clipboard.writeText(""));
  await page.locator("#link").click();
  await page.waitForFunction(async () => (await navigator.clipboard.readText()) !== "");
  return new URL(await page.evaluate(() => navigator.clipboard.readText())).hash;
}

/** All that a visitor sees of a moment. */
function shownBy(page) {
  return page.evaluate(() => {
    const { world, now, speed } = globalThis.leasehold.player;
    const controls = [...document.querySelectorAll("#controls input")].map((input) => [input.id, input.checked, input.getAttribute("aria-valuetext") ?? input.value]);
    return JSON.parse(JSON.stringify({ now, speed, digest: world.digest(), scenario: world.scenario(), numbers: world.numbers(), frame: world.frame(), controls, table: document.getElementById("numbers").innerText }));
  });
}

describe("links", () => {
  withBrowser();

  test("carry the scenario, what was done when, and the moment", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 1000);
    await page.getByRole("button", { name: "Kill a worker" }).click();
    await show(page, 2345);
    const digest = await page.evaluate(() => globalThis.leasehold.player.world.digest());
    await page.getByRole("button", { name: /Copy a link/ }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(link.startsWith(origin()), link);
    assert.ok(link.length < 2000, `${link.length} characters`);
    const other = await open({ hash: new URL(link).hash });
    assert.equal(await now(other.page), 2345);
    assert.equal(await other.page.evaluate(() => globalThis.leasehold.player.world.digest()), digest);
    assert.equal((await other.page.evaluate(() => globalThis.leasehold.player.world.scenario().actions)).length, 1);
    assert.deepEqual(other.seen.complaints, []);
    await other.close();
    await close();
  });

  test("carry a step, also where more is due at its moment", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    const other = await open();
    const digest = (one) => one.evaluate(() => globalThis.leasehold.player.world.digest());
    let within = 0;
    for (let step = 0; step < 40; step += 1) {
      await page.locator("#step").click();
      if (step === 20) await page.getByRole("button", { name: "Kill a worker" }).click();
      if (step % 4 !== 0) continue;
      const [link, at] = [await copied(page), await now(page)];
      await other.page.evaluate((hash) => (location.hash = hash), link);
      await other.page.waitForFunction((hash) => location.hash === hash && document.getElementById("problem").hidden, link);
      assert.equal(await now(other.page), at, link);
      assert.equal(await digest(other.page), await digest(page), link);
      // All of that moment would be more.
      const whole = await other.page.evaluate(() => {
        const { world } = globalThis.leasehold.player;
        world.advance_to(world.now(), 1e6);
        return world.digest();
      });
      if (whole !== (await digest(page))) within += 1;
    }
    assert.ok(within > 2, `${within} stopped within their moment`);
    await show(page, 700);
    assert.doesNotMatch(await copied(page), /happened/, "a whole moment says all");
    await Promise.all([other.close(), close()]);
  });

  test("carry a story and its moment, and keep both in the address", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd&at=1500" });
    assert.equal(await now(page), 1500);
    assert.equal(await page.evaluate(() => location.hash), "#story=thundering-herd&at=1500");
    await show(page, 2500);
    await page.getByRole("button", { name: /Copy a link/ }).click();
    assert.equal(await page.evaluate(() => location.hash), "#story=thundering-herd&at=2500");
    await close();
  });

  test("carry a limit that was changed, playing or paused, and at any moment", async () => {
    for (const [at, playing] of [[0, false], [700, false], [700, true]]) {
      const { page, close } = await open({ hash: "#story=two-workflows" });
      await show(page, at);
      if (playing) await page.locator("#play").click();
      await page.getByLabel("Limit of analytics").press("ArrowLeft");
      await page.getByLabel("Limit of batch").press("ArrowRight");
      if (playing) await page.locator("#play").click();
      assert.equal(await page.locator(".story input:checked").count(), 0, "it is that story no more");
      const link = await copied(page);
      const other = await open({ hash: link });
      assert.deepEqual(await shownBy(other.page), await shownBy(page), link);
      assert.deepEqual([await other.page.locator("#c-limit-0").getAttribute("aria-valuetext"), await other.page.locator("#c-limit-1").getAttribute("aria-valuetext")], ["12", "6"]);
      await Promise.all([show(page, 9000), show(other.page, 9000)]);
      assert.deepEqual(await shownBy(other.page), await shownBy(page), `later: ${link}`);
      await other.close();
      await close();
    }
  });

  test("carry every control, whatever it is moved to", async () => {
    const { page, close } = await open({ hash: "#story=a-bad-day" });
    const other = await open();
    const ids = await page.locator("#controls :is(input, select)").evaluateAll((inputs) => inputs.map((input) => input.id));
    assert.ok(ids.length > 17, `${ids}`);
    let moved = 0;
    for (const id of [...ids, "speed"]) {
      await page.evaluate(() => {
        location.hash = "#story=thundering-herd";
        location.hash = "#story=a-bad-day";
      });
      await page.waitForFunction(() => globalThis.leasehold.player.world.scenario().pools[0].prefix === "analytics");
      await show(page, 2345);
      const before = await shownBy(page);
      const control = page.locator(`#${id}`);
      const kind = await control.evaluate((element) => element.type);
      if (kind === "range") await control.press((await control.evaluate((range) => range.value === range.max)) ? "ArrowLeft" : "ArrowRight");
      else if (kind === "radio") await control.check({ force: true });
      else if (kind === "number") await control.fill("77").then(() => control.press("Enter"));
      else await control.selectOption({ index: 1 });
      await show(page, 3456);
      if (JSON.stringify((await shownBy(page)).scenario) !== JSON.stringify(before.scenario)) moved += 1;
      const link = await copied(page);
      await other.page.evaluate((hash) => (location.hash = hash), link);
      await other.page.waitForFunction((hash) => location.hash === hash && globalThis.leasehold.player.now === 3456, link);
      assert.deepEqual(await shownBy(other.page), await shownBy(page), `${id}: ${link}`);
    }
    // Not the workload picker, the speed, and the mode that it had.
    assert.equal(moved, ids.length - 2);
    await other.close();
    await close();
  });

  test("carry a speed that was chosen, and the pace of a story that was changed", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    await page.getByLabel("Limit", { exact: true }).press("ArrowRight");
    const paced = await open({ hash: await copied(page) });
    for (const one of [page, paced.page]) await show(one, 500);
    assert.equal(await paced.page.locator("#speed-is").innerText(), await page.locator("#speed-is").innerText());
    await page.getByLabel("Speed").press("ArrowRight");
    const link = await copied(page);
    assert.match(link, /&speed=0\.05/);
    const own = await open({ hash: link });
    assert.equal(await own.page.locator("#speed-is").innerText(), "1/20 of real time");
    await Promise.all([paced.close(), own.close(), close()]);
  });

  test("to a step have the pace that it was seen at", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit&at=9900" });
    const other = await open();
    const speeds = new Set();
    for (let step = 0; step < 60; step += 1) {
      await page.locator("#step").click();
      const speed = await page.locator("#speed-is").innerText();
      if (speeds.has(speed)) continue;
      speeds.add(speed);
      await other.page.evaluate((hash) => (location.hash = hash), await copied(page));
      await other.page.waitForFunction((at) => globalThis.leasehold.player.now === at, await now(page));
      assert.equal(await other.page.locator("#speed-is").innerText(), speed);
    }
    assert.deepEqual([...speeds], ["real time", "1/10 of real time"]);
    await other.close();
    await close();
  });

  test("carry the request that is chosen, and the job whose requests are listed", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 1500);
    const { id, job } = await page.evaluate(() => globalThis.leasehold.player.world.recent(1, 30).findLast((brief) => brief.job >= 0));
    await page.locator(`.request[data-id="${id}"]`).click();
    const chosen = (one) => one.evaluate(() => [globalThis.leasehold.doors.chosen, document.getElementById("request-detail").innerText, document.getElementById("request-list").innerText, document.querySelector('.request[aria-selected="true"]')?.dataset.id]);
    const link = await copied(page);
    const other = await open({ hash: link });
    assert.deepEqual(await chosen(other.page), await chosen(page), link);
    assert.equal((await chosen(page))[0], job);
    await page.getByRole("button", { name: `Only the requests of job ${job}` }).click();
    const alone = await open({ hash: await copied(page) });
    assert.match(await alone.page.locator("#request-whose").innerText(), new RegExp(`The requests of job ${job} alone`));
    assert.deepEqual(await chosen(alone.page), await chosen(page));
    assert.equal(await alone.page.evaluate(() => location.hash), new URL(page.url()).hash, "and the address goes on saying it");
    await Promise.all([alone.close(), other.close(), close()]);
  });

  test("carry the recording that is shown beside, its moment and its pool", async () => {
    const many = [header, ...Array.from({ length: 8 }, (_, at) => ({ ...looks.find((look) => look.pool), pool: { ...looks.find((look) => look.pool).pool, prefix: `pool-${at}` } })), ...looks];
    const routes = { "traces/demo.jsonl": many.map((line) => JSON.stringify(line)).join("\n") };
    const { page, close } = await open({ routes, hash: "#story=thundering-herd" });
    await show(page, 700);
    await page.getByLabel("Address of a recording").fill("traces/demo.jsonl");
    await page.getByRole("button", { name: "Load", exact: true }).click();
    await page.locator(".trace-view .pool").first().waitFor();
    assert.match(await page.evaluate(() => location.hash), /^#story=thundering-herd&trace=/, "reloaded, it is there again");
    await page.getByLabel("Moment of the recording").fill("700");
    await page.getByLabel("Pool", { exact: true }).selectOption("batch");
    const link = await copied(page);
    const other = await open({ routes, hash: link });
    await other.page.locator(".trace-view .pool").first().waitFor();
    const seen = (one) => one.evaluate(() => [globalThis.leasehold.player.now, document.querySelector(".trace-view").innerText, document.getElementById("trace-pool").value]);
    assert.deepEqual(await seen(other.page), await seen(page), link);
    // A link to a recording alone leaves the scenario, and the address goes on saying both.
    await page.evaluate(() => (location.hash = "#trace=traces/demo.jsonl&trace-at=noon"));
    await page.waitForFunction(() => location.hash === "#story=thundering-herd&trace=traces/demo.jsonl");
    assert.equal(await page.locator("#problem").innerText(), "This link is shown without the moment of its recording: it is \u201cnoon\u201d, not a number of milliseconds.");
    await drop(page, "demo.jsonl", recorded);
    await page.locator("#link").click();
    await page.getByRole("button", { name: "Copied, without the recording: its file stays on this machine" }).waitFor();
    await Promise.all([other.close(), close()]);
  });

  test("to a recording say what of them it does not show", async () => {
    const routes = { "traces/demo.jsonl": recorded };
    for (const [part, expected] of [
      ["trace-pool=nobody", "It is shown without the pool that the link names: at this moment there is no pool \u201cnobody\u201d."],
      ["trace-at=5", /^It is shown without the moment that the link names: the recording lasts from .+ to .+ UTC\.$/],
      [`trace-at=${looks.at(-1).at_ms}&trace-pool=batch`, ""],
    ]) {
      const { page, close } = await open({ routes, hash: `#story=thundering-herd&trace=traces/demo.jsonl&${part}` });
      await page.locator(".trace-view .pool").first().waitFor();
      const note = await page.locator("[data-note]").evaluate((one) => one.textContent);
      if (typeof expected === "string") assert.equal(note, expected);
      else assert.match(note, expected);
      await close();
    }
  });

  test("to a moment that nobody would wait for go to the latest that can be had", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows&at=1e99" });
    assert.equal(await now(page), 1_800_000);
    assert.match(await page.locator("#problem").innerText(), /later moment than minute 30/);
    assert.equal(await page.locator("#clock").innerText(), "30:00.0 min");
    await show(page, 1000);
    assert.equal(await page.locator("#problem").isVisible(), false, "another moment is shown now");
    await close();
  });

  test("to a place on the page leave what is shown as it is", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    await show(page, 5000);
    await page.getByRole("link", { name: "Skip to the comparison" }).press("Enter");
    await page.waitForFunction(() => document.activeElement.id === "doors");
    await page.waitForFunction(() => location.hash === "#story=thundering-herd");
    assert.equal(await now(page), 5000);
    assert.equal(await page.locator(".story input:checked").getAttribute("value"), "thundering-herd");
    await close();
  });

  test("to a story open that story", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    assert.equal(await page.locator(".story input:checked").getAttribute("value"), "thundering-herd");
    await page.evaluate(() => (location.hash = "#story=a-worker-dies"));
    await page.locator('.story input[value="a-worker-dies"]:checked').waitFor({ state: "attached" });
    await close();
  });

  test("to a moment that takes too long to simulate stop on the way, and say so", async () => {
    const workloads = Array.from({ length: 8 }, (_, at) => ({ name: `w${at}`, pool: "p", burst: 2000, burst_every_ms: 2000, per_minute: 6000, job_ms: 1 }));
    const { page, close } = await open({ hash: `#s=${packed({ pools: [{ prefix: "p", limit: 1000 }], workloads })}&at=1800000` });
    const reached = await now(page);
    assert.ok(reached > 0 && reached < 1_800_000, `${reached}`);
    assert.match(await page.locator("#problem").innerText(), /takes too long to simulate here: it is shown at/);
    await close();
  });

  test("with the longest names that there may be break nothing", async () => {
    const name = (at) => `${at}${"W".repeat(63)}`;
    const pools = Array.from({ length: 6 }, (_, at) => ({ prefix: name(at), limit: 1000 }));
    const workloads = Array.from({ length: 8 }, (_, at) => ({ name: `\u202e${"W".repeat(37)}${at}`, pool: name(at % 6), burst: 50 }));
    for (const width of [320, 1280]) {
      const { page, seen, close } = await open({ hash: `#s=${packed({ pools, workloads })}&at=1000`, width });
      await page.evaluate(() => document.getElementById("scenario").setAttribute("open", ""));
      const { content, screen } = await page.evaluate(() => ({ content: document.documentElement.scrollWidth, screen: document.documentElement.clientWidth }));
      assert.ok(content <= screen, `${width}: ${content} > ${screen}`);
      assert.equal(await page.locator("#problem").innerText(), "");
      assert.doesNotMatch(await page.locator("main").innerText(), /\u202e/);
      assert.deepEqual(seen.complaints, []);
      await close();
    }
  });

  test("with long names that are alike tell them apart, wherever a name stands", async () => {
    const names = ["eu-west-1", "us-east-1", "us-west-2", "eu-west-2"].flatMap((region) => [`team-orders-${region}-nightly-imports-of-the-stock`, `${region}-x`]).slice(0, 6);
    const pools = names.map((prefix) => ({ prefix, limit: 5 }));
    const workloads = names.map((pool, at) => ({ name: `w${at}`, pool, burst: 12 }));
    for (const width of [320, 390, 768, 1024, 1440]) {
      const { page, close } = await open({ hash: `#s=${packed({ pools, workloads })}&at=1200`, width });
      await page.evaluate(() => document.getElementById("scenario").setAttribute("open", ""));
      const seen = await page.evaluate(() => {
        const cut = (one) => one.scrollWidth > one.clientWidth + 1 || one.getBoundingClientRect().right > one.parentElement.getBoundingClientRect().right + 1;
        const told = (selector) => [...document.querySelectorAll(selector)].filter((one) => !cut(one)).map((one) => one.textContent);
        const tops = [...document.querySelectorAll("[data-door]")].map((door) => [...door.querySelectorAll(".stage")].map((one) => Math.round(one.getBoundingClientRect().top)));
        return { heads: told(".pool-head h3"), limits: told('label[for^="c-limit"]'), tops };
      });
      assert.deepEqual(seen.heads, [...names, ...names], `${width} px`);
      assert.deepEqual(seen.limits, names.map((name) => `Limit of ${name}`), `${width} px`);
      assert.deepEqual(seen.tops[0], seen.tops[1], `${width} px: both sides beside each other`);
      const captions = await page.locator("[data-caption]").allInnerTexts();
      for (const caption of captions) for (const name of names.slice(0, 3)) assert.equal(caption.split(`${name}: `).length, 2, `${width} px: ${caption}`);
      await close();
    }
  });

  const packed = (scenario) => Buffer.from(typeof scenario === "string" ? scenario : JSON.stringify(scenario)).toString("base64url");
  const bad = {
    "cut off": `#s=${packed({ seed: 7 }).slice(0, -3)}`,
    "no JSON": `#s=${packed("hello")}`,
    "an unknown field": `#s=${packed({ colour: "red" })}`,
    "a limit that is too high": `#s=${packed({ pools: [{ prefix: "a", limit: 1e9 }] })}`,
    "an unknown story": "#story=nobody-wrote-this",
    "something else": "#utm=1",
    "a story's name that every object has": "#story=__proto__&pace=constructor",
    "nested without end": `#s=${packed(`${"[".repeat(5000)}${"]".repeat(5000)}`)}`,
    "a text that is turned": `#s=${packed({ mode: "\u202eqqq" })}`,
    "letters of no alphabet": "#s=%%%%",
    "markup": `#s=${packed({ name: "<img src=x onerror=alert(1)>", pools: 3 })}`,
  };
  for (const [name, hash] of Object.entries(bad)) {
    test(`that are bad (${name}) say so, and the page works`, async () => {
      const { page, seen, close } = await open({ hash });
      const alert = page.locator("#problem");
      assert.equal(await alert.isVisible(), true);
      assert.match(await alert.innerText(), /^This link .+\. Here is the first story instead\.$/s);
      assert.ok(await page.evaluate((given) => location.hash === new URL(given, location.href).hash, hash), "the address still has it");
      await works(page);
      assert.deepEqual(seen.complaints, []);
      await close();
    });
  }

  test("that are bad leave what is shown, where something is", async () => {
    const { page, seen, close } = await open({ hash: "#story=two-workflows" });
    await show(page, 700);
    await page.getByLabel("Pools", { exact: true }).press("ArrowLeft");
    await show(page, 900);
    await page.getByLabel("Limit", { exact: true }).press("ArrowLeft");
    const [before, address] = [await shownBy(page), await page.evaluate(() => location.hash)];
    for (const hash of Object.values(bad)) {
      await page.evaluate((given) => (location.hash = given), hash);
      await page.waitForFunction((was) => location.hash === was, address);
      assert.match(await page.locator("#problem").innerText(), /^This link .+\. The page stays as it was\.$/s);
      assert.deepEqual(await shownBy(page), before, hash);
    }
    // What a slider took out it still puts back.
    await page.getByLabel("Pools", { exact: true }).press("ArrowRight");
    assert.deepEqual(await page.evaluate(() => globalThis.leasehold.player.world.scenario().pools.map((pool) => pool.prefix)), ["analytics", "batch"]);
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  const partly = {
    "at=soon": /^This link is shown without its moment: it is \u201csoon\u201d, not a number of milliseconds\.$/,
    "at=-1": /without its moment: it is \u201c-1\u201d/,
    "at=600&happened=3": /^This link is shown without its step: at that moment there is no step number 3\.$/,
    "at=600&happened=99999999": /without its step: at that moment there is no step number 99999999/,
    "happened=-1": /^This link is shown without its step: it is \u201c-1\u201d, not how many things had happened\.$/,
    "speed=3": /^This link is shown without its speed: it is \u201c3\u201d, not one of 0\.01, /,
    "jobs=9": /^This link is shown without the jobs that it names: there is no workload \u201c9\u201d\.$/,
    "jobs=2": /without the jobs that it names: there is no workload \u201c2\u201d/,
    "at=600&request=99999999": /^This link is shown without its request: there was no such request until now\.$/,
    "at=600&job=99999": /^This link is shown without its job: job 99999 has not come yet\.$/,
    "trace-at=5&trace-pool=x": /^This link is shown without the moment of its recording: it names no recording\. It is shown without the pool of its recording: it names no recording\.$/,
    "at=600&job=%3Cb%3E&request=x": /^This link is shown without its job: .+\. It is shown without its request: .+\.$/,
  };
  for (const [part, expected] of Object.entries(partly)) {
    test(`that are bad in a part (${part}) show the rest, and say which part`, async () => {
      const { page, seen, close } = await open({ hash: `#story=thundering-herd&${part}` });
      assert.match(await page.locator("#problem").innerText(), expected);
      assert.equal(await page.locator(".story input:checked").getAttribute("value"), "thundering-herd");
      await works(page);
      assert.deepEqual(seen.complaints, []);
      await close();
    });
  }

  test("to a word on the page keep the moment in the address", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd&at=1500" });
    await page.locator("a.term").first().click();
    await page.waitForFunction(() => location.hash === "#story=thundering-herd&at=1500");
    await close();
  });

  test("to a word lose nothing on the way back from it", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    await page.locator("a.term").first().click();
    await page.waitForFunction(() => location.hash === "#story=two-workflows");
    await show(page, 2000);
    await page.locator("#kill").click();
    await page.locator("#c-limit-0").press("Home");
    await show(page, 2500);
    const done = await page.evaluate(() => globalThis.leasehold.player.world.scenario().actions);
    assert.deepEqual(done.map((one) => one.do), ["kill", "limit"]);
    const before = await page.evaluate(() => location.hash);
    for (const way of ["goBack", "goForward", "goBack"]) {
      await page[way]();
      await page.waitForFunction((hash) => location.hash === hash, before);
      assert.equal(await now(page), 2500, way);
      assert.deepEqual(await page.evaluate(() => globalThis.leasehold.player.world.scenario().actions), done, way);
    }
    await close();
  });

  test("in the address lead to the moment of what was done last", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    for (const [moment, act] of [[1500, () => page.locator("#kill").click()], [2500, () => page.locator("#c-limit-0").press("ArrowLeft")]]) {
      await show(page, moment);
      await act();
      assert.match(await page.evaluate(() => location.hash), new RegExp(`&at=${moment}(&|$)`));
    }
    const done = await shownBy(page);
    await page.reload();
    await page.waitForSelector("html[data-ready]");
    assert.deepEqual([await now(page), await shownBy(page)], [2500, done]);
    await close();
  });

  test("of before are shown again on the way back to them", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    const chosen = (id) => page.locator(`.story input[value="${id}"]:checked`).waitFor({ state: "attached" });
    await page.evaluate(() => (location.hash = "#s=bad"));
    await page.getByText("The page stays as it was.").waitFor();
    await page.goBack();
    await page.evaluate(() => (location.hash = "#story=a-worker-dies"));
    await chosen("a-worker-dies");
    await page.goBack();
    await chosen("thundering-herd");
    await page.goForward();
    await chosen("a-worker-dies");
    await page.reload();
    await page.waitForSelector("html[data-ready]");
    await page.goBack();
    await chosen("thundering-herd");
    await close();
  });
});
