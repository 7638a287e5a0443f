// Does a recording show a real table, and does a bad one leave a working page?

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { open, origin, show, withBrowser } from "../browser.js";
import { drop, header, looks, recorded, works } from "../recorded.js";

/** What a pool was last seen to hold at a moment. */
function heldAt(moment, prefix) {
  const { pool } = looks.findLast((look) => look.at_ms <= moment && look.pool?.prefix === prefix);
  return `${pool.held} of ${pool.limit}`;
}

describe("traces", () => {
  withBrowser();

  test("are shown when they are dropped, and play", async () => {
    const { page, seen, close } = await open();
    await drop(page, "demo.jsonl", recorded);
    const view = page.locator(".trace-view");
    await view.waitFor();
    assert.ok((await view.innerText()).includes(`Table ${header.table}`));
    const pools = [...new Set(looks.flatMap((look) => look.pool?.prefix ?? []))].sort();
    assert.deepEqual(await view.locator(".pool h4").allInnerTexts(), pools);
    const scrub = page.getByLabel("Moment of the recording");
    const [from, to] = [looks[0].at_ms, looks.at(-1).at_ms];
    for (const thousandth of [200, 500, 900]) {
      await scrub.fill(String(thousandth));
      const moment = from + ((to - from) * thousandth) / 1000;
      assert.deepEqual(await view.locator(".pool-held").allInnerTexts(), pools.map((pool) => heldAt(moment, pool)), `at ${thousandth} of 1000`);
    }
    await scrub.fill("500");
    assert.match(await view.locator(".trace-log").innerText(), /slot/);
    await scrub.fill("0");
    await view.getByRole("button", { name: "Play" }).click();
    await page.waitForFunction(() => Number(document.getElementById("trace-scrub").value) > 5);
    await view.getByRole("button", { name: "Pause" }).click();
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("are shown when their file is chosen", async () => {
    const { page, close } = await open();
    await page.setInputFiles("#trace-file", { name: "demo.jsonl", mimeType: "text/plain", buffer: Buffer.from(recorded) });
    await page.locator(".trace-view .pool").first().waitFor();
    await close();
  });

  test("with names that are markup or turn the text show them as text, and nothing else", async () => {
    const hostile = "<img src=x onerror=globalThis.hacked=1>\u202ecod.exe\u001b[2J";
    const dirty = looks.map((look) => structuredClone(look));
    for (const { pool } of dirty) {
      for (const { lease } of pool?.slots ?? []) if (lease) [lease.holder.key, lease.label] = [hostile + lease.holder.key, hostile];
      for (const { holder } of pool?.queue ?? []) holder.key = hostile + (holder.key ?? "");
    }
    const { page, seen, close } = await open();
    const lines = [{ ...header, table: hostile, region: hostile }, ...dirty].map((line) => JSON.stringify(line));
    await drop(page, "demo.jsonl", lines.join("\n"));
    const view = page.locator(".trace-view");
    await view.waitFor();
    await page.getByLabel("Moment of the recording").fill("500");
    const text = await view.innerText();
    assert.ok(text.includes("Table <img src=x") && text.includes("onerror") && text.includes("has slot"), text);
    assert.doesNotMatch(text, /[\u202a-\u202e\u2066-\u2069\u001b]/u);
    assert.equal(await view.locator("img").count(), 0);
    assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
    // So is what is said of a file that is none.
    await drop(page, "bad.jsonl", `{"leasehold_trace": "${hostile.replaceAll("\u001b", "")}"}`);
    const refused = await page.getByRole("alert").filter({ hasText: "leasehold_trace" }).innerText();
    assert.doesNotMatch(refused, /[\u202a-\u202e]/u);
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("are loaded from an address on this site, in the field or in a link", async () => {
    const routes = { "traces/demo.jsonl": recorded };
    const { page, close } = await open({ routes });
    await page.getByLabel("Address of a recording").fill("traces/demo.jsonl");
    await page.getByRole("button", { name: "Load", exact: true }).click();
    await page.locator(".trace-view .pool").first().waitFor();
    await close();
    const linked = await open({ routes, hash: "#trace=traces/demo.jsonl" });
    await linked.page.locator(".trace-view .pool").first().waitFor();
    assert.equal(await linked.page.evaluate(() => location.hash), "#trace=traces/demo.jsonl", "reloaded, it is there again");
    await linked.close();
  });

  const whole = recorded.split("\n");
  const bad = {
    "empty": ["", /Line 1/],
    "no trace": ["hello", /Line 1: not a trace/],
    "of a newer program": ['{"leasehold_trace":99}', /newer/],
    "without one good line": [[whole[0], "{", "{}"].join("\n"), /Line 2/],
    "binary": ["\u0000\u0001\u0002", /Line 1/],
  };
  for (const [name, [text, expected]] of Object.entries(bad)) {
    test(`that are bad (${name}) say so, and the page works`, async () => {
      const { page, seen, close } = await open();
      await drop(page, "bad.jsonl", text);
      const alert = page.locator(".trace").getByRole("alert");
      await alert.waitFor();
      assert.match(await alert.innerText(), /^bad\.jsonl is not a recording/);
      assert.match(await alert.innerText(), expected);
      assert.equal(await page.locator(".trace-view").isVisible(), false);
      await works(page);
      await drop(page, "demo.jsonl", recorded);
      await page.locator(".trace-view .pool").first().waitFor();
      assert.equal(await alert.isVisible(), false, "a good one afterwards is shown");
      assert.deepEqual(seen.complaints, []);
      await close();
    });
  }

  test("with a bad line in the middle play, and say which line was left out", async () => {
    const { page, seen, close } = await open();
    await drop(page, "damaged.jsonl", [whole[0], whole[1], '{"at_ms":', "\u202egarbage", ...whole.slice(2)].join("\n"));
    const view = page.locator(".trace-view");
    await view.locator(".pool").first().waitFor();
    assert.match(await view.locator("[data-note]").innerText(), /^2 lines make no sense and are left out, the first is line 3: .+\.$/);
    assert.equal(await page.locator(".trace").getByRole("alert").isVisible(), false);
    await page.getByLabel("Moment of the recording").fill("1000");
    assert.deepEqual(await view.locator(".pool-held").allInnerTexts(), ["analytics", "batch"].map((pool) => heldAt(looks.at(-1).at_ms, pool)));
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("whose lines are out of order say that, and that none is lost", async () => {
    const { page, close } = await open();
    const lines = [whole[0], JSON.stringify(looks.at(-1)), ...whole.slice(1, looks.length)];
    await drop(page, "turned.jsonl", lines.join("\n"));
    const view = page.locator(".trace-view");
    await view.locator(".pool").first().waitFor();
    assert.equal(await view.locator("[data-note]").innerText(), "Its lines are not in order of time: they were put in order.");
    await close();
  });

  test("without a look say that, and of which table they are", async () => {
    const { page, seen, close } = await open();
    await drop(page, "early.jsonl", `${whole[0]}\n`);
    const view = page.locator(".trace-view");
    await view.waitFor();
    assert.ok((await view.innerText()).includes(`Table ${header.table}`));
    assert.match(await view.locator("[data-note]").innerText(), /no look at any pool/);
    assert.equal(await view.getByRole("button", { name: "Play" }).isVisible(), false);
    await drop(page, "demo.jsonl", recorded);
    await view.getByRole("button", { name: "Play" }).waitFor();
    assert.equal(await view.locator("[data-note]").isVisible(), false);
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("count looks as the command does that recorded them", async () => {
    const { page, close } = await open();
    await drop(page, "demo.jsonl", recorded);
    const about = page.locator("[data-about]");
    await about.waitFor();
    const pools = new Set(looks.flatMap((look) => look.pool?.prefix ?? [])).size;
    assert.ok((await about.innerText()).includes(`${looks.filter((look) => look.pool).length} looks at ${pools} pools`), await about.innerText());
    await close();
  });

  /** How much of a pool's drawing has the colour of a held slot, in pixels. */
  const drawnAsHeld = (page) =>
    page.evaluate(() => {
      const canvas = document.querySelector(".trace-view .stage");
      const probe = document.createElement("span");
      probe.style.color = "var(--hold)";
      document.body.append(probe);
      const [red, green, blue] = getComputedStyle(probe).color.match(/\d+/g).map(Number);
      probe.remove();
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let at = 0; at < data.length; at += 4) if (data[at] === red && data[at + 1] === green && data[at + 2] === blue) count += 1;
      return count;
    });

  test("of pools with long names show each whole, at any width", async () => {
    const lines = looks.filter((look) => look.pool).flatMap((look) => Array.from({ length: 8 }, (_, at) => ({ ...look, pool: { ...look.pool, prefix: `${"nightly-imports-of-".repeat(3)}${look.pool.prefix[0]}${at}` } })));
    const text = [header, ...lines].map((line) => JSON.stringify(line)).join("\n");
    for (const width of [320, 390, 768, 1280]) {
      const { page, close } = await open({ width });
      await drop(page, "long.jsonl", text);
      await page.locator(".trace-view .pool").first().waitFor();
      await page.evaluate(() => {
        const { trace } = globalThis.leasehold;
        trace.show(trace.replay.from() + 4000);
      });
      const seen = await page.evaluate(() => {
        const inside = (one) => one.getBoundingClientRect().right <= one.closest(".pool, li, .trace-view").getBoundingClientRect().right + 1 && one.scrollWidth <= one.clientWidth + 1;
        const names = [...document.querySelectorAll(".trace-bands h4, .trace-log .mono")];
        const select = document.getElementById("trace-pool");
        const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
        return { names: names.map((one) => one.textContent), cut: names.filter((one) => !inside(one)).length, select: select.getBoundingClientRect().right <= select.parentElement.getBoundingClientRect().right + 1, wide };
      });
      assert.ok(seen.names.length > 6, `${width} px: ${seen.names.length} names`);
      for (const name of seen.names) assert.match(name, /^(nightly-imports-of-){3}[ab]\d$/);
      assert.deepEqual([seen.cut, seen.select, seen.wide], [0, true, false], `${width} px`);
      await close();
    }
  });

  test("that only have a sweep's counts draw as many as it counted", async () => {
    const { page, close } = await open();
    const { slots, queue, ...counts } = looks.find((look) => look.pool?.held > 0).pool;
    assert.ok(slots.length > 0 && queue !== undefined);
    const look = (held, waiting) => ({ at_ms: header.recorded_at_ms + 5000, pool: { ...counts, at_ms: header.recorded_at_ms, detail: "summary", limit: 4, held, expired: 0, open: 4 - held, waiting, state: held === 4 ? "full" : "ok", slots: [], queue: [] } });
    const play = async (held, waiting) => {
      await drop(page, "summary.jsonl", `${JSON.stringify(header)}\n${JSON.stringify(look(held, waiting))}\n`);
      await page.locator(".trace-view .pool strong", { hasText: new RegExp(`^${held}$`) }).waitFor();
      return drawnAsHeld(page);
    };
    const [none, two, four] = [await play(0, 0), await play(2, 3), await play(4, 7)];
    assert.equal(none, 0);
    assert.ok(two > 200 && Math.abs(four / two - 2) < 0.1, `${two} and ${four} pixels`);
    assert.match(await page.locator(".trace-view .pool-waits").innerText(), /^7 wait, .*As the last sweep counted it, 5\u00a0s before$/);
    await close();
  });

  test("draw no slot as free that nobody may have after a lowering", async () => {
    const { page, close } = await open();
    const at = Date.UTC(2026, 0, 2, 8, 20, 0);
    const { pool } = looks.find((look) => look.pool?.held > 0);
    const { lease } = pool.slots.find((slot) => slot.lease !== null);
    const slots = [0, 1, 2, 3, 4, 5].map((slot) => ({ slot, fence: 1, above_limit: slot > 3, lease: [0, 5].includes(slot) ? { ...lease, expired: false, lapsed: false } : null }));
    const lowered = { ...pool, at_ms: at, detail: "rows", limit: 4, held: 2, slots, queue: [], waiting: 0, oldest_wait_ms: null };
    const override = { at_ms: at - 5000, who: "ana", why: "the database is slow" };
    const drawn = async (changes) => {
      const text = [header, { at_ms: at, pool: { ...lowered, ...changes } }].map((line) => JSON.stringify(line)).join("\n");
      return page.evaluate((given) => {
        const { trace } = globalThis.leasehold;
        trace.open(given, "lowered.jsonl");
        const { context } = [...trace.bands.values()][0].stage;
        const { fillText } = context;
        const written = [];
        context.fillText = (one, ...where) => written.push(one) && fillText.call(context, one, ...where);
        trace.redraw();
        context.fillText = fillText;
        return written.filter((one) => /^\d+$/.test(one)).map(Number);
      }, text);
    };
    // Slot 5 counts against the limit of 4: of the slots below it two may be had, and slot 3 not.
    assert.deepEqual(await drawn({ open: 2, state: "ok" }), [0, 1, 2]);
    assert.deepEqual(await drawn({ open: 2, state: "ok", override }), [0, 1, 2]);
    assert.deepEqual(await drawn({ open: 0, state: "settling", settles_at_ms: at + 9000, limit_was: 8 }), [0]);
    // While nothing settles they are closed as well, where leases above the limit last.
    assert.deepEqual(await drawn({ open: 0, state: "full", override }), [0]);
    // A sweep's counts alone say how many, not which.
    assert.deepEqual(await drawn({ detail: "summary", slots: [], open: 1 }), [0, 1, 2]);
    await close();
  });

  test("say until when a pool is closed, where they know it", async () => {
    const { page, close } = await open();
    const at = Date.UTC(2026, 0, 2, 8, 20, 0);
    const pool = looks.find((look) => look.pool).pool;
    const closed = { ...pool, at_ms: at, limit: 4, held: 1, state: "settling", settles_at_ms: at + 14_000 };
    const told = await page.evaluate(([text]) => {
      const { trace } = globalThis.leasehold;
      trace.open(text, "closed.jsonl");
      return document.querySelector(".trace [role=alert]").textContent;
    }, [`${JSON.stringify(header)}\n${JSON.stringify({ at_ms: at, pool: { ...closed, state: "full" } })}\n`]);
    assert.equal(told, "");
    const toldOf = (pool) => page.evaluate((shown) => {
      const band = [...globalThis.leasehold.trace.bands.values()][0];
      band.show(shown, { from: 0, to: 1, moment: shown.at_ms, dt: 0 });
      return document.querySelector(".trace-view .pool-over").textContent;
    }, pool);
    assert.equal(await toldOf(closed), "closed until 08:20:14 UTC");
    const lowered = { ...closed, open: 0, limit_was: 7 };
    assert.equal(await toldOf(lowered), "3 slots closed until 08:20:14 UTC (limit was 7)", "one slot may be had once nobody holds it");
    assert.equal(await toldOf({ ...lowered, state: "full", held: 4 }), "3 slots closed until 08:20:14 UTC (limit was 7)");
    assert.equal(await toldOf({ ...lowered, limit_was: 8 }), "closed until 08:20:14 UTC (limit was 8)");
    assert.equal(await toldOf({ ...lowered, state: "ok", open: 1 }), "3 slots closed until 08:20:14 UTC (limit was 7)");
    assert.equal(await toldOf({ ...lowered, limit: 0 }), "nobody is let in any more from 08:20:14 UTC on (limit was 7)");
    assert.equal(await toldOf({ ...lowered, state: "ok", settles_at_ms: null, limit_was: null }), "");
    const above = { ...lowered, limit_was: 8, held: 6 };
    assert.equal(await toldOf(above), "2 above the limit may finish, closed until 08:20:14 UTC (limit was 8)");
    // A look from before that moment, where no later one is.
    const passed = (pool) => page.evaluate(([shown, moment]) => {
      const band = [...globalThis.leasehold.trace.bands.values()][0];
      band.show(shown, { from: 0, to: 1, moment, dt: 0 });
      return document.querySelector(".trace-view .pool-over").textContent;
    }, [pool, at + 15_000]);
    assert.equal(await passed({ ...lowered, limit_was: 8 }), "was closed until 08:20:14 UTC (limit was 8)");
    assert.equal(await passed(lowered), "3 slots were closed until 08:20:14 UTC (limit was 7)");
    // A limit of 0.
    const none = { ...lowered, limit: 0, open: 0, settles_at_ms: null, limit_was: null };
    assert.equal(await toldOf({ ...none, state: "draining", held: 2 }), "draining");
    assert.equal(await toldOf({ ...none, state: "drained", held: 0 }), "drained");
    // The highest limit also stands for one that nobody could read.
    const unread = { ...lowered, limit_was: 10_000 };
    assert.equal(await toldOf(unread), "closed until 08:20:14 UTC (limit was up to 10000, the highest there is)");
    assert.equal(await toldOf({ ...unread, state: "ok", open: 1 }), "up to 9996 slots closed until 08:20:14 UTC (limit was up to 10000, the highest there is)");
    await close();
  });

  test("say of a length that nobody knows the most it can be", async () => {
    const { page, close } = await open();
    await drop(page, "demo.jsonl", recorded);
    const told = new Set();
    for (let thousandth = 50; thousandth <= 1000; thousandth += 50) {
      await page.getByLabel("Moment of the recording").fill(String(thousandth));
      for (const text of await page.locator(".trace-log li").allInnerTexts()) told.add(text);
    }
    const over = [...told].filter((text) => /gave slot|left the queue/.test(text));
    assert.ok(over.length > 5, `${told.size} told`);
    for (const text of over) assert.match(text, / after at most \d/);
    // When a lease was granted, its row says.
    for (const text of [...told].filter((text) => /has slot/.test(text))) assert.doesNotMatch(text, /at most/);
    await close();
  });

  /** Opens looks, and shows the last moment of them. */
  const play = (page, lines, pool = null) =>
    page.evaluate(([text, chosen]) => {
      const { trace } = globalThis.leasehold;
      trace.open(text, "some.jsonl", { pool: chosen });
      trace.show(trace.replay.to());
    }, [[header, ...lines].map((line) => JSON.stringify(line)).join("\n"), pool]);

  test("tell what happened over a look that only counted", async () => {
    const { page, close } = await open();
    const { prefix } = looks.find((look) => look.pool?.detail === "rows" && look.pool.held > 0).pool;
    const rows = looks.filter((look) => look.pool?.prefix === prefix && look.pool.detail === "rows");
    const first = rows[0];
    const last = rows.findLast((look) => look.pool.limit === first.pool.limit);
    const at = Math.round((first.at_ms + last.at_ms) / 2);
    const summary = { at_ms: at, pool: { ...first.pool, at_ms: at, detail: "summary", limit: first.pool.limit + 1, slots: [], queue: [] } };
    const told = async (lines) => {
      await play(page, lines);
      return page.evaluate(() => {
        const { replay } = globalThis.leasehold.trace;
        return replay.events(replay.from() - 1, replay.to()).map((event) => [event.at_ms, event.what, event.slot ?? null].join(" ")).sort();
      });
    };
    const direct = await told([first, last]);
    assert.ok(direct.length > 3 && direct.every((one) => !one.includes("limit_changed")), direct.join());
    const over = await told([first, summary, last]);
    assert.deepEqual(over.filter((one) => !one.includes("limit_changed")), direct);
    assert.equal(over.length, direct.length + 2, "the limit there and back, each once");
    await close();
  });

  test("list what happened to the chosen pool alone", async () => {
    const { page, close } = await open();
    const { pool } = looks.find((look) => look.pool?.held > 0);
    const lines = [0, 1].flatMap((later) => Array.from({ length: 8 }, (_, at) => ({ at_ms: 1000 + later * 5000, pool: { ...pool, prefix: `pool-${at}`, at_ms: 1000 + later * 5000, limit: 10 + later } })));
    await play(page, lines);
    const told = () => page.locator(".trace-log .mono").allInnerTexts();
    assert.deepEqual(new Set(await told()), new Set(lines.slice(0, 8).map((line) => line.pool.prefix)));
    await page.getByLabel("Pool", { exact: true }).selectOption("pool-7");
    assert.deepEqual(await told(), ["pool-7"]);
    assert.deepEqual(await page.locator(".trace-view .pool h4").allInnerTexts(), ["pool-7"]);
    await close();
  });

  test("say of how many more things they do not tell", async () => {
    const { page, close } = await open();
    const { pool } = looks.find((look) => look.pool?.held > 0);
    const lines = [0, 1].flatMap((later) => Array.from({ length: 11 }, (_, at) => ({ at_ms: 1000 + later * 5000, pool: { ...pool, prefix: `pool-${at}`, at_ms: 1000 + later * 5000, limit: 10 + later } })));
    await play(page, lines);
    assert.equal(await page.locator(".trace-log .mono").count(), 8);
    assert.equal(await page.locator(".trace-log li").last().innerText(), "3 more in the last 5 s.");
    await close();
  });

  test("tell when a pool was retired, also the chosen one", async () => {
    const { page, seen, close } = await open();
    const { pool } = looks.find((look) => look.pool?.held > 0);
    const many = Array.from({ length: 8 }, (_, at) => ({ at_ms: 1000, pool: { ...pool, prefix: `pool-${at}` } }));
    const gone = [{ at_ms: Date.UTC(2026, 0, 2, 8, 20, 7), gone: "pool-3" }];
    await play(page, [...many, ...gone]);
    assert.equal((await page.locator(".trace-log li").allInnerTexts()).map((text) => text.replace(/\s+/g, " ")).join(), "08:20:07 pool-3 the pool was retired");
    assert.ok(!(await page.locator(".trace-view .pool h4").allInnerTexts()).includes("pool-3"));
    await play(page, [...many, ...gone], "pool-3");
    const none = page.locator(".trace-view [data-none]");
    assert.equal(await none.innerText(), "Pool pool-3 is not there at this moment.");
    assert.equal(await page.locator("#trace-pool").inputValue(), "pool-3", "it is still the chosen one");
    await page.getByLabel("Moment of the recording").fill("0");
    assert.equal(await none.isVisible(), false);
    assert.deepEqual(await page.locator(".trace-view .pool h4").allInnerTexts(), ["pool-3"]);
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("say how long they last in a unit that fits", async () => {
    const { page, close } = await open();
    const { pool } = looks.find((look) => look.pool?.held > 0);
    const at = Date.UTC(2026, 0, 2, 8, 20, 0);
    for (const [seconds, told] of [[45, "45 s"], [600, "10 min"], [50_400, "14 h"], [270_000, "75 h"]]) {
      await play(page, [{ at_ms: at, pool }, { at_ms: at + seconds * 1000, pool: { ...pool, waiting: 1, oldest_wait_ms: seconds * 1000 } }]);
      assert.ok((await page.locator("[data-about]").innerText()).endsWith(`\u00b7 ${told}`), told);
      assert.equal((await page.locator(".trace-view .pool-waits").innerText()).replace("\u00a0", " "), `1 waits, the first for ${told}`);
    }
    await close();
  });

  test("play, pause and step with the keys of the page", async () => {
    const { page, close } = await open();
    await drop(page, "demo.jsonl", recorded);
    const scrub = page.getByLabel("Moment of the recording");
    await scrub.focus();
    const state = () => page.evaluate(() => [globalThis.leasehold.trace.playing, globalThis.leasehold.player.playing, globalThis.leasehold.player.now]);
    await scrub.press("Space");
    assert.deepEqual(await state(), [true, false, 0]);
    await scrub.press("Space");
    assert.deepEqual(await state(), [false, false, 0]);
    await scrub.fill("0");
    const moments = [...new Set(looks.map((look) => look.at_ms))];
    for (const expected of moments.slice(1, 4)) {
      await scrub.press(".");
      assert.equal(await page.evaluate(() => globalThis.leasehold.trace.moment), expected);
    }
    assert.deepEqual(await state(), [false, false, 0], "the jobs stand still");
    await close();
  });

  test("draw as alarming who came above a limit, not who stayed", async () => {
    const { page, close } = await open();
    const ceilings = (...pairs) =>
      page.evaluate(async (all) => {
        const { courseOf } = await import("./page/trace.js");
        const line = Float64Array.from(all.flatMap(([held, limit], at) => [at, held, limit, 0, at + 1]));
        return courseOf(line, all.length).map((point) => point.ceiling);
      }, pairs);
    // Held and limit at each look, and how many might hold.
    assert.deepEqual(await ceilings([8, 10], [11, 10]), [10, 10]);
    assert.deepEqual(await ceilings([8, 10], [8, 5], [6, 5], [5, 5], [6, 5]), [10, 10, 10, 5, 5]);
    assert.deepEqual(await ceilings([8, 10], [8, 5], [7, 3], [12, 3]), [10, 10, 10, 10], "lowered twice");
    assert.deepEqual(await ceilings([8, 10], [8, 5], [8, 12], [13, 12]), [10, 10, 12, 12], "and raised");
    assert.deepEqual(await ceilings([9, 6], [10, 6]), [9, 9], "before the first look nobody knows");
    assert.equal(await page.evaluate(async () => (await import("./page/trace.js")).courseOf(Float64Array.of(5, 1, 2, 0, 9, 9, 1, 2, 0, 13), 8).length), 1, "none of what comes later");
    await close();
  });

  test("tell the time in UTC wherever they are looked at, and say so", async () => {
    const { page, close } = await open({ timezone: "America/New_York" });
    const at = Date.UTC(2026, 0, 2, 23, 20, 5);
    await drop(page, "night.jsonl", `${JSON.stringify(header)}\n${JSON.stringify({ ...looks.find((look) => look.pool), at_ms: at })}\n`);
    await page.locator(".trace-view .pool").first().waitFor();
    assert.equal(await page.locator(".trace-clock").innerText(), "2 Jan 2026, 23:20:05 UTC");
    assert.match(await page.locator("[data-happened]").innerText(), /^What happened \(UTC\)$/);
    await close();
  });

  test("say in words what a state means, and who changed the limit, how long and why", async () => {
    const { page, close } = await open();
    const { pool } = looks.find((look) => look.pool?.held > 0);
    const at = Date.UTC(2026, 0, 2, 8, 20, 0);
    const show = async (changes) => {
      await drop(page, "states.jsonl", `${JSON.stringify(header)}\n${JSON.stringify({ at_ms: at, pool: { ...pool, at_ms: at, ...changes } })}\n`);
      await page.waitForFunction((state) => globalThis.leasehold.trace.replay?.at(globalThis.leasehold.trace.moment).pools[0].state === state, changes.state ?? pool.state);
      return page.locator(".trace-view .pool-head").innerText();
    };
    assert.match(await show({ state: "starving", waiting: 3, oldest_wait_ms: 600_000 }), /starving: jobs wait, and nothing moves/);
    assert.match(await show({ state: "full", expired: 0 }), /\nfull\n/);
    assert.match(await show({ state: "full", held: 2, expired: 1 }), /\nfull: 1 lease just expired\n/);
    assert.doesNotMatch(await show({ state: "ok" }), /override|starving|full/);
    const override = { at_ms: at - 5000, who: "ana\u202e", why: "the database is slow", until_ms: at + 60_000 };
    assert.match(await show({ state: "idle", override }), /limit by override of ana\ufffd until 08:21:00 UTC: the database is slow/);
    assert.doesNotMatch(await show({ state: "ok", override: { ...override, until_ms: undefined } }), /until/);
    await close();
  });

  test("show a pool that cannot be read as broken, with what is wrong and what can be read", async () => {
    const { page, seen, close } = await open();
    const { pool } = looks.find((look) => look.pool?.held > 0);
    const at = Date.UTC(2026, 0, 2, 8, 20, 0);
    const why = "row slot#00001 of LEASES#p: attribute fence is the text \"abc\"; correct that row";
    const show = async (broken) => {
      await drop(page, "broken.jsonl", `${JSON.stringify(header)}\n${JSON.stringify({ at_ms: at, broken: "p", why, ...broken })}\n`);
      await page.waitForFunction((rest) => ((pool) => pool?.broken && Boolean(pool.rest) === rest)(globalThis.leasehold.trace.replay?.at(globalThis.leasehold.trace.moment).pools[0]), Boolean(broken.rest));
      return page.locator(".trace-view .pool-head").innerText();
    };
    const some = await show({ slots: [[1, why]], rest: { ...pool, prefix: "p", at_ms: at } });
    assert.ok(some.includes(`broken: ${why}`) && some.includes(`at least ${pool.held} of ${pool.limit}`), some);
    const none = await show({});
    assert.ok(none.includes(`broken: ${why}`) && none.includes("? of ?") && !/waits|wait,/.test(none), none);
    assert.deepEqual(seen.errors ?? [], []);
    await close();
  });

  test("with any number or text in them leave a working page", async () => {
    const { page, seen, close } = await open();
    const { pool } = looks.find((look) => look.pool?.held > 0 && look.pool?.queue.length > 0);
    const turned = "\u202e<img src=x onerror=alert(1)>\u0007";
    const nasty = {
      ...pool,
      limit: 1000,
      at_ms: 9_007_199_254_740_991,
      slots: pool.slots.map((slot) => (slot.lease ? { ...slot, slot: 4_000_000, lease: { ...slot.lease, holder: { ...slot.lease.holder, key: turned.repeat(40) } } } : slot)),
    };
    const head = { ...header, table: turned, region: turned.repeat(50), program: "x".repeat(5000) };
    await drop(page, `${turned}.jsonl`, [head, { at_ms: 0, pool }, { at_ms: 9_007_199_254_740_991, pool: nasty }].map((line) => JSON.stringify(line)).join("\n"));
    const view = page.locator(".trace-view");
    await view.locator(".pool").first().waitFor();
    for (const thousandth of ["0", "500", "1000"]) await page.getByLabel("Moment of the recording").fill(thousandth);
    const text = await view.innerText();
    assert.doesNotMatch(text, /[\u202a-\u202e\u2066-\u2069\u0007]/);
    assert.equal(await view.locator("img").count(), 0);
    const { content, screen } = await page.evaluate(() => ({ content: document.documentElement.scrollWidth, screen: document.documentElement.clientWidth }));
    assert.ok(content <= screen, `${content} > ${screen}`);
    assert.deepEqual(seen.complaints, []);
    await works(page);
    await close();
  });

  test("of other sites, and such as are not there, are refused in words", async () => {
    const { page, seen, close } = await open();
    const alert = page.locator(".trace").getByRole("alert");
    const load = async (address) => {
      await page.getByLabel("Address of a recording").fill(address);
      await page.getByRole("button", { name: "Load", exact: true }).click();
      await alert.waitFor();
      return alert;
    };
    assert.match(await (await load("https://elsewhere.invalid/demo.jsonl")).innerText(), /own site/);
    assert.match(await (await load("javascript:alert(1)")).innerText(), /own site/);
    assert.match(await (await load("")).innerText(), /address/);
    await load("traces/none.jsonl");
    await page.waitForFunction(() => /answered 404/.test(document.querySelector(".trace [role=alert]").textContent));
    assert.deepEqual(seen.asked.filter((address) => !address.startsWith(origin())), []);
    await works(page);
    await close();
  });
});
