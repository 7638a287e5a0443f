// What do the tests of links and recordings share? A recording of the demo, a file that is dropped, a page that still works.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { now, show } from "./browser.js";

/** What `leasehold record` wrote of `leasehold demo`. */
export const recorded = await readFile(new URL("../../tui/tests/recordings/demo.jsonl", import.meta.url), "utf8");
export const [header, ...looks] = recorded.trim().split("\n").map((line) => JSON.parse(line));

/** The page plays its first story as if nothing had been. @param {import("playwright-core").Page} page */
export async function works(page) {
  await show(page, 1000);
  assert.equal(await now(page), 1000);
  assert.match(await page.locator('[data-door="leasehold"] [data-verdict]').innerText(), /Never above/);
}

/** Lets go of a file over the page, as from a folder. */
export function drop(page, name, text) {
  return page.evaluate(([file, content]) => {
    const data = new DataTransfer();
    data.items.add(new File([content], file));
    for (const type of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  }, [name, text]);
}
