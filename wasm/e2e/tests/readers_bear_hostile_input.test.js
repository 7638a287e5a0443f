// Do the page's readers bear whatever somebody sends? Links, scenarios and traces: the seeds of testkit/hostile/corpus, and changes of
// them from a new seed at each run. HOSTILE_SEED=N plays the same again, HOSTILE_CHANGES=N plays so many.

import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";

const root = new URL("../../../", import.meta.url);
const changes = Number(process.env.HOSTILE_CHANGES ?? 2_000);
const seed = Number(process.env.HOSTILE_SEED ?? Math.floor(Math.random() * 2 ** 31));

// The page's files say nowhere that they are modules: a browser knows it from how they are loaded.
const folder = await mkdtemp(join(tmpdir(), "leasehold-page-"));
after(() => rm(folder, { recursive: true }));
await cp(new URL("wasm/web/page", root), join(folder, "page"), { recursive: true });
await cp(new URL("target/web/pkg", root), join(folder, "pkg"), { recursive: true });
await writeFile(join(folder, "package.json"), `{"type":"module"}`);
const load = (name) => import(pathToFileURL(join(folder, name)).href);
const { latest, readLink, scenarioLink } = await load("page/link.js");
const { initSync, Replay, World } = await load("pkg/leasehold_wasm.js");
initSync({ module: await readFile(join(folder, "pkg/leasehold_wasm_bg.wasm")) });

/** The seeds of a reader. */
async function seeds(name) {
  const under = new URL(`testkit/hostile/corpus/${name}/`, root);
  const names = (await readdir(under)).sort();
  assert.ok(names.length >= 5);
  return Promise.all(names.map((file) => readFile(new URL(file, under), "utf8")));
}

/** Numbers below `most`, the same from the same seed (mulberry32). */
function dice(from) {
  let state = from | 0;
  return (most) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * most);
  };
}

const pieces = ["%", "%00", "&", "=", "#", "&at=", "&s=", "&story=", "&trace=", "-1", "1e999", "NaN", "\u202e", "\u001b[2J", "_-", "\u0000", "\"", "{", "]", "18446744073709551616", "__proto__", "\ud800"];

/** One of the texts with pieces of it changed. */
function change(roll, texts) {
  let text = texts[roll(texts.length)];
  for (let times = 1 + roll(4); times > 0; times -= 1) {
    const at = roll(text.length + 1);
    const until = Math.min(text.length, at + roll(12));
    const other = texts[roll(texts.length)];
    const begin = roll(other.length);
    const put = [pieces[roll(pieces.length)], "", other.slice(begin, begin + roll(60)), pieces[roll(pieces.length)].repeat(roll(400))][roll(4)];
    text = text.slice(0, at) + put + text.slice(until);
  }
  return text.slice(0, 20_000);
}

function harmless(said) {
  assert.ok(said.length <= 1_500, `${said.length} characters: ${said.slice(0, 300)}`);
  assert.doesNotMatch(said, /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
}

/** How a link says that nothing else was chosen. */
const began = { at: 0, speed: null, pace: null, jobs: null, job: null, request: null, trace: null };

/** Plays what a link carries, or hears why not. */
function play(scenario) {
  let world;
  try {
    world = new World(scenario);
  } catch (error) {
    harmless(error.message);
    return;
  }
  const short = World.short(scenario);
  assert.deepEqual(readLink(scenarioLink(short, began)).scenario, short, "a link carries all of it");
  assert.deepEqual(World.short(short), short);
  world.advance_by(30);
  assert.ok(world.frame());
  world.free();
}

function follow(hash) {
  const link = readLink(hash);
  assert.ok(["none", "story", "scenario", "bad"].includes(link.kind), link.kind);
  if (link.kind === "bad") harmless(link.why);
  for (const part of link.without ?? []) harmless(part);
  if ("at" in link) assert.ok(link.at >= 0 && Number.isFinite(Math.min(link.at, latest)));
  if (link.kind === "scenario") play(link.scenario);
}

function replay(text) {
  let shown;
  try {
    shown = new Replay(text);
  } catch (error) {
    harmless(error.message);
    return;
  }
  assert.ok(shown.from() <= shown.to());
  assert.ok(Array.isArray(shown.at(shown.to()).pools));
  assert.ok(Array.isArray(shown.events(shown.from(), shown.to())));
  for (const { prefix } of shown.at(shown.to()).pools) assert.ok(shown.line(prefix, 5).length <= 5 * 4);
  shown.free();
}

/** Gives a reader all of these and changes of them; what it fails on is told with the seed. */
function bear(reader, texts) {
  const roll = dice(seed);
  const given = [...texts, ...Array.from({ length: changes }, () => change(roll, texts))];
  for (const text of given) {
    try {
      reader(text);
    } catch (error) {
      throw new Error(`HOSTILE_SEED=${seed}: ${JSON.stringify(text).slice(0, 2_000)}: ${error.message ?? error}`, { cause: error });
    }
  }
}

describe("the page's readers", () => {
  test("bear any link", async () => {
    const whole = (await seeds("page_scenario")).map((text) => {
      try {
        return JSON.parse(text);
      } catch {
        return text;
      }
    });
    const links = whole.map((scenario, at) => scenarioLink(scenario, { ...began, at: at * 500 }));
    bear(follow, [...links, "#story=two-workflows&at=1500", "#trace=traces/demo.jsonl", "#story=two-workflows&at=1500&job=3&request=77&trace=traces/demo.jsonl&trace-at=1795381909787&trace-pool=batch", "#at=-1", `#at=${"\u202e\u0007x".repeat(500)}`, "#numbers", ""]);
  });

  test("bear any scenario", async () => {
    const json = (text) => {
      try {
        play(JSON.parse(text));
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
    };
    bear(json, await seeds("page_scenario"));
  });

  test("bear any trace", async () => {
    bear(replay, await seeds("trace"));
  });
});
