// Is the reason that the page gives for a longer wait one that is so? And does it say whom nobody let come?

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { numbers, open, show, withBrowser } from "../browser.js";

const hashOf = (scenario) => `#s=${Buffer.from(JSON.stringify(scenario)).toString("base64url")}`;

/** What the page says of the waits. @param {any} scenario @param {number} at ms */
async function why(scenario, at) {
  const { page, close } = await open({ hash: hashOf(scenario) });
  await show(page, at);
  const told = { text: (await page.locator("#why").innerText()).replaceAll("\u00a0", " "), doors: (await numbers(page)).doors };
  await close();
  return told;
}

describe("a longer wait", () => {
  withBrowser();

  test("of leases too short for the network is said to be that", async () => {
    const { text, doors } = await why({ network: { delay_ms: 300 }, leases: { lease_ms: 1000 } }, 60_000);
    assert.ok(doors[1].lost_leases > 0 && doors[1].per_job === null, "no job is done");
    assert.match(text, / Many leases run out before they are renewed, and their jobs ask again: a lease of 1 s is too short where a message takes 300 ms one way\. Count, then put let in a job [\d,]+ times, [\d,]+ of them above its limit\. These are the waits /);
    // A lease that lasts is no reason.
    const { text: lasting } = await why({ network: { delay_ms: 300 } }, 60_000);
    assert.doesNotMatch(lasting, /too short/);
  });

  test("of leases too short for the clocks is said to be that", async () => {
    const pools = ["analytics", "batch"].map((prefix) => ({ prefix, limit: 30 }));
    const workloads = [["analytics", 30, 220], ["batch", 20, 55]].map(([pool, burst, per_minute]) => ({ name: `${pool} items`, pool, burst, burst_every_ms: 60_000, per_minute }));
    const { text, doors } = await why({ pools, workloads, clocks: { skew_ms: 800 }, leases: { lease_ms: 1000 } }, 40_000);
    assert.ok(doors[1].lost_leases > 100 && doors[1].made_wait < 30 && doors[0].most_over === 1, "few wait for room");
    assert.match(text, / Many leases run out before they are renewed, and their jobs ask again: a lease of 1 s is too short where clocks differ by up to 800 ms\.$/);
  });

  test("of a lowered limit is none before that is in force", async () => {
    const { page, close } = await open({ hash: "#story=raise-the-limit" });
    const told = [];
    for (const at of [30_050, 31_000, 50_000]) {
      await show(page, at);
      const { limit } = await page.evaluate(() => globalThis.leasehold.player.world.frame().doors[1].pools[0]);
      told.push([limit, / A limit was lowered\. Leasehold keeps slots closed until nobody can follow the limit of before, so jobs may wait longer\./.test(await page.locator("#why").innerText())]);
    }
    assert.deepEqual(told, [[18, false], [9, true], [9, true]]);
    await close();
  });

  test("of lost messages is no matter of a queue", async () => {
    const pools = ["analytics", "batch"].map((prefix) => ({ prefix, limit: 200 }));
    const { text, doors } = await why({ seed: 3, pools, failures: { request_lost: 40, reply_lost: 40 } }, 40_000);
    assert.ok(doors[1].wait_p50_ms < doors[0].wait_p50_ms, "it is Leasehold that is quicker");
    assert.deepEqual(doors.map((door) => door.made_wait), [0, 0], "there is room for everybody");
    assert.match(text, /\. Messages and calls fail here: a job that meets a failure asks again\. A job makes more requests at Leasehold before it runs, so fewer have got in\. These are the waits of the jobs that got in, 30 times at Count, then put and 9 times at Leasehold\. 6 have no lease yet at Count, then put and 27 at Leasehold\.$/);
  });

  test("in another pool is no reason", async () => {
    // In one pool nobody gets in; in the other there is room, and messages take long.
    const workloads = ["shut", "open"].map((pool) => ({ name: pool, pool, burst: 40, per_minute: 120 }));
    const { text, doors } = await why({ pools: [{ prefix: "shut", limit: 0 }, { prefix: "open", limit: 500 }], workloads, network: { delay_ms: 200 } }, 20_000);
    assert.ok(doors.every((door) => door.waiting > 10 && door.made_wait === 0));
    assert.doesNotMatch(text, /queue|room|free slot/);
  });

  test("at Count has its reason also where no queue is", async () => {
    const died = { mode: "poll", pools: [{ prefix: "p", limit: 8 }], workloads: [{ name: "p", pool: "p", burst: 12, per_minute: 105, job_ms: 4000 }], failures: { worker_dies: 12.5 } };
    const { text, doors } = await why(died, 60_000);
    assert.ok(doors[1].wait_p50_ms < doors[0].wait_p50_ms);
    assert.match(text, /: at Count, then put the lease of a dead job counts until it runs out\.$/);
    assert.doesNotMatch(text, /queue/);
  });

  test("of a few requests is not put down to Leasehold's where it is shorter", async () => {
    const { page, close } = await open();
    const [shorter, longer, rare, often] = await page.evaluate(async () => {
      const { whyOneWaits } = await import("./page/numbers.js");
      const door = (wait, more = {}) => ({ most_over: 0, breaches: 0, wait_p50_ms: wait, wait_p99_ms: 2 * wait, waited: 10, made_wait: 10, leaseless: 0, lost_leases: 0, died: 0, turned_away: 0, pools: [{ prefix: "p", limit: 3, peak: 3, most_over: 0 }], ...more });
      const told = (there, here, how) => whyOneWaits({ doors: [there, here] }, { queues: false, lowered: false, failing: false, every: 2000, hasty: null, ...how });
      return [told(door(93), door(70)), told(door(70), door(93)), told(door(9000), door(2000), { every: 10_000 }), told(door(9000), door(2000))];
    });
    assert.match(shorter, /hardly had to wait for another\.$/);
    assert.match(longer, /A job makes more requests at Leasehold before it runs\.$/);
    assert.match(rare, /: Leasehold\u2019s reply says when to ask again\. At Count, then put a job that was refused waits 10\u00a0s\.$/);
    assert.match(often, /against 9\u00a0s\.$/, "a reason that nobody knows is not given");
    await close();
  });

  test("is put down to no race where most found room", async () => {
    const { page, close } = await open({ hash: "#story=a-bad-day" });
    const scenario = await page.evaluate(() => globalThis.leasehold.player.world.scenario());
    await close();
    const slow = { ...scenario, workloads: scenario.workloads.map((one) => ({ ...one, job_ms: 100 })), network: { ...scenario.network, delay_ms: 150 } };
    const { text, doors: [counting, leasehold] } = await why(slow, 120_000);
    assert.ok(counting.most_over > 0 && leasehold.wait_p50_ms > counting.wait_p50_ms && leasehold.made_wait * 2 < leasehold.waited);
    assert.doesNotMatch(text, /ran up to/);
    assert.match(text, /A job makes more requests at Leasehold before it runs/);
  });

  test("is one of the jobs that got in: where more wait still, that is said", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    const scenario = await page.evaluate(() => globalThis.leasehold.player.world.scenario());
    await close();
    const jammed = { ...scenario, failures: { ...scenario.failures, worker_dies: 40, call_dies: 40 }, leases: { ...scenario.leases, lease_ms: 300_000 } };
    const { text, doors: [counting, leasehold] } = await why(jammed, 60_000);
    assert.ok(counting.wait_p50_ms < leasehold.wait_p50_ms && counting.waiting > counting.waited, "few got in, and those at once");
    assert.match(text, / These are the waits of the jobs that got in, \d+ times at Count, then put and \d+ times at Leasehold\. \d+ have no lease yet at Count, then put, where the lease of a dead job counts until it runs out\.$/);
  });

  test("is one of few jobs, where failures keep the others out: no queue makes that wait shorter", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    const scenario = await page.evaluate(() => globalThis.leasehold.player.world.scenario());
    await close();
    const lossy = { ...scenario, failures: { ...scenario.failures, request_lost: 40, reply_lost: 40 } };
    const { page: shown, close: end } = await open({ hash: hashOf(lossy) });
    await show(shown, 60_000);
    const text = (await shown.locator("#why").innerText()).replaceAll("\u00a0", " ");
    const { doors: [counting, leasehold] } = await numbers(shown);
    assert.ok(leasehold.wait_p50_ms < counting.wait_p50_ms && leasehold.waited * 3 < counting.waited, "few got in");
    assert.match(text, /\. Messages and calls fail here: a job that meets a failure asks again\. A job makes more requests at Leasehold before it runs, so fewer have got in\. These are the waits of the jobs that got in, /);
    // Who asks has no lease either, and is told of wherever it is said who waits.
    const without = leasehold.in_flight - leasehold.pools.reduce((sum, pool) => sum + pool.held, 0);
    const [, told] = text.match(/(\d+) (?:have no lease yet )?at Leasehold\.$/);
    assert.ok(Math.abs(Number(told) - without) <= 5, `${told} told, ${without} of those in flight do not run`);
    assert.equal(await shown.locator('[data-measure="leaseless"] td').nth(1).innerText(), told);
    const labels = await shown.locator('[data-door="leasehold"] .pool-waits').allInnerTexts();
    for (const label of labels) assert.match(label, /^\d+ waits?, \d+ ask$/);
    assert.equal(labels.flatMap((label) => label.match(/\d+/g)).reduce((sum, count) => sum + Number(count), 0), Number(told));
    await end();
  });

  test("of jobs that got in above the limit at Count is put down to that, failures or not", async () => {
    const jobs = (more) => [{ name: "w", pool: "db", burst_every_ms: 600_000, per_minute: 60, job_ms: 30_000, job_spread: 30, ...more }];
    // Leasehold waits longer: few can be done under a limit of 1, and Count does more than that.
    for (const failures of [{ request_lost: 10, reply_lost: 10 }, { worker_dies: 20, call_dies: 20, throttled: 10 }]) {
      const { text, doors: [counting, leasehold] } = await why({ pools: [{ prefix: "db", limit: 1 }], seed: 1, workloads: jobs({ burst: 30 }), network: { delay_ms: 150 }, failures }, 130_000);
      assert.ok(leasehold.wait_p50_ms > counting.wait_p50_ms && counting.most_over > 5);
      assert.match(text, /Count, then put ran up to \d+ jobs at once, where 1 may/);
      // What fails is told behind that.
      assert.doesNotMatch(text.split(", where 1 may")[0], /fail here/);
    }
    // Leasehold waits shorter: of those whom it let in, most came before the limit was lowered.
    const lowered = { actions: [{ at_ms: 4500, do: "limit", pool: "db", limit: 1 }], pools: [{ prefix: "db", limit: 10 }], seed: 2, workloads: jobs({ burst: 10 }), network: { delay_ms: 150 } };
    const deaths = { actions: [{ at_ms: 500, do: "limit", pool: "db", limit: 5 }, { at_ms: 4500, do: "limit", pool: "db", limit: 1 }], pools: [{ prefix: "db", limit: 10 }], seed: 103, workloads: jobs({ burst: 5, burst_every_ms: 60_000, per_minute: 240 }), network: { delay_ms: 150 }, failures: { worker_dies: 20, call_dies: 20, throttled: 10 } };
    for (const scenario of [lowered, deaths]) {
      const { text, doors: [counting, leasehold] } = await why(scenario, 130_000);
      assert.ok(leasehold.wait_p50_ms < counting.wait_p50_ms && counting.breaches * 5 > counting.waited, "many got in above the limit");
      assert.ok(text.includes(`. Count, then put let in a job ${counting.waited} times, ${counting.breaches} of them above its limit. These are the waits of the jobs that got in, ${counting.waited} times at Count, then put and ${leasehold.waited} times at Leasehold. `), text);
      assert.doesNotMatch(text, /fail here|goes to the first/);
    }
  });

  test("is none of those who wait still: that they are many is said of either side", async () => {
    const { page, close } = await open({ hash: "#story=thundering-herd" });
    for (const at of [2500, 11_000]) {
      await show(page, at);
      const { doors } = await numbers(page);
      const text = (await page.locator("#why").innerText()).replaceAll("\u00a0", " ");
      const without = (await page.locator('[data-measure="leaseless"] td').allInnerTexts()).map(Number);
      const many = [0, 1].filter((which) => without[which] > doors[which].waited);
      assert.ok(many.includes(1), `at ${at}: ${without}`);
      for (const which of many) assert.match(text, new RegExp(`\\b${without[which]} (have no lease yet )?at ${["Count, then put", "Leasehold"][which]}`), `at ${at}`);
    }
    await close();
  });

  test("is told beside those who have no lease yet, where they are many", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    const scenario = await page.evaluate(() => globalThis.leasehold.player.world.scenario());
    await close();
    const { text, doors: [counting] } = await why({ ...scenario, poll: { ...scenario.poll, every_ms: 30_000 } }, 25_000);
    assert.ok(counting.in_flight * 5 > counting.waited, "and not more than got in");
    assert.match(text, / These are the waits of the jobs that got in, \d+ times at Count, then put and \d+ times at Leasehold\. 39 have no lease yet at Count, then put\.$/);
  });

  test("is put down to nothing without which it would be as long", async () => {
    const storyOf = async (name) => {
      const { page, close } = await open({ hash: `#story=${name}` });
      const scenario = await page.evaluate(() => globalThis.leasehold.player.world.scenario());
      await close();
      return scenario;
    };
    const [clocks, dies] = [await storyOf("clocks-disagree"), await storyOf("a-worker-dies")];
    const lossy = (percent) => ({ ...dies, failures: { ...dies.failures, worker_dies: 0, call_dies: 0, request_lost: percent, reply_lost: percent } });
    // With what is told behind it, and without: the queue makes the longer wait.
    for (const [scenario, at, behind] of [
      [clocks, 12_000, /\. Many leases run out before they are renewed, and their jobs ask again: a lease of 3 s is too short where clocks differ by up to 2\.5 s\./],
      [{ ...clocks, clocks: { ...clocks.clocks, skew_ms: 0 } }, 12_000, /at Leasehold\./],
      [lossy(10), 15_000, /\. Messages and calls fail here: a job that meets a failure asks again\./],
      [lossy(0), 15_000, /at Leasehold\./],
    ]) {
      const { text, doors } = await why(scenario, at);
      assert.ok(doors[1].wait_p50_ms > doors[0].wait_p50_ms);
      const [first] = text.split(/99 of 100/);
      assert.match(first, /he queue of Leasehold serves the jobs in the order in which they came/, text);
      assert.doesNotMatch(first, /too short|fail/);
      assert.match(text, behind);
      assert.doesNotMatch(text, /more requests/);
    }
    // Where Leasehold waits shorter with the same clocks, the queue is the reason, too.
    const { text, doors } = await why(clocks, 30_000);
    assert.ok(doors[1].wait_p50_ms < doors[0].wait_p50_ms);
    assert.match(text, /: a free slot goes to the first in the queue at once\..* Many leases run out/);
  });

  test("is put down to few jobs above the limit only behind the order", async () => {
    const { page, close } = await open({ hash: "#story=a-worker-dies" });
    await show(page, 30_000);
    const text = (await page.locator("#why").innerText()).replaceAll("\u00a0", " ");
    const { doors: [counting] } = await numbers(page);
    assert.ok(counting.breaches > 0 && counting.breaches * 10 < counting.waited);
    assert.match(text, /^Leasehold\u2019s median wait is \S+ s against \S+ s: the queue .* at Leasehold\. Count, then put ran up to 10 jobs at once, where 8 may\./);
    await close();
  });

  test("of workers that die is put down to no message", async () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const { text } = await why({ seed, mode: "poll", pools: [{ prefix: "p", limit: 8 }], workloads: [{ name: "p", pool: "p", burst: 12, per_minute: 105, job_ms: 4000 }], failures: { worker_dies: 20 } }, 20_000);
      assert.doesNotMatch(text, /messages and calls/, `seed ${seed}`);
    }
  });

  test("is not all: who could not come is told, too", async () => {
    const pools = [{ prefix: "p", limit: 0 }];
    const workloads = Array.from({ length: 8 }, (_, at) => ({ name: `w-${at}`, pool: "p", burst: 2000, burst_over_ms: 100 }));
    const { text, doors } = await why({ pools, workloads }, 200);
    const [counting, leasehold] = doors.map((door) => door.turned_away);
    assert.ok(counting > 0 && leasehold > 0);
    const grouped = (count) => new Intl.NumberFormat("en").format(count);
    assert.ok(text.endsWith(` While 10,000 jobs are in flight no more can come: ${grouped(counting)} were turned away at Count, then put and ${grouped(leasehold)} at Leasehold, not always the same ones.`), text);
    const few = await why({ pools }, 200);
    assert.doesNotMatch(few.text, /turned away/);
  });
});
