// Which moment is shown, and how fast does it move on? Owns the world and its time; draws nothing.

/** @typedef {import("../pkg/leasehold_wasm.js").World} World */

/** How fast the show can go, in simulated over real time. */
export const speeds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];

/** More than this in one picture, and it rather falls behind than freezes. */
const mostPerFrame = 6000;

/** ms of script a frame from which on the doors are drawn in turn, one a frame. */
const heavyFrom = 5;

/** A link to a late moment of a busy scenario could take minutes: after so long what was reached is shown, ms. */
const longestLoad = 8000;

/** How far the time bar reaches at least. */
const horizons = [30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 14_400_000, 86_400_000];

export class Player {
  /**
   * @param {typeof import("../pkg/leasehold_wasm.js").World} World
   * @param {{shown: (how: {dt: number, heavy: boolean, real: number, stepped: any, jumped: boolean, paused?: boolean}) => void, state: () => void, loaded: () => void}} hooks
   */
  constructor(World, hooks) {
    this.World = World;
    this.hooks = hooks;
    /** @type {World|null} */
    this.world = null;
    this.playing = false;
    this.speed = 1;
    /** Where a story sets the pace: [from ms, speed]. @type {[number, number][]|null} */
    this.score = null;
    this.before = 0;
    this.settleUntil = 0;
    /** Whether more may be due at the moment that is shown: a step stops within it. */
    this.within = false;
    this.pending = 0;
    this.wanted = null;
    /** Script time of the last frames, ms. */
    this.costs = [];
    /** The same, smoothed; and whether it is so much that the doors are better drawn in turn. */
    this.cost = 0;
    this.heavy = false;
    this.run = this.run.bind(this);
  }

  /**
   * @param {unknown} scenario
   * @param {{at?: number, happened?: number|null, score?: [number, number][]|null}} [how] happened: how many things had happened by
   *   then, where not all of that moment had
   * @returns {boolean} whether that moment was reached before anybody loses patience
   * @throws what is wrong with it, in a sentence
   */
  load(scenario, { at = 0, happened = null, score = null } = {}) {
    const world = new this.World(scenario);
    const patience = performance.now() + longestLoad;
    const left = () => Math.min(20_000, happened === null ? 20_000 : happened - world.happened());
    while (world.now() < at && left() > 0 && performance.now() < patience) world.advance_to(at, left());
    // What is due at that moment itself.
    if (happened !== null && world.now() === at && left() > 0) world.advance_to(at, left());
    this.within = happened !== null && world.now() === at && world.happened() === happened;
    while (world.now() < at && performance.now() < patience) world.advance_to(at, 20_000);
    this.world?.free();
    this.world = world;
    this.score = score;
    this.#keepPace();
    this.wanted = null;
    /** Whether jobs wait in a queue at leasehold, and are told. */
    this.queues = world.scenario().mode === "queue";
    this.hooks.loaded();
    this.#jumped();
    return world.now() >= at;
  }

  get now() {
    return this.world?.now() ?? 0;
  }

  /** How many things have happened, where the moment alone does not say it. @returns {number|null} */
  get happened() {
    return this.within ? this.world.happened() : null;
  }

  /** The right end of the time bar. */
  get horizon() {
    const reached = Math.max(this.world?.reached() ?? 0, this.now);
    return horizons.find((end) => end >= reached) ?? reached;
  }

  play() {
    if (this.playing || this.world === null) return;
    this.playing = true;
    this.before = 0;
    this.hooks.state();
    this.#wake();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.hooks.state();
    // While it plays each part of the picture follows at its own pace: now all of them show this moment.
    this.hooks.shown({ dt: 0, real: performance.now(), stepped: null, jumped: false, paused: true });
  }

  /** The next thing worth showing, then stop. */
  step() {
    this.pause();
    const stepped = this.world.step();
    this.within = true;
    this.#keepPace();
    this.settleUntil = performance.now() + 400;
    this.hooks.shown({ dt: 16, real: performance.now(), stepped: stepped ?? { said: [], request: null, door: null }, jumped: false });
    this.#wake();
    return stepped;
  }

  /** To any moment, back or forth; only the last one asked for before the next picture counts. @param {number} ms */
  seek(ms) {
    this.wanted = Math.max(0, ms);
    this.#wake();
  }

  /** At once. @param {number} ms */
  seekNow(ms) {
    this.wanted = null;
    this.world.seek(Math.max(0, ms));
    this.within = false;
    this.#keepPace();
    this.#jumped();
  }

  /** @param {object} action */
  act(action) {
    this.world.act(action);
    // With all that follows at the same moment: so a link to it finds it again.
    this.world.advance_to(this.now, 20_000);
    this.within = false;
    this.settleUntil = performance.now() + 400;
    this.hooks.state();
    this.#wake();
  }

  /** A visitor's own pace: from here on no story sets it. @param {number} speed */
  setSpeed(speed) {
    this.speed = speed;
    this.score = null;
    this.hooks.state();
  }

  /** Something else than time changed the picture. */
  redraw() {
    if (this.world !== null && !this.playing) this.hooks.shown({ dt: 0, real: performance.now(), stepped: null, jumped: false });
  }

  // A sixtieth of a second is 16 ms, and the browser wants its half of it.
  #weigh(cost) {
    this.costs.push(cost);
    this.cost += (cost - this.cost) * 0.1;
    if (this.cost > heavyFrom) this.heavy = true;
    else if (this.cost < heavyFrom / 3) this.heavy = false;
  }

  #jumped() {
    this.hooks.shown({ dt: 0, real: performance.now(), stepped: null, jumped: true });
    this.hooks.state();
  }

  #keepPace() {
    if (this.score === null) return;
    const now = this.now;
    let speed = this.score[0][1];
    for (const [from, then] of this.score) if (now >= from) speed = then;
    if (speed !== this.speed) {
      this.speed = speed;
      this.hooks.state();
    }
  }

  #wake() {
    if (this.pending === 0) this.pending = requestAnimationFrame(this.run);
  }

  /** One picture. @param {number} real */
  run(real) {
    this.pending = 0;
    if (this.world === null) return;
    const started = performance.now();
    const dt = this.before === 0 ? 16 : Math.min(100, Math.max(1, real - this.before));
    this.before = real;
    if (this.wanted !== null) {
      this.seekNow(this.wanted);
    } else if (this.playing) {
      this.#keepPace();
      const to = this.now + dt * this.speed;
      // Where so much happens, it stops on the way.
      this.within = this.world.advance_to(to, mostPerFrame) < to - 0.001;
      this.hooks.shown({ dt, real, heavy: this.heavy, stepped: null, jumped: false });
    } else {
      this.hooks.shown({ dt, real, heavy: this.heavy, stepped: null, jumped: false });
    }
    this.#weigh(performance.now() - started);
    if (this.costs.length > 1200) this.costs.splice(0, 600);
    if (this.playing || this.wanted !== null || real < this.settleUntil) this.#wake();
    else this.before = 0;
  }
}
