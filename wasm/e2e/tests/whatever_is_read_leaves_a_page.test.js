// Does the page survive whatever is given to it to read? Links and recordings, changed at random.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";

import { now, open, show, withBrowser } from "../browser.js";

const recorded = await readFile(new URL("../../../tui/tests/recordings/demo.jsonl", import.meta.url), "utf8");

/** The same numbers in every run. */
function chance(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const odd = ["0", "1", "3", "7", "12", "40", "200", "-1", "1e999", "1e308", "9007199254740993", "null", "true", "[]", "{}", '""', '"\\u202e"', "0.5", "18446744073709551615", "[[[[", '"__proto__"', "4294967296"];

/** A text with a few of its values, letters or parts changed. */
function changed(text, random) {
  let result = text;
  for (let change = 0; change <= random(2); change += 1) {
    const at = random(result.length);
    switch (random(8)) {
      case 0:
        result = result.slice(0, at) + result.slice(at + 1 + random(20));
        break;
      case 1:
        result = result.slice(0, at) + String.fromCharCode(random(300)) + result.slice(at);
        break;
      case 2:
        result = result.slice(0, at) + result.slice(random(result.length), random(result.length)).slice(0, 200) + result.slice(at);
        break;
      default: {
        const numbers = [...result.matchAll(/(?<=[:[,])(-?\d+(\.\d+)?|"[^"]*"|true|null)/g)];
        if (numbers.length === 0) break;
        const one = numbers[random(numbers.length)];
        result = result.slice(0, one.index) + odd[random(odd.length)] + result.slice(one.index + one[0].length);
      }
    }
  }
  return result;
}

describe("whatever is read", () => {
  withBrowser();

  test("as a link is shown or refused in a sentence", async () => {
    const { page, seen, close } = await open();
    const whole = JSON.stringify(await page.evaluate(() => globalThis.leasehold.player.World.presets().map((preset) => new globalThis.leasehold.player.World(preset.scenario).scenario())));
    const random = chance(1);
    const scenarios = JSON.parse(whole).map((scenario) => JSON.stringify(scenario));
    const links = Array.from({ length: 150 }, (_, at) => {
      const packed = Buffer.from(changed(scenarios[at % scenarios.length], random)).toString("base64url");
      const link = `#s=${packed}&at=${random(3000)}`;
      return random(4) === 0 ? changed(link, random) : link;
    });
    const said = await page.evaluate(async (hashes) => {
      const told = { shown: 0, refused: [] };
      for (const hash of hashes) {
        history.replaceState(null, "", "#");
        const came = new Promise((done) => addEventListener("hashchange", done, { once: true }));
        location.hash = hash;
        await came;
        const problem = document.getElementById("problem").textContent;
        if (problem === "") told.shown += 1;
        else told.refused.push(problem);
      }
      return told;
    }, links);
    assert.ok(said.shown > 12 && said.refused.length > 50, `${said.shown} shown, ${said.refused.length} refused`);
    for (const problem of said.refused) assert.match(problem, /^(This link .+\.|This moment .+\.)$/s);
    assert.deepEqual(said.refused.filter((problem) => /unreachable|undefined|RuntimeError|\[object|recursive/.test(problem)), []);
    await show(page, 1000);
    assert.equal(await now(page), 1000);
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("as a recording is played or refused in a sentence", async () => {
    const { page, seen, close } = await open();
    const random = chance(2);
    const lines = recorded.trim().split("\n");
    const texts = Array.from({ length: 150 }, () => {
      const from = 1 + random(lines.length - 5);
      const few = lines.slice(from, from + 4).join("\n");
      return random(4) === 0 ? `${changed(lines[0], random)}\n${few}` : `${lines[0]}\n${changed(few, random)}`;
    });
    const said = await page.evaluate((all) => {
      const { trace } = globalThis.leasehold;
      const told = { played: 0, noted: 0, refused: [] };
      for (const text of all) {
        trace.message.textContent = "";
        trace.open(text, "changed.jsonl");
        if (trace.message.textContent !== "") {
          told.refused.push(trace.message.textContent);
          continue;
        }
        told.played += 1;
        if (!document.querySelector("[data-note]").hidden) told.noted += 1;
        for (const moment of [trace.replay.from(), trace.replay.to(), -1, 1e300, Number.NaN]) trace.show(moment);
        trace.play();
        trace.pause();
      }
      return told;
    }, texts);
    assert.ok(said.played > 50 && said.noted > 20 && said.refused.length > 5, JSON.stringify([said.played, said.noted, said.refused.length]));
    for (const problem of said.refused) assert.match(problem, /^changed\.jsonl is not a recording that can be shown\. Line \d+: /);
    assert.deepEqual(seen.complaints, []);
    await close();
  });
});
