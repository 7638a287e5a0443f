// What does the page look like, in one picture? Writes the one that README.md shows: the race of the first story.

import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { begin, drawn, end, open, show } from "./browser.js";

const file = fileURLToPath(new URL("../../docs/page.png", import.meta.url));

await begin();
try {
  const { page, close } = await open({ hash: "#story=two-workflows", width: 1280, height: 1060 });
  await show(page, 125);
  await drawn(page);
  await writeFile(file, await page.screenshot({ animations: "disabled" }));
  await close();
} finally {
  await end();
}
