// How does a test get a page? Serves target/web with its headers, opens it in Chromium, and keeps what went wrong.

import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { after, before } from "node:test";

import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The built page; LEASEHOLD_SITE names another folder. */
export const site = process.env.LEASEHOLD_SITE ?? path.join(root, "target", "web");

// What every test of a file shares.
const shared = { server: null, browser: null, origin: "" };

/** Starts the server and the browser for the tests of one file. */
export function withBrowser() {
  before(begin);
  after(end);
}

export async function begin() {
  shared.origin = await serve();
  shared.browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--force-color-profile=srgb", "--font-render-hinting=none",
    ],
  });
}

export async function end() {
  await shared.browser?.close();
  shared.server?.stdin.end();
}

function serve() {
  return new Promise((resolve, reject) => {
    shared.server = spawn(path.join(root, "scripts", "web-serve"), ["0", site], { stdio: ["pipe", "pipe", "inherit"] });
    shared.server.once("error", reject);
    shared.server.once("exit", (status) => reject(new Error(`scripts/web-serve ended with ${status}`)));
    shared.server.stdout.once("data", (line) => resolve(String(line).trim()));
  });
}

export function origin() {
  return shared.origin;
}

/**
 * A page of its own, with everything it asked for and complained about.
 * @param {{hash?: string, width?: number, height?: number, dark?: boolean, calm?: boolean, routes?: Record<string, string>, wait?: boolean, timezone?: string, letters?: number}} [how]
 *   letters: the size of letters that a visitor set, px
 *   calm (by default): a visitor who asked for less motion, so that nothing plays by itself
 */
export async function open({ hash = "", width = 1280, height = 800, dark = false, calm = true, routes = {}, wait = true, timezone = "UTC", letters = 16 } = {}) {
  const context = await shared.browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: calm ? "reduce" : "no-preference",
    permissions: ["clipboard-read", "clipboard-write"],
    locale: "en-GB",
    timezoneId: timezone,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  if (letters !== 16) await (await context.newCDPSession(page)).send("Page.setFontSizes", { fontSizes: { standard: letters, fixed: letters } });
  const seen = { complaints: [], asked: [] };
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) seen.complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => seen.complaints.push(String(error.stack ?? error)));
  page.on("request", (request) => seen.asked.push(request.url()));
  for (const [address, body] of Object.entries(routes)) {
    await page.route(new URL(address, shared.origin).href, (route) => route.fulfill({ body, contentType: "text/plain" }));
  }
  await page.goto(`${shared.origin}${hash}`);
  if (wait) await page.waitForSelector("html[data-ready]");
  return { page, seen, close: () => context.close() };
}

/** The simulator's own view of the doors, at the moment that is shown. @param {import("playwright-core").Page} page */
export function numbers(page) {
  return page.evaluate(() => globalThis.leasehold.player.world.numbers());
}

/** @param {import("playwright-core").Page} page */
export function now(page) {
  return page.evaluate(() => globalThis.leasehold.player.now);
}

/** Shows a moment, everything in its place. @param {import("playwright-core").Page} page @param {number} ms */
export async function show(page, ms) {
  await page.evaluate((at) => {
    globalThis.leasehold.player.pause();
    globalThis.leasehold.player.seekNow(at);
  }, ms);
}

/** Two pictures on, so that what was asked for is drawn. @param {import("playwright-core").Page} page */
export function drawn(page) {
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(undefined)))));
}

/** How many jobs are drawn as too many in the first pool at Count: nothing else drawn there is a closed shape. @param {import("playwright-core").Page} page */
export function drawnAsTooMany(page) {
  return page.evaluate(() => {
    const { doors, player } = globalThis.leasehold;
    const { stage } = doors.bands[0][0];
    const { closePath } = Path2D.prototype;
    let closed = 0;
    stage.draw = (view) => {
      Path2D.prototype.closePath = function () {
        closed += 1;
        return closePath.call(this);
      };
      delete stage.draw;
      stage.draw(view);
      Path2D.prototype.closePath = closePath;
    };
    player.redraw();
    return closed;
  });
}

/** Records what the page's thread does from now on. @param {import("playwright-core").Page} page */
export function trace(page) {
  return shared.browser.startTracing(page, { categories: ["devtools.timeline"] });
}

/** @returns {Promise<number[]>} how long each animation frame's script had the processor, ms */
export async function traced() {
  const { traceEvents } = JSON.parse((await shared.browser.stopTracing()).toString());
  // Each frame runs the page's callback and the test's own, which is nothing beside it.
  return traceEvents.filter((event) => event.name === "FireAnimationFrame" && event.tdur !== undefined).map((event) => event.tdur / 1000).filter((cost) => cost > 0.3);
}
