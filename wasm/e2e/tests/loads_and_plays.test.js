// Does the page load, stay within its site, and play?

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { drawn, now, open, origin, show, withBrowser } from "../browser.js";
import { sizes } from "../measure.js";

describe("the page", () => {
  withBrowser();

  test("loads without a complaint and asks nobody else for anything", async () => {
    const { page, seen, close } = await open();
    await page.evaluate(() => globalThis.leasehold.player.seekNow(5000));
    await drawn(page);
    assert.deepEqual(seen.complaints, []);
    assert.ok(seen.asked.length > 5, "it asked for its own files");
    for (const address of seen.asked) assert.ok(address.startsWith(origin()), address);
    await close();
  });

  test("does not shift while it loads or plays", async () => {
    const { page, close } = await open({ calm: false });
    const measure = () =>
      page.evaluate(async () => {
        const entries = (type) => new Promise((done) => {
          const observer = new PerformanceObserver((list) => done(list.getEntries()));
          observer.observe({ type, buffered: true });
          // There may be none at all.
          requestAnimationFrame(() => requestAnimationFrame(() => done(observer.takeRecords())));
        });
        const shifts = await entries("layout-shift");
        return shifts.filter((one) => !one.hadRecentInput).reduce((sum, one) => sum + one.value, 0);
      });
    await page.waitForFunction(() => globalThis.leasehold.player.now > 150);
    const shift = await measure();
    assert.ok(shift < 0.02, `the layout shifted by ${shift}`);
    await close();
  });

  test("plays by itself, pauses, and goes on", async () => {
    const { page, seen, close } = await open({ calm: false });
    await page.waitForFunction(() => globalThis.leasehold.player.now > 20);
    const play = page.locator("#play");
    assert.equal(await play.innerText(), "Pause");
    await play.click();
    assert.equal(await play.innerText(), "Play");
    const stopped = await now(page);
    await drawn(page);
    assert.equal(await now(page), stopped, "time stands still");
    await play.click();
    await page.waitForFunction((before) => globalThis.leasehold.player.now > before, stopped);
    assert.deepEqual(seen.complaints, []);
    await close();
  });

  test("waits with the race until it is seen", async () => {
    const { page, close } = await open({ calm: false, width: 360, height: 740 });
    await drawn(page);
    await drawn(page);
    assert.equal(await now(page), 0, "the doors are below the screen");
    await page.locator(".stage").first().scrollIntoViewIfNeeded();
    await page.waitForFunction(() => globalThis.leasehold.player.now > 0);
    await close();
  });

  test("keeps a story's pace when something is changed, and a visitor's own when there is one", async () => {
    const { page, close } = await open({ hash: "#story=two-workflows" });
    const speed = () => page.evaluate(() => globalThis.leasehold.player.speed);
    await show(page, 2000);
    assert.equal(await speed(), 1);
    await page.getByLabel("A job takes").press("ArrowRight");
    assert.deepEqual([await now(page), await speed()], [0, 0.02], "again from the race, and slowly");
    assert.equal(await page.locator("#announce").innerText(), "The jobs start again, with the change.");
    await show(page, 2000);
    assert.equal(await speed(), 1, "and on to the work");
    await page.getByLabel("Speed").press("ArrowRight");
    await page.getByLabel("A job takes").press("ArrowRight");
    assert.equal(await speed(), 2);
    await close();
  });

  test("stands still for visitors who asked for less motion, until they play it", async () => {
    const { page, close } = await open({ calm: true });
    await drawn(page);
    assert.equal(await now(page), 0);
    await page.locator("#play").click();
    await page.waitForFunction(() => globalThis.leasehold.player.now > 0);
    await close();
  });

  test("is served with a policy that holds", async () => {
    const { page, close } = await open();
    const answer = await page.request.get(origin());
    const policy = answer.headers()["content-security-policy"];
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self' 'wasm-unsafe-eval'/);
    assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'|https?:|\*/);
    const meta = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute("content");
    assert.equal(`${meta}; frame-ancestors 'none'`, policy, "the page itself and the server say the same");
    const stopped = await page.evaluate(async () => {
      const violations = [];
      document.addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
      const script = document.createElement("script");
      script.textContent = "globalThis.broken = true";
      document.head.append(script);
      const elsewhere = await fetch("https://elsewhere.invalid/").then(() => "answered", () => "stopped");
      const style = document.createElement("style");
      style.textContent = "body { display: none }";
      document.head.append(style);
      await new Promise((done) => setTimeout(done));
      return { broken: globalThis.broken === true, elsewhere, hidden: getComputedStyle(document.body).display === "none", violations };
    });
    assert.equal(stopped.broken, false);
    assert.equal(stopped.elsewhere, "stopped");
    assert.equal(stopped.hidden, false);
    for (const directive of ["script-src-elem", "connect-src", "style-src-elem"]) assert.ok(stopped.violations.includes(directive), directive);
    await close();
  });

  test("is small: 350 kB compressed, 225 of them for the simulator", async () => {
    const { simulator, page } = await sizes();
    assert.ok(simulator > 0 && simulator < 225_000, `${simulator} bytes of WebAssembly`);
    assert.ok(page > simulator && page < 350_000, `${page} bytes`);
  });

  test("says what is wrong when the simulator does not load", async () => {
    const { page, close } = await open({ wait: false, routes: { "pkg/leasehold_wasm_bg.wasm": "no such thing" } });
    const alert = page.getByRole("alert").first();
    await alert.waitFor();
    assert.match(await alert.innerText(), /simulator did not load/);
    await close();
  });
});
