// Is the page read once, and quickly? Its sentences, its terms, its captions, and the answer to the first question that
// its numbers raise.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";

import { drawn, open, show, withBrowser } from "../browser.js";

const longest = 30; // words a sentence

/** Phrases that stopped readers, and their pattern. */
const slow = [
  [/(^|[.:;] )(what|whoever|whatever|who) [a-z]+/i, "a free relative clause as a subject"],
  [/\bso many\b/i, "so many"],
  [/\blies\b/i, "lies"],
  [/\bcan not\b/i, "cannot is one word"],
  [/(^|[.:;] )(nobody|nothing|none|no one) (is|are|was|says?|tells?) /i, "a negation as a noun"],
  [/\bdoors?\b/i, "a word that is not explained"],
  [/\bone's own\b/i, "one's own"],
];

function sentences(text) {
  return text.split(/\n+|(?<=[.!?])\s+/).map((one) => one.trim()).filter((one) => one.split(/\s+/).length > 3);
}

function judged(texts) {
  const found = [];
  for (const sentence of texts.flatMap(sentences)) {
    const words = sentence.split(/\s+/).length;
    if (words > longest) found.push(`${words} words: ${sentence}`);
    for (const [pattern, why] of slow) if (pattern.test(sentence)) found.push(`${why}: ${sentence}`);
  }
  return found;
}

const stories = (page) => page.locator(".story input").evaluateAll((inputs) => inputs.map((input) => input.value));

describe("the page is read once", () => {
  withBrowser();

  test("no sentence is long, and none has a phrase that stopped readers", async () => {
    const { page, close } = await open();
    const texts = [await page.locator("main").innerText(), await page.locator("footer").innerText()];
    texts.push(...(await page.locator("[title], [aria-label], [placeholder]").evaluateAll((elements) => elements.flatMap((one) => [one.title, one.ariaLabel ?? "", one.placeholder ?? ""]))));
    texts.push(await page.locator('meta[name="description"]').getAttribute("content"));
    for (const id of await stories(page)) {
      await page.locator(`.story input[value="${id}"]`).check();
      await show(page, 20_000);
      texts.push(await page.locator("#story-text").innerText(), await page.locator("#why").innerText(), await page.locator("#prices").innerText());
    }
    assert.ok(texts.flatMap(sentences).length > 50);
    assert.deepEqual([...new Set(judged(texts))], []);
    assert.notEqual(judged(["Whoever finds it full asks so many times."]).length, 0, "the judge sees what it looks for");
    await close();
  });

  test("every caption of every story is short, and fits the place that is kept for it", async () => {
    for (const width of [360, 560, 768, 1280, 1920]) {
      const { page, close } = await open({ width });
      const found = await page.evaluate(async () => {
        const { sentence, standing } = await import("./page/captions.js");
        const { player } = globalThis.leasehold;
        const { World } = player;
        const texts = new Set();
        for (const preset of World.presets()) {
          const world = new World(preset.scenario);
          for (let at = 0, seen = 0; at < 40_000; at += 250) {
            world.advance_to(at);
            const { events, next } = world.events(seen);
            seen = next;
            const { doors } = world.frame();
            for (const door of doors) texts.add(standing(door.pools, preset.scenario.pools.map((pool) => pool.prefix)));
            for (const said of events) texts.add(`40.000 s: ${sentence(said, doors[0].pools.length > 1 && said.pool !== null ? doors[0].pools[said.pool].prefix : null)}`);
          }
          world.free();
        }
        const place = document.querySelector("[data-caption]");
        const kept = place.getBoundingClientRect().height;
        const taller = [...texts].filter((text) => {
          place.textContent = text;
          return place.getBoundingClientRect().height > kept + 0.5;
        });
        return { texts: [...texts], taller };
      });
      assert.ok(found.texts.length > 300, `${found.texts.length} captions`);
      assert.deepEqual(found.taller, [], `${width} px`);
      assert.deepEqual(judged(found.texts.map((text) => text.replace(/^40\.000 s: /, ""))), []);
      await close();
    }
  });

  test("both sides stand beside each other, whatever one of them says", async () => {
    const { page, close } = await open({ width: 360 });
    const apart = await page.evaluate(async () => {
      const [left, right] = document.querySelectorAll("[data-caption]");
      left.textContent = "word ".repeat(60);
      right.textContent = "word";
      const tops = [...document.querySelectorAll(".door")].map((door) => [...door.querySelectorAll("canvas")].map((canvas) => canvas.getBoundingClientRect().top));
      return tops[0].map((top, at) => top - tops[1][at]);
    });
    assert.ok(apart.length > 1);
    assert.deepEqual(apart, apart.map(() => 0));
    await close();
  });

  test("both sides are level at each width, whatever one says", async () => {
    for (const width of [320, 360, 560, 700, 768, 900, 1024, 1280, 1920]) {
      const { page, close } = await open({ width, hash: "#story=two-workflows&at=31000" });
      const places = () => page.locator(".door").evaluateAll((doors) => doors.map((door) => [...door.querySelectorAll(".verdict, .caption, .pool, .pool-head, canvas")].map((one) => [one.getBoundingClientRect().top, one.getBoundingClientRect().height])));
      const [left, right] = await places();
      assert.deepEqual(left, right, `${width} px`);
      assert.equal(left.length, 10);
      // One side alone has much to say, of one pool and then of the other.
      for (const [which, text] of [[0, "1,000 too many, 1,000 may finish"], [3, "1,000 above the limit may finish"]]) {
        await page.locator(".pool").nth(which).evaluate((pool, text) => {
          pool.querySelector(".pool-over").textContent = text;
          pool.querySelector(".pool-waits").textContent = "15,999 wait";
        }, text);
        const [one, other] = await places();
        assert.deepEqual(one, other, `${width} px, pool ${which}`);
      }
      await close();
    }
  });

  test("its terms are explained in the words of the glossary, where each link leads", async () => {
    const { page, close } = await open();
    const glossary = await readFile(new URL("../../../docs/glossary.md", import.meta.url), "utf8");
    const terms = await page.locator(".words dt").allInnerTexts();
    assert.ok(terms.length >= 9);
    for (const term of terms) assert.ok(glossary.includes(`\n| ${term} |`), `${term} is in docs/glossary.md`);
    const links = await page.locator("a.term").evaluateAll((all) => all.map((one) => [one.textContent, one.getAttribute("href")]));
    assert.ok(links.length >= 4);
    for (const [text, href] of links) {
      const explained = await page.locator(`${href} dt`).innerText();
      assert.ok(text.startsWith(explained), `${text} leads to ${explained}`);
    }
    await page.locator("a.term").first().click();
    await page.waitForFunction(() => document.querySelector("#word-limit").getBoundingClientRect().top < innerHeight);
    // And the address still says what is shown.
    await page.waitForFunction(() => location.hash.startsWith("#story="));
    await close();
  });

  test("it says why one side waits longer, with the figures", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd&at=12000" });
    const { doors } = await page.evaluate(() => globalThis.leasehold.player.world.numbers());
    const why = await page.locator("#why").innerText();
    const shown = (measure, side) => page.locator(`[data-measure="${measure}"] td`).nth(side).innerText();
    assert.ok(doors[1].wait_p50_ms > doors[0].wait_p50_ms && doors[0].pools[0].peak > 10);
    const [here, there] = [await shown("p50", 1), await shown("p50", 0)].map((text) => text.replace(" ", "\u00a0"));
    assert.ok(why.includes(`median wait is ${here} against ${there}. Count, then put ran`), why);
    assert.ok(why.includes(`up to ${doors[0].pools[0].peak} jobs at once, where 10 may`), why);
    await close();
  });

  test("it names no limit that was another one, and says that a lowered limit costs time", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit&at=31000" });
    const { doors } = await page.evaluate(() => globalThis.leasehold.player.world.numbers());
    assert.ok(doors[0].peak > doors[0].pools[0].limit + doors[0].most_over, "more ran at once while the limit was higher");
    const why = (await page.locator("#why").innerText()).replaceAll("\u00a0", " ");
    assert.ok(why.includes(`ran up to ${doors[0].most_over} jobs more than its limit allowed`), why);
    assert.doesNotMatch(why, new RegExp(`where ${doors[0].pools[0].limit} may`));
    assert.match(why, /A limit was lowered\. Leasehold keeps slots closed until nobody can follow the limit of before, so jobs may wait longer\./);
    await show(page, 29_000);
    assert.doesNotMatch(await page.locator("#why").innerText(), /lowered/, "it is not lowered yet");
    await close();
  });

  test("it says why more requests may cost less", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd&at=12000" });
    const { doors } = await page.evaluate(() => globalThis.leasehold.player.world.numbers());
    assert.ok(doors[1].per_job.requests > doors[0].per_job.requests && doors[1].dollars_per_million_jobs.total < doors[0].dollars_per_million_jobs.total);
    assert.match(await page.locator("#prices").innerText(), /Leasehold makes more requests, but a request costs far less than a transition\./);
    await close();
  });

  test("it gives no reason that is not so, where neither side keeps the limit", async () => {
    const { page, close } = await open();
    const told = await page.evaluate(async () => {
      const { whyOneWaits } = await import("./page/numbers.js");
      const door = (over, wait) => ({ most_over: over, breaches: 0, wait_p50_ms: wait, wait_p99_ms: 2 * wait, waited: 9, made_wait: 9, leaseless: 0, pools: [{ prefix: "p", limit: 3, peak: 3 + over, most_over: over }] });
      const both = whyOneWaits({ doors: [door(2, 1000), door(1, 3000)] }, { queues: true, lowered: false, worse: "clocks differ by more than the grace" });
      const short = whyOneWaits({ doors: [door(1, 70), door(0, 93)] }, { queues: true, lowered: false });
      const swift = whyOneWaits({ doors: [door(0, 93), door(0, 70)] }, { queues: true, lowered: false });
      const [polled, queued] = [false, true].map((queues) => whyOneWaits({ doors: [door(0, 1000), door(0, 3000)] }, { queues, lowered: false }));
      return [both, polled, short, swift, queued];
    });
    for (const text of told) assert.doesNotMatch(text, /because it keeps the limit/);
    // What is only the time of a few requests has nothing to do with the limit, or with the queue.
    for (const text of told.slice(2, 4)) assert.match(text, /of the jobs that got in, at least half hardly had to wait for another/);
    for (const text of told.slice(2, 4)) assert.doesNotMatch(text, /limit|first in the queue/);
    assert.match(told[0], /Leasehold did not keep its limit here, as clocks differ by more than the grace\. Count, then put did not keep it, either\.$/);
    assert.match(told[1], /on both sides a job that finds no room asks again later, and luck decides who is next\. 99 of 100/);
    assert.doesNotMatch(told[1], /happen to ask/, "that is the same on both sides");
    assert.match(told[4], /: the queue of Leasehold serves the jobs in the order in which they came\. Count, then put lets in the jobs that happen to ask/);
    assert.deepEqual(judged(told), []);
    await close();
  });

  test("it blames no queue where failures are what jobs wait for", async () => {
    const failures = { request_lost: 20, reply_lost: 20, worker_dies: 20, call_dies: 20, throttled: 20 };
    const scenario = { failures, pools: [{ prefix: "p", limit: 40 }], workloads: [{ name: "w", pool: "p", burst: 20 }] };
    const { page, close } = await open({ hash: `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}&at=5000` });
    const why = await page.locator("#why").innerText();
    assert.match(why, /Messages and calls fail here/);
    assert.doesNotMatch(why, /queue/);
    assert.deepEqual(judged([why]), []);
    await close();
  });

  test("from the first request on a side is judged, also at the very beginning", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    const verdict = () => page.locator("[data-verdict-text]").nth(1).innerText();
    const stepUntil = (there) => page.evaluate((there) => {
      const { player } = globalThis.leasehold;
      const asked = ({ arrived, requests }) => (there === "a job" ? arrived : requests.reads) > 0;
      for (let steps = 0; steps < 400 && !asked(player.world.numbers().doors[1]); steps += 1) player.step();
    }, there);
    await stepUntil("a job");
    assert.equal(await verdict(), "No job has got an answer yet");
    await stepUntil("a request");
    assert.equal(await verdict(), "Never above its limit");
    await close();
  });

  test("before the first request no side is praised", async () => {
    const { page, close } = await open();
    for (const id of await stories(page)) {
      await page.locator(`.story input[value="${id}"]`).check();
      assert.deepEqual(await page.locator("[data-verdict-text]").allInnerTexts(), ["No job has come yet", "No job has come yet"], id);
      assert.equal(await page.locator(".verdict svg:visible").count(), 0, id);
    }
    await close();
  });

  test("a promise that is not made says why, and explains its term", async () => {
    const hash = (changes) => `#s=${Buffer.from(JSON.stringify(changes)).toString("base64url")}&at=1500`;
    const clocks = await open({ hash: hash({ clocks: { skew_ms: 10_000 } }) });
    const verdict = clocks.page.locator('[data-door="leasehold"] [data-verdict]');
    assert.equal(await verdict.innerText(), "Not promised: clocks differ by more than the grace");
    assert.equal(await verdict.locator("a").getAttribute("href"), "#word-grace");
    assert.equal(await verdict.locator("svg").isVisible(), false, "no place is kept for a sign that is not shown");
    await clocks.close();
    const quiet = await open({ hash: hash({ leases: { quiet_ms: 1000 } }) });
    assert.equal(await quiet.page.locator('[data-door="leasehold"] [data-verdict]').innerText(), "Not promised: the quiet period is too short");
    await quiet.close();
  });

  test("pools are called by their names, and a number stays with its unit", async () => {
    const { page, close } = await open({ width: 360, hash: "#story=two-workflows&at=1000" });
    assert.match(await page.locator('[data-door="counting"] [data-caption]').innerText(), /^analytics: 19 of 15 run/);
    for (const [story, at] of [["raise-the-limit", 31_000], ["two-workflows", 300], ["thundering-herd", 12_000]]) {
      await page.locator(`.story input[value="${story}"]`).check();
      await show(page, at);
      await drawn(page);
      for (const text of [...(await page.locator("[data-caption]").allInnerTexts()), await page.locator("#why").innerText()]) {
        assert.doesNotMatch(text, /\d (ms|s|min|%)\b/, "a line may end there");
      }
    }
    assert.match(await page.locator("#why").innerText(), /\d\u00a0s/);
    await close();
  });

  test("each story explains its terms where they are met, once", async () => {
    const { page, close } = await open();
    const links = {};
    for (const id of await stories(page)) {
      await page.locator(`.story input[value="${id}"]`).check();
      links[id] = await page.locator("#story-text a").evaluateAll((all) => all.map((one) => one.getAttribute("href")));
      assert.equal(new Set(links[id]).size, links[id].length, id);
      for (const href of links[id]) assert.equal(await page.locator(`${href} dt`).count(), 1, href);
    }
    assert.deepEqual([links["clocks-disagree"], links["poll-against-queue"]], [["#word-grace"], ["#word-queue"]]);
    await close();
  });

  test("each word that names a state or a control is explained", async () => {
    const { page, close } = await open();
    const terms = await page.locator(".words dt").allInnerTexts();
    for (const term of ["settling", "starving", "workload", "quiet period", "fence"]) assert.ok(terms.includes(term), term);
    await close();
  });

  test("slots that nobody may have while a limit settles do not look free", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit&at=29000" });
    const numbered = () =>
      page.evaluate(() => {
        const { doors, player } = globalThis.leasehold;
        const stage = doors.bands[1][0].stage;
        const written = [];
        const { fillText } = stage.context;
        stage.context.fillText = (text, ...where) => written.push(text) && fillText.call(stage.context, text, ...where);
        player.redraw();
        stage.context.fillText = fillText;
        return written.filter((text) => /^\d+$/.test(text)).length;
      });
    assert.ok((await numbered()) > 0);
    await show(page, 31_000);
    assert.equal(await numbered(), 0, "no number invites anybody");
    assert.match(await page.locator(".legend").innerText(), /closed, as the limit was lowered/);
    await close();
  });

  test("after a jump no caption tells of what is no longer so", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    for (const at of [59_000, 3000, 45_000, 125, 30_000]) {
      await show(page, at);
      await drawn(page);
      const captions = await page.locator("[data-caption]").allInnerTexts();
      for (const text of captions) {
        const dated = text.match(/^([\d.]+)\u00a0s: /);
        if (dated) assert.ok(at - Number(dated[1]) * 1000 <= 101, `${at}: ${text}`);
        else assert.match(text, /\d+ of \d+ run/, `${at}: ${text}`);
      }
    }
    await close();
  });

  test("each step says what it came to, and says so until the next", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    const told = await page.evaluate(async () => {
      const captions = [...document.querySelectorAll("[data-caption]")];
      const said = [];
      let before = "";
      for (let step = 0; step < 150; step += 1) {
        document.getElementById("step").click();
        const { now } = globalThis.leasehold.player;
        // The pictures after a step move what it moved.
        for (let picture = 0; picture < 3; picture += 1) await new Promise((done) => requestAnimationFrame(done));
        const texts = captions.map((one) => one.textContent);
        const dated = texts.filter((text) => text.startsWith(`${(now / 1000).toFixed(3)}\u00a0s: `));
        const aloud = document.getElementById("announce").textContent;
        said.push({ texts, dated: dated.length, moved: texts.join() !== before, aloud: dated.some((text) => aloud.replaceAll("\u00a0", " ").endsWith(text.replaceAll("\u00a0", " ").replace(/^\S+ s: /, ""))) });
        before = texts.join();
      }
      return said;
    });
    for (const { texts, dated, moved, aloud } of told) {
      assert.ok(dated > 0, texts.join(" / "));
      assert.ok(moved, `the same twice: ${texts.join(" / ")}`);
      assert.ok(aloud, `not said aloud: ${texts.join(" / ")}`);
    }
    const texts = told.flatMap((one) => one.texts);
    for (const text of told[0].texts) assert.match(text, /^0\.000\u00a0s: Job 0 comes to analytics\.$/);
    assert.deepEqual(judged([...new Set(texts)]), []);
    await close();
  });

  test("requests are listed before anybody scrolls to them", async () => {
    const { page, close } = await open({ calm: false, width: 360, height: 740 });
    await page.locator(".stage").first().scrollIntoViewIfNeeded();
    await page.waitForFunction(() => globalThis.leasehold.player.now > 30);
    assert.equal(await page.locator("#request-list").evaluate((list) => list.getBoundingClientRect().top > innerHeight), true);
    await page.locator("#play").click();
    await page.waitForFunction(() => document.querySelectorAll(".request[data-id]").length > 5);
    await show(page, 600);
    const first = await page.locator(".request time").first().innerText();
    assert.ok(Number.parseFloat(first) > 0.4, first);
    await close();
  });

  test("a request is told in whole sentences, none of them long or untrue", async () => {
    const { page, close } = await open({ hash: "#story=a-bad-day&at=20000" });
    const ids = await page.evaluate(() => {
      const { world } = globalThis.leasehold.player;
      const kinds = new Map();
      for (const brief of [0, 1].flatMap((door) => world.recent(door, 256))) kinds.set(`${brief.operation} ${brief.what.replace(/\d+/g, "")} ${brief.reply}`, [brief.id, brief.kind, brief.reply]);
      return [...kinds.values()];
    });
    const details = await page.evaluate(async (all) => {
      const told = [];
      for (const [id] of all) {
        history.replaceState(null, "", "#");
        const came = new Promise((done) => addEventListener("hashchange", done, { once: true }));
        location.hash = `#story=a-bad-day&at=20000&request=${id}`;
        await came;
        told.push([...document.querySelectorAll("#request-detail :is(h3, p, li)")].map((one) => one.innerText));
      }
      return told;
    }, ids);
    const texts = details.flat();
    assert.ok(ids.length > 15 && texts.some((text) => text.startsWith("All of these writes")), `${ids.length} kinds`);
    assert.deepEqual([...new Set(judged(texts))], []);
    for (const text of texts.filter((one) => one.includes("Only if"))) assert.match(text, /\)\. [A-Z].*\.$/s);
    // No table is asked where Step Functions is.
    for (const [at, [, kind, caller]] of ids.entries()) {
      if (kind !== 3 && kind !== 4) continue;
      const expected = caller === null ? "Step Functions has not answered yet." : caller === "no reply" ? "No answer came from Step Functions." : `Step Functions answered: ${caller}.`;
      assert.ok(details[at].includes(expected), `${expected} in ${details[at].join(" | ")}`);
      assert.ok(!details[at].some((text) => text.includes("The table")), details[at].join(" | "));
    }
    assert.ok(texts.some((text) => /^The message: \u201cYou have slot \d+ .*\.\u201d$/.test(text)), texts.filter((text) => text.includes("have slot")).join(" | "));
    // Another condition of a transaction may refuse the write all the same.
    for (const [at, [, kind]] of ids.entries()) if (kind === 2) assert.ok(!details[at].some((text) => text.includes("nothing can refuse it")), details[at].join(" | "));
    await close();
  });

  test("one row is called one row", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows&at=1500" });
    const texts = await page.evaluate(async () => {
      const { world } = globalThis.leasehold.player;
      const ids = [0, 1].flatMap((door) => world.recent(door, 256)).map((brief) => brief.id);
      return ids.slice(0, 200).map((id) => JSON.stringify(world.request(id)));
    });
    assert.ok(texts.some((text) => text.includes("the first row from wait#")));
    for (const text of texts) assert.doesNotMatch(text, /\b1 (rows|jobs|leases|slots)\b|first 1 /);
    await close();
  });
});
