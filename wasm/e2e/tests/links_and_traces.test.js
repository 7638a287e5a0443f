// Does a link carry everything, does a trace show a real table, and do bad ones leave a working page?

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";

import { now, open, origin, show, withBrowser } from "../browser.js";

// What `leasehold record` wrote of `leasehold demo`.
const recorded = await readFile(new URL("../../../tui/tests/recordings/demo.jsonl", import.meta.url), "utf8");
const [header, ...looks] = recorded.trim().split("\n").map((line) => JSON.parse(line));

/** What a pool was last seen to hold at a moment. */
function heldAt(moment, prefix) {
  const { pool } = looks.findLast((look) => look.at_ms <= moment && look.pool?.prefix === prefix);
  return `${pool.held} of ${pool.limit}`;
}

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

async function works(page) {
  await show(page, 1000);
  assert.equal(await now(page), 1000);
  assert.match(await page.locator('[data-door="leasehold"] [data-verdict]').innerText(), /Never above/);
}

/** Lets go of a file over the page, as from a folder. */
function drop(page, name, text) {
  return page.evaluate(([file, content]) => {
    const data = new DataTransfer();
    data.items.add(new File([content], file));
    for (const type of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  }, [name, text]);
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
    assert.equal(await own.page.locator("#speed-is").innerText(), "1/20\u00d7");
    await Promise.all([paced.close(), own.close(), close()]);
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
    await page.evaluate(() => (location.hash = "#trace=traces/demo.jsonl"));
    await page.waitForFunction(() => location.hash === "#story=thundering-herd&trace=traces/demo.jsonl");
    await drop(page, "demo.jsonl", recorded);
    await page.locator("#link").click();
    await page.getByRole("button", { name: "Copied, without the recording: its file stays on this machine" }).waitFor();
    await Promise.all([other.close(), close()]);
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
    "speed=3": /^This link is shown without its speed: it is \u201c3\u201d, not one of 0\.01, /,
    "jobs=9": /^This link is shown without the jobs that it names: there is no workload \u201c9\u201d\.$/,
    "jobs=2": /without the jobs that it names: there is no workload \u201c2\u201d/,
    "at=600&request=99999999": /^This link is shown without its request: there was no such request until now\.$/,
    "at=600&job=99999": /^This link is shown without its job: job 99999 did not come yet\.$/,
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
});

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
    assert.match(await view.locator("[data-note]").innerText(), /^Not all of it could be read: 2 lines make no sense and are left out, the first is line 3/);
    assert.equal(await page.locator(".trace").getByRole("alert").isVisible(), false);
    await page.getByLabel("Moment of the recording").fill("1000");
    assert.deepEqual(await view.locator(".pool-held").allInnerTexts(), ["analytics", "batch"].map((pool) => heldAt(looks.at(-1).at_ms, pool)));
    assert.deepEqual(seen.complaints, []);
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
    assert.match(await page.locator(".trace-view .pool-waits").innerText(), /^7 wait, .*As the last sweep counted it, 5 s before$/);
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
    // In the words of the dashboard.
    const lowered = { ...closed, open: 0, limit_was: 7 };
    assert.equal(await toldOf(lowered), "closed until 08:20:14 UTC (limit was 7)");
    assert.equal(await toldOf({ ...lowered, state: "full", held: 4 }), "closed until 08:20:14 UTC (limit was 7)");
    assert.equal(await toldOf({ ...lowered, state: "ok", open: 1 }), "3 slots closed until 08:20:14 UTC (limit was 7)");
    assert.equal(await toldOf({ ...lowered, limit: 0 }), "everybody follows the limit of 0 from 08:20:14 UTC on (limit was 7)");
    assert.equal(await toldOf({ ...lowered, state: "ok", settles_at_ms: null, limit_was: null }), "");
    // The highest limit also stands for one that nobody could read.
    const unread = { ...lowered, limit_was: 10_000 };
    assert.equal(await toldOf(unread), "closed until 08:20:14 UTC (limit was up to 10000, the highest there is)");
    assert.equal(await toldOf({ ...unread, state: "ok", open: 1 }), "up to 9996 slots closed until 08:20:14 UTC (limit was up to 10000, the highest there is)");
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
    assert.match(await show({ state: "full" }), /\nfull\n/);
    assert.doesNotMatch(await show({ state: "ok" }), /override|starving|full/);
    const override = { at_ms: at - 5000, who: "ana\u202e", why: "the database is slow", until_ms: at + 60_000 };
    assert.match(await show({ state: "idle", override }), /limit by override of ana\ufffd until 08:21:00 UTC: the database is slow/);
    assert.doesNotMatch(await show({ state: "ok", override: { ...override, until_ms: undefined } }), /until/);
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
