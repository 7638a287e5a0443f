// Which colours does the style sheet give the canvases? The one home of colours is theme.css.

const names = ["sheet", "ink", "ink-soft", "line", "line-strong", "ask", "wait", "hold", "hold-soft", "hold-line", "alarm", "alarm-soft", "on-hold", "on-alarm", "stale"];

/** @type {Record<string, string>} */
export const colours = {};

/** Reads them again: light-dark() is only resolved where a colour is used. */
export function readColours() {
  const probe = document.createElement("span");
  probe.hidden = true;
  // In forced colours all would be one: a canvas draws with its own, as a picture does.
  probe.style.forcedColorAdjust = "none";
  document.body.append(probe);
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
}

/** Calls back whenever they may have changed. @param {() => void} changed */
export function onColours(changed) {
  const again = () => {
    readColours();
    changed();
  };
  document.addEventListener("themechange", again);
  for (const media of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) matchMedia(media).addEventListener("change", again);
}
