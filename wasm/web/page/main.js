// How do the parts of the page work together? Loads the simulator, and connects time, doors, controls and links.

import { Captions } from "./captions.js";
import { onColours, readColours } from "./colours.js";
import { Controls } from "./controls.js";
import { chartWindow, Doors } from "./doors.js";
import { onDrag } from "./drag.js";
import { latest, readLink, scenarioLink, storyLink } from "./link.js";
import { priceNote, showNumbers, whyOneWaits } from "./numbers.js";
import { Player, speeds } from "./player.js";
import { Requests } from "./requests.js";
import { hasPace, markStory, offerStories, scoreOf } from "./stories.js";
import { TraceShow } from "./trace.js";
import { harmless, moment, pace } from "./words.js";

const get = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const parts = {
  problem: get("problem"),
  play: get("play"),
  step: get("step"),
  again: get("again"),
  scrub: get("scrub"),
  clock: get("clock"),
  speed: get("speed"),
  speedIs: get("speed-is"),
  kill: get("kill"),
  drop: get("drop"),
  numbers: get("numbers"),
  prices: get("prices"),
  why: get("why"),
  stories: get("stories"),
  storyText: get("story-text"),
  link: get("link"),
};

function problem(text) {
  parts.problem.textContent = harmless(text);
  parts.problem.hidden = text === "";
}

const captions = new Captions([...document.querySelectorAll("[data-caption]")], get("announce"));

let player = null;
let presets = [];
let prices = null;
let story = null;
/** The story whose pace is kept: that one, or the one that was changed. @type {string|null} */
let paced = null;
/** What was done when, as the scenario records it. @type {any[]} */
let actions = [];
let scrubbing = false;
let dueNumbers = 0;
let dueCaptions = 0;
let dueList = 0;
let listSeen = false;
let sayingCopied = 0;
let played = false;

const doors = new Doors(get("doors"), (job, door) => {
  player.pause();
  requests.chooseJob(job, door);
});

const requests = new Requests(get("request-list"), get("request-detail"), { whose: get("request-whose"), all: get("request-all") }, {
  world: () => player?.world ?? null,
  chosen: (job) => {
    doors.chosen = job;
    player.redraw();
  },
  chosenRequest: () => player.pause(),
});

const controls = new Controls(get("controls"), {
  changed: (scenario) => {
    try {
      load(scenario, { story: null, keepPlaying: true });
      captions.say("The jobs start again, with the change.");
    } catch (error) {
      problem(`That cannot be simulated: ${sentenceOf(error)}`);
    }
  },
  limit: (pool, limit) => {
    try {
      // Before anything happened it is the scenario; after that, a live change.
      if (player.now === 0) {
        const scenario = player.world.scenario();
        scenario.pools.find((one) => one.prefix === pool).limit = limit;
        load(scenario, { story: null, keepPlaying: true });
      } else {
        player.act({ do: "limit", pool, limit });
        forked();
        captions.expect(["limit"], performance.now());
      }
    } catch (error) {
      problem(`The limit cannot be changed: ${sentenceOf(error)}`);
    }
  },
});

function sentenceOf(error) {
  const text = String(error?.message ?? error);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** The limits that live changes have set by now. */
function limitsInForce(actions, now) {
  const limits = new Map();
  for (const action of actions) if (action.do === "limit" && action.at_ms <= now) limits.set(action.pool, action.limit);
  return limits;
}

/** A change at this moment: what was recorded for later is gone, it is no story any more, and the link is another. */
function forked() {
  problem("");
  isStory(null);
  const scenario = player.world.scenario();
  actions = scenario.actions;
  controls.show(scenario, limitsInForce(actions, player.now));
  writeLink();
}

/** @param {string|null} id of the story that is shown unchanged, if it is one */
function isStory(id) {
  story = id;
  markStory(parts.stories, id);
  const preset = presets.find((one) => one.id === id);
  parts.storyText.textContent = preset ? preset.story : "Your own scenario. A link carries all of it, with each thing that you did and when.";
}

function load(scenario, { story: id, at = 0, speed = null, keepPlaying = false }) {
  const playing = player.playing;
  player.pause();
  paced = id ?? paced;
  // A visitor who chose a speed keeps it, but not for another story.
  const own = speed !== null || (id === null && player.world !== null && player.score === null);
  const reached = player.load(scenario, { at, score: own ? null : scoreOf(paced) });
  if (speed !== null) player.setSpeed(speed);
  problem(reached ? "" : `This moment takes too long to simulate here: it is shown at ${moment(player.now)}. Play to go on.`);
  isStory(id);
  writeLink(at);
  if (keepPlaying && playing) player.play();
}

function loadStory(id, { jobs = null, ...how } = {}) {
  const preset = presets.find((one) => one.id === id);
  if (preset === undefined) throw new Error(`there is no story named \u201c${id}\u201d`);
  controls.forget(jobs);
  load(preset.scenario, { ...how, story: id });
}

/** The address is always that of what is shown. */
function writeLink(at = 0) {
  history.replaceState(null, "", linkTo(at));
}

/** @param {number} at ms */
function linkTo(at) {
  const how = { at: Math.min(at, latest), speed: player.score === null ? player.speed : null, pace: null, jobs: controls.jobs };
  if (story !== null) return storyLink(story, how);
  // The pace of a story that was changed is kept, too.
  return scenarioLink(player.World.short(player.world.scenario()), { ...how, pace: hasPace(paced) ? paced : null });
}

function follow(hash) {
  const link = readLink(hash);
  const first = () => loadStory(presets[0].id);
  const late = "at" in link && link.at > latest;
  if (late) link.at = latest;
  try {
    switch (link.kind) {
      case "story":
        loadStory(link.id, { at: link.at, speed: link.speed, jobs: link.jobs });
        break;
      case "scenario":
        controls.forget(link.jobs);
        paced = hasPace(link.pace) ? link.pace : null;
        load(link.scenario, { story: null, at: link.at, speed: link.speed });
        break;
      case "trace":
        first();
        history.replaceState(null, "", hash);
        trace.fetch(link.address);
        return false;
      case "bad":
        first();
        problem(`This link does not carry a scenario: ${link.why}. Here is the first story instead.`);
        return false;
      default:
        first();
        return true;
    }
    if (late) problem(`This link goes to a later moment than minute ${latest / 60_000}: it is shown at that.`);
    return link.at === 0;
  } catch (error) {
    first();
    problem(`This link carries a scenario that cannot be simulated: ${sentenceOf(error)} Here is the first story instead.`);
    return false;
  }
}

const hooks = {
  loaded() {
    const scenario = player.world.scenario();
    doors.build(scenario.pools);
    captions.clear();
    requests.clear();
    doors.chosen = -1;
    actions = scenario.actions;
    controls.show(scenario, limitsInForce(actions, player.now));
  },

  shown({ dt, real, heavy = false, stepped, jumped }) {
    const world = player.world;
    const frame = world.frame();
    if (jumped) {
      doors.forget();
      captions.clear();
      requests.rewound(frame.now_ms);
    }
    doors.draw(world, frame, { dt: calm.matches && !player.playing ? 0 : dt, speed: player.playing ? player.speed : 1, window: chartWindow(player.speed), real, heavy });
    // In a heavy frame the words wait for each other, one kind of them a frame.
    const still = dt === 0 || stepped !== null;
    let room = heavy && !still ? 1 : 9;
    const due = (moment) => (still || real >= moment) && room-- > 0;
    if (due(dueCaptions)) {
      dueCaptions = real + 90;
      captions.take(world.events(captions.next), frame.doors[0].pools.map((pool) => pool.prefix), real, { patient: stepped === null && !jumped, since: jumped ? frame.now_ms - Math.min(100, 2000 * player.speed) : 0, frame });
    }
    if (stepped?.request && stepped.said.length === 0) captions.step(stepped.request);
    if (!scrubbing) {
      const horizon = String(Math.ceil(player.horizon));
      if (parts.scrub.max !== horizon) parts.scrub.max = horizon;
      parts.scrub.value = String(frame.now_ms);
    }
    parts.clock.textContent = moment(frame.now_ms);
    if (due(dueNumbers)) {
      dueNumbers = real + 250;
      const numbers = world.numbers();
      showNumbers(parts.numbers, numbers);
      doors.verdicts(numbers, frame.promised);
      controls.limits(limitsInForce(actions, frame.now_ms));
      for (const [place, text] of [[parts.prices, priceNote(prices, numbers)], [parts.why, whyOneWaits(numbers, player.queues)]]) {
        if (place.textContent !== text) place.textContent = text;
      }
      parts.scrub.setAttribute("aria-valuetext", moment(frame.now_ms));
    }
    if ((still || !requests.busy) && due(dueList)) {
      // Out of sight it is kept up to date as well, only less often.
      dueList = real + (listSeen ? 500 : 4000);
      requests.refresh();
    }
  },

  state() {
    const label = parts.play.querySelector("span");
    label.textContent = player.playing ? "Pause" : "Play";
    parts.play.querySelector("use").setAttribute("href", player.playing ? "#i-pause" : "#i-play");
    const index = speeds.indexOf(player.speed);
    if (index >= 0) parts.speed.value = String(index);
    parts.speedIs.textContent = pace(player.speed);
    parts.speed.setAttribute("aria-valuetext", `${pace(player.speed)} of real time`);
    if (played && !player.playing && !requests.busy) requests.refresh();
    played = player.playing;
  },
};

function act(action, said) {
  try {
    player.act(action);
    forked();
    captions.expect(["died", "lost"], performance.now());
    captions.say(said);
  } catch (error) {
    problem(sentenceOf(error));
  }
}

function connect() {
  parts.speed.min = "0";
  parts.speed.max = String(speeds.length - 1);
  parts.speed.step = "1";
  parts.play.addEventListener("click", () => (player.playing ? player.pause() : player.play()));
  parts.step.addEventListener("click", () => player.step());
  parts.again.addEventListener("click", () => {
    if (story !== null) player.score = scoreOf(story);
    player.seekNow(0);
    captions.say("Back to the start.");
  });
  onDrag(parts.scrub, {
    moved: () => {
      scrubbing = true;
      player.pause();
      player.seek(Number(parts.scrub.value));
    },
    chosen: () => (scrubbing = false),
    ended: () => (scrubbing = false),
  });
  parts.speed.addEventListener("input", () => player.setSpeed(speeds[Number(parts.speed.value)]));
  parts.kill.addEventListener("click", () => act({ do: "kill" }, "A worker dies on each side."));
  parts.drop.addEventListener("click", () => act({ do: "drop_reply" }, "The next reply gets lost on each side."));
  parts.link.addEventListener("click", async () => {
    const text = parts.link.querySelector("span");
    const late = player.now > latest ? `, at minute ${latest / 60_000}: the latest a link can carry` : "";
    const href = new URL(linkTo(player.now), location.href).href;
    history.replaceState(null, "", href);
    try {
      await navigator.clipboard.writeText(href);
      text.textContent = `Copied${late}`;
    } catch {
      text.textContent = `It is in the address bar${late}`;
    }
    captions.say(text.textContent);
    clearTimeout(sayingCopied);
    sayingCopied = setTimeout(() => (text.textContent = "Copy a link to exactly this"), 2500);
  });
  for (const button of [parts.play, parts.step, parts.again, parts.kill, parts.drop, parts.scrub, parts.speed]) button.disabled = false;

  // One hand on the keyboard: where no field is in use, space plays and "." steps.
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, select, textarea, button, summary, a, [role=listbox]")) return;
    if (event.key === " ") {
      event.preventDefault();
      parts.play.click();
    } else if (event.key === ".") {
      player.step();
    }
  });
  addEventListener("hashchange", () => {
    // An anchor within the page changes nothing of what is shown, and the address goes on saying that.
    if (readLink(location.hash).kind === "none") writeLink();
    else follow(location.hash);
  });
  document.addEventListener("visibilitychange", () => {
    player.before = 0;
  });
  new IntersectionObserver((entries) => {
    listSeen = entries.at(-1).isIntersecting;
    if (listSeen && player.world !== null && !requests.busy) requests.refresh();
  }).observe(get("request-list"));
  addEventListener("beforeprint", () => requests.refresh());
  doors.refit = () => player.redraw();
  onColours(() => {
    player.redraw();
    trace.redraw();
  });
}

// Where there is little room, what can be changed waits to be asked for.
if (!matchMedia("(min-width: 40rem)").matches) get("scenario").open = false;

const trace = new TraceShow(get("trace"));

async function start() {
  readColours();
  // What is most likely shown has its place before the simulator is there.
  if (readLink(location.hash).kind === "none") doors.build([{ prefix: "analytics" }, { prefix: "batch" }]);
  let wasm;
  try {
    wasm = await import("../pkg/leasehold_wasm.js");
    await wasm.default({ module_or_path: new URL("../pkg/leasehold_wasm_bg.wasm", import.meta.url) });
  } catch (error) {
    problem(`The simulator did not load: ${sentenceOf(error)} The page needs a browser with WebAssembly.`);
    return;
  }
  await document.fonts.ready;
  player = new Player(wasm.World, hooks);
  presets = wasm.World.presets();
  prices = wasm.World.prices();
  trace.ready(wasm.Replay);
  offerStories(parts.stories, presets, (id) => {
    loadStory(id);
    playOnceSeen();
  });
  connect();
  const fresh = follow(location.hash);
  // For the tests of the page, and for whoever opens the console.
  globalThis.leasehold = { player, trace, doors };
  document.documentElement.dataset.ready = "yes";
  if (fresh) playOnceSeen();
}

/** A race that begins where nobody sees it would be over before anybody does. */
function playOnceSeen() {
  if (calm.matches) return;
  const { world } = player;
  const watching = new IntersectionObserver(
    (entries) => {
      const untouched = player.world === world && player.now === 0;
      if (untouched && !entries.at(-1).isIntersecting) return;
      watching.disconnect();
      if (untouched) player.play();
    },
    { threshold: 0.4 },
  );
  watching.observe(document.querySelector(".stage"));
}

start();
