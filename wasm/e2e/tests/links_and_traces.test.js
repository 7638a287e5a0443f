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

  test("to a moment that nobody would wait for go to the latest that can be had", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows&at=1e99" });
    assert.equal(await now(page), 1_800_000);
    assert.match(await page.locator("#problem").innerText(), /later moment than minute 30/);
    assert.equal(await page.locator("#clock").innerText(), "30:00.0 min");
    await close();
  });

  test("to a place on the page leave what is shown as it is", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    await show(page, 5000);
    await page.getByRole("link", { name: "Skip to the two doors" }).press("Enter");
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

  const packed = (scenario) => Buffer.from(typeof scenario === "string" ? scenario : JSON.stringify(scenario)).toString("base64url");
  const bad = {
    "cut off": `#s=${packed({ seed: 7 }).slice(0, -3)}`,
    "no JSON": `#s=${packed("hello")}`,
    "an unknown field": `#s=${packed({ colour: "red" })}`,
    "a limit that is too high": `#s=${packed({ pools: [{ prefix: "a", limit: 1e9 }] })}`,
    "a moment that is none": `#s=${packed({ seed: 7 })}&at=soon`,
    "an unknown story": "#story=nobody-wrote-this",
    "something else": "#utm=1",
    "letters of no alphabet": "#s=%%%%",
    "markup": `#s=${packed({ name: "<img src=x onerror=alert(1)>", pools: 3 })}`,
  };
  for (const [name, hash] of Object.entries(bad)) {
    test(`that are bad (${name}) say so, and the page works`, async () => {
      const { page, seen, close } = await open({ hash });
      const alert = page.locator("#problem");
      assert.equal(await alert.isVisible(), true);
      assert.match(await alert.innerText(), /^This link .+\. Here is the first story instead\.$/s);
      await works(page);
      assert.deepEqual(seen.complaints, []);
      await close();
    });
  }
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
    await page.getByLabel("Address of a trace").fill("traces/demo.jsonl");
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
    "empty": ["", /line 1/],
    "no trace": ["hello", /line 1: not a trace/],
    "of a newer program": ['{"leasehold_trace":99}', /newer/],
    "broken in the middle": [[whole[0], whole[1], "{", ...whole.slice(2)].join("\n"), /line 3/],
    "binary": ["\u0000\u0001\u0002", /line 1/],
    "without a look": [`${whole[0]}\n`, /no look/],
  };
  for (const [name, [text, expected]] of Object.entries(bad)) {
    test(`that are bad (${name}) say so, and the page works`, async () => {
      const { page, seen, close } = await open();
      await drop(page, "bad.jsonl", text);
      const alert = page.locator(".trace").getByRole("alert");
      await alert.waitFor();
      assert.match(await alert.innerText(), /^bad\.jsonl is not a trace/);
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

  test("of other sites, and such as are not there, are refused in words", async () => {
    const { page, seen, close } = await open();
    const alert = page.locator(".trace").getByRole("alert");
    const load = async (address) => {
      await page.getByLabel("Address of a trace").fill(address);
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
