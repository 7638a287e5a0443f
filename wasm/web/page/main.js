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
import { LEASEHOLD } from "./rows.js";
import { hasPace, markStory, offerStories, scoreOf } from "./stories.js";
import { withTerms } from "./terms.js";
import { TraceShow } from "./trace.js";
import { harmless, moment, notPromised, number, pace as paceOf, shorten, shortenAmong, sides } from "./words.js";

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

/** @param {string} text @param {{passing?: boolean}} [how] passing: it is true of the moment that is shown, and of no other */
function problem(text, { passing = false } = {}) {
  parts.problem.textContent = harmless(text);
  parts.problem.hidden = text === "";
  toldOf = passing && text !== "" ? player.now : null;
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
/** What the pools are called in captions. @type {string[]} */
let poolNames = [];
let scrubbing = false;
/** The moment that the problem shown is about, ms; null if it stays. @type {number|null} */
let toldOf = null;
/** What stands behind the "#" of the address. */
let address = "";
/** Which link it was that the page has followed last. Each entry of the history carries it. @type {string} */
let followed = "";
let dueNumbers = 0;
let dueCaptions = 0;
let dueList = 0;
let listSeen = false;
let sayingCopied = 0;

const doors = new Doors(get("doors"), (job, door) => {
  player.pause();
  requests.chooseJob(job, door);
});

const requests = new Requests(get("request-list"), get("request-detail"), { whose: get("request-whose"), all: get("request-all") }, {
  world: () => player?.world ?? null,
  kept: () => player.World.kept(),
  pools: () => poolNames,
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
      // Before anything happened it is the scenario; after that, a live change. Either way it outlasts what was planned for it.
      if (player.now === 0) {
        const scenario = player.world.scenario();
        scenario.pools.find((one) => one.prefix === pool).limit = limit;
        const of = (action) => action.do === "limit" && action.pool === pool;
        const gone = scenario.actions.filter(of);
        scenario.actions = scenario.actions.filter((action) => !of(action));
        load(scenario, { story: null, keepPlaying: true });
        if (gone.length > 0) problem(`This limit stays from the start on. ${leftOutLater(gone, scenario.pools.length > 1)}`);
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

/** Whether failures of one kind or another meet a tenth of all messages and calls: a worker that dies is neither. @param {any} scenario */
function failsOften({ failures: { worker_dies: _, ...others } }) {
  return Object.values(others).reduce((sum, share) => sum + share, 0) >= 10;
}

/** What of a scenario decides how long jobs wait, besides limits. @param {any} scenario */
function waitingIn(scenario) {
  const { leases: { lease_ms: lease }, network: { delay_ms: delay }, clocks: { skew_ms: skew }, poll } = scenario;
  // To be renewed in time, a lease has to outlast some ten messages; it is renewed after half its time, by its holder's clock.
  const hasty = lease <= 10 * delay ? { lease, delay } : lease <= 2 * skew ? { lease, skew } : null;
  return { failing: failsOften(scenario), worse: notPromised(scenario).join(""), every: poll.every_ms, hasty };
}

/** Whether a limit was lowered by now, as the table says. @param {any} scenario @param {any} frame */
function wasLowered({ pools, actions }, { now_ms: now, doors }) {
  return pools.some(({ prefix, limit }, at) => {
    const limits = [limit, ...actions.filter((action) => action.do === "limit" && action.pool === prefix && action.at_ms <= now).map((action) => action.limit)];
    // What is only asked for has changed nothing yet.
    while (limits.length > 1 && limits.at(-1) !== doors[LEASEHOLD].pools[at].limit) limits.pop();
    return limits.some((one, index) => one < limits[index - 1]);
  });
}

/** What was to be done later, in a few words. @param {any} action @param {boolean} named with the name of its pool */
function planned({ do: what, at_ms: at, pool, limit }, named) {
  const words = { limit: `limit ${number(limit)}${named ? ` of ${harmless(pool)}` : ""}`, kill: "a killed worker", drop_reply: "a lost reply", drop_request: "a lost request" };
  return `${words[what]} at ${moment(at)}`;
}

/** What is not done any more, in a sentence. @param {any[]} gone @param {boolean} named */
function leftOutLater(gone, named) {
  const most = 3;
  const told = gone.map((action) => planned(action, named));
  if (told.length > most) told.splice(most, told.length, `${told.length - most} more`);
  return `Left out: ${told.join(", ")}.`;
}

/** A change at this moment: what somebody did later is gone, it is no story any more, and the link is another. */
function forked() {
  isStory(null);
  const scenario = player.world.scenario();
  const kept = new Set(scenario.actions.map((action) => JSON.stringify(action)));
  const gone = actions.filter((action) => action.at_ms > player.now && !kept.has(JSON.stringify(action)));
  problem(gone.length === 0 ? "" : `From here on the jobs go another way. ${leftOutLater(gone, scenario.pools.length > 1)}`);
  actions = scenario.actions;
  controls.show(scenario, limitsInForce(actions, player.now));
  writeLink(player.now);
}

/** @param {string|null} id of the story that is shown unchanged, if it is one */
function isStory(id) {
  story = id;
  markStory(parts.stories, id);
  const preset = presets.find((one) => one.id === id);
  parts.storyText.replaceChildren(...withTerms(preset ? preset.story : "Your own scenario. A link carries all of it, with each thing that you did and when."));
}

function load(scenario, { story: id, at = 0, happened = null, speed = null, pace = paced, keepPlaying = false }) {
  const playing = player.playing;
  player.pause();
  paced = id ?? pace;
  // A visitor who chose a speed keeps it, but not for another story.
  const own = speed !== null || (id === null && player.world !== null && player.score === null);
  const reached = player.load(scenario, { at, happened, score: own ? null : scoreOf(paced) });
  if (speed !== null) player.setSpeed(speed);
  problem(reached ? "" : `This moment takes too long to simulate here: it is shown at ${moment(player.now)}. Play to go on.`, { passing: true });
  isStory(id);
  writeLink(at);
  if (keepPlaying && playing) player.play();
}

function presetOf(id) {
  return presets.find((one) => one.id === id);
}

function loadStory(id, { jobs = null, ...how } = {}) {
  controls.forget(jobs);
  load(presetOf(id).scenario, { ...how, story: id });
}

/** The address is always that of what is shown. */
function writeLink(at = 0) {
  keepAddress(linkTo(at));
}

/** @param {string} hash */
function keepAddress(hash) {
  address = hash;
  history.replaceState({ followed }, "", hash);
}

/** @param {number} at ms */
function linkTo(at) {
  const { job, id: request } = requests;
  const how = { at: Math.min(at, latest), happened: at === player.now && at <= latest ? player.happened : null, speed: player.score === null ? player.speed : null, pace: null, jobs: controls.jobs, trace: trace.link };
  // At the start nobody has asked for anything.
  Object.assign(how, at > 0 || how.happened !== null ? { job, request } : { job: null, request: null });
  if (story !== null) return storyLink(story, how);
  // The pace of a story that was changed is kept, too.
  return scenarioLink(player.World.short(player.world.scenario()), { ...how, pace: hasPace(paced) ? paced : null });
}

/** Why a link cannot be shown, in a sentence; nothing if it can. @param {import("./link.js").Link} link */
function refusal(link) {
  if (link.kind === "bad") return `This link does not carry a scenario: ${link.why}.`;
  if (link.kind === "story" && presetOf(link.id) === undefined) return `This link names a story that is not on this page: \u201c${shorten(link.id, 40)}\u201d.`;
  if (link.kind !== "scenario") return "";
  try {
    new player.World(link.scenario).free();
    return "";
  } catch (error) {
    return `This link carries a scenario that cannot be simulated: ${sentenceOf(error)}`;
  }
}

/** @param {string[]} without the parts of a link that make no sense */
function leftOut(without) {
  return without.length === 0 ? "" : `This link is shown without ${without.join(". It is shown without ")}.`;
}

/** @param {string} hash @returns {boolean} whether the page is at the start of a story that nobody has seen yet */
function follow(hash) {
  const link = readLink(hash);
  const refused = refusal(link);
  if (refused !== "") {
    // Nothing is lost of what a visitor has; the link stays in the address where there is nothing else yet.
    if (player.world !== null) {
      problem(`${refused} The page stays as it was.`);
      keepAddress(address);
      return false;
    }
    loadStory(presets[0].id);
    problem(`${refused} Here is the first story instead.`);
    history.replaceState(null, "", hash);
    return false;
  }
  const { at = 0, happened = null, speed = null, pace = null, jobs = null, trace: recording = null, without = [] } = link;
  if (player.world === null || link.kind !== "none") followed = history.state?.followed ?? String(performance.timeOrigin + performance.now());
  const how = { at: Math.min(at, latest), happened, speed };
  if (link.kind === "scenario") {
    controls.forget(jobs);
    load(link.scenario, { ...how, story: null, pace: hasPace(pace) ? pace : null });
  } else if (link.kind === "story") {
    loadStory(link.id, { ...how, jobs });
  } else if (player.world === null || recording === null) {
    loadStory(presets[0].id);
  } else {
    // A link to a recording alone leaves the scenario.
    keepAddress(address);
    problem(leftOut(without));
    trace.fetch(recording.address, recording).then(() => writeLink());
    return false;
  }
  const said = [parts.problem.textContent];
  if (at > latest) said.push(`This link goes to a later moment than minute ${latest / 60_000}: it is shown at that.`);
  if (jobs !== null && controls.jobs !== jobs) without.push(`the jobs that it names: there is no workload \u201c${jobs}\u201d`);
  if (happened !== null && at <= latest && player.happened !== happened && player.now >= at) without.push(`its step: at that moment there is no step number ${happened}`);
  without.push(...requests.restore(link));
  said.push(leftOut(without));
  const all = said.filter(Boolean);
  problem(all.join(" "), { passing: without.length === 0 });
  if (at > 0 || happened !== null) writeLink(how.at);
  if (recording !== null) {
    keepAddress(hash);
    trace.fetch(recording.address, recording);
  }
  return at === 0 && happened === null && all.length === 0 && recording === null;
}

const hooks = {
  loaded() {
    const scenario = player.world.scenario();
    doors.build(scenario.pools);
    const prefixes = scenario.pools.map((pool) => pool.prefix);
    poolNames = prefixes.map((prefix) => shortenAmong(prefix, prefixes, 20));
    captions.clear();
    requests.clear();
    doors.chosen = -1;
    actions = scenario.actions;
    controls.show(scenario, limitsInForce(actions, player.now));
  },

  shown({ dt, real, heavy = false, stepped, jumped, paused = false }) {
    const world = player.world;
    const frame = world.frame();
    if (toldOf !== null && toldOf !== frame.now_ms) problem("");
    if (jumped) {
      doors.forget();
      captions.clear();
      requests.rewound(frame.now_ms);
    }
    doors.draw(world, frame, { dt: calm.matches && !player.playing ? 0 : dt, speed: player.playing ? player.speed : 1, window: chartWindow(player.speed), real, heavy, paused: !player.playing });
    // In a heavy frame the words wait for each other, one kind of them a frame.
    const still = dt === 0 || stepped !== null;
    let room = heavy && !still ? 1 : 9;
    const due = (moment) => (still || real >= moment) && room-- > 0;
    if (due(dueCaptions)) {
      dueCaptions = real + 90;
      captions.take(world.events(captions.next), poolNames, real, { patient: stepped === null && !jumped, since: jumped ? frame.now_ms - Math.min(100, 2000 * player.speed) : 0, frame, grace: controls.scenario.leases.grace_ms, jobs: (door) => world.jobs(door) });
    }
    if (stepped !== null) captions.step(stepped, poolNames);
    if (!scrubbing) {
      const horizon = String(Math.ceil(player.horizon));
      if (parts.scrub.max !== horizon) parts.scrub.max = horizon;
      parts.scrub.value = String(frame.now_ms);
    }
    parts.clock.textContent = moment(frame.now_ms);
    if (due(dueNumbers)) {
      dueNumbers = real + 250;
      const numbers = world.numbers();
      // As many as are drawn: who waits, and who asks.
      numbers.doors.forEach((door, which) => (door.leaseless = frame.doors[which].pools.reduce((sum, pool) => sum + pool.waiting + pool.asking, 0)));
      showNumbers(parts.numbers, numbers);
      doors.verdicts(numbers, controls.scenario);
      controls.limits(limitsInForce(actions, frame.now_ms));
      for (const [place, text] of [[parts.prices, priceNote(prices, numbers)], [parts.why, whyOneWaits(numbers, { queues: player.queues, lowered: wasLowered(controls.scenario, frame), ...waitingIn(controls.scenario) })]]) {
        if (place.textContent !== text) place.textContent = text;
      }
      parts.scrub.setAttribute("aria-valuetext", moment(frame.now_ms));
    }
    if (((still && !paused) || !requests.busy) && due(dueList)) {
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
    parts.speedIs.textContent = paceOf(player.speed);
    parts.speed.setAttribute("aria-valuetext", paceOf(player.speed));
  },
};

/** Where a worker died of a kill, in a sentence. @param {number[]} before how many were dead at each door @param {number[]} after */
function killed(before, after) {
  const where = sides.filter((_, door) => after[door] > before[door]);
  if (where.length === 0) return "No worker dies: those that are here are dead.";
  return where.length > 1 ? "A worker dies on each side." : `A worker dies at ${where[0]}. The other side has none.`;
}

/** @param {object} action @param {(before: number[], after: number[]) => string} say what was done; how many were dead at each door, before it and after */
function act(action, say) {
  try {
    // At the start nobody has come, whether the show has just begun or went back there.
    const start = player.now === 0 && !player.within;
    if (action.do === "kill" && (start || player.world.frame().doors.every((door) => door.in_flight === 0))) {
      problem("No worker dies: no job has come yet, or all have gone.", { passing: true });
      return;
    }
    const dead = () => player.world.numbers().doors.map((door) => door.died);
    const before = dead();
    player.act(action);
    forked();
    captions.expect(["died", "lost"], performance.now());
    captions.say(say(before, dead()));
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
    // What was said of a later moment is said no more.
    problem("");
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
  // A key goes a tenth of a second, whatever a range's own step is: one of a millisecond shows nothing new.
  parts.scrub.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (way === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    parts.scrub.value = String(Number(parts.scrub.value) + way * 100);
    player.pause();
    player.seek(Number(parts.scrub.value));
  });
  parts.speed.addEventListener("input", () => player.setSpeed(speeds[Number(parts.speed.value)]));
  parts.kill.addEventListener("click", () => act({ do: "kill" }, killed));
  parts.drop.addEventListener("click", () => act({ do: "drop_reply" }, () => "The next reply to a write gets lost on each side."));
  parts.link.addEventListener("click", async () => {
    const text = parts.link.querySelector("span");
    const late = player.now > latest ? `, at minute ${latest / 60_000}: the latest a link can carry` : "";
    const unsent = trace.isFile ? ", without the recording: its file stays on this machine" : "";
    writeLink(player.now);
    try {
      await navigator.clipboard.writeText(new URL(address, location.href).href);
      text.textContent = `Copied${late}${unsent}`;
    } catch {
      text.textContent = `It is in the address bar${late}${unsent}`;
    }
    captions.say(text.textContent);
    clearTimeout(sayingCopied);
    sayingCopied = setTimeout(() => (text.textContent = "Copy a link to exactly this"), 2500);
  });
  for (const button of [parts.play, parts.step, parts.again, parts.kill, parts.drop, parts.scrub, parts.speed]) button.disabled = false;

  // One hand on the keyboard: where no field is in use, space plays and "." steps.
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    // A slider, and a choice that is made, do nothing with either key.
    if (event.target.closest?.("input:not([type=range], [type=radio]:checked), select, textarea, button, summary, a, [role=listbox]")) return;
    if (event.key === " ") {
      event.preventDefault();
      parts.play.click();
    } else if (event.key === ".") {
      player.step();
    }
  });
  addEventListener("hashchange", () => {
    // An anchor within the page changes nothing of what is shown, and the address goes on saying that.
    const link = readLink(location.hash);
    const within = link.kind === "none" && !link.trace;
    // Nor does the way back from it: the entry before has the address of what was shown then.
    if (within || history.state?.followed === followed) keepAddress(address);
    else follow(location.hash);
  });
  document.addEventListener("visibilitychange", () => {
    player.before = 0;
  });
  new IntersectionObserver((entries) => {
    listSeen = entries.at(-1).isIntersecting;
    if (listSeen && player.world !== null && !requests.busy) requests.refresh();
  }).observe(get("request-list"));
  let goesOn = false;
  addEventListener("beforeprint", () => {
    // One moment is printed, and all of it.
    goesOn = player.playing;
    player.pause();
    requests.refresh();
  });
  addEventListener("afterprint", () => {
    if (goesOn) player.play();
  });
  doors.refit = () => player.redraw();
  onColours(() => {
    player.redraw();
    trace.redraw();
  });
}

// Where there is little room, what can be changed waits to be asked for.
if (!matchMedia("(min-width: 40rem)").matches) get("scenario").open = false;

const trace = new TraceShow(get("trace"), (said) => {
  writeLink();
  if (said !== "") captions.say(said);
});

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
