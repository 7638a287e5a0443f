// Since when is a slider in a visitor's hand, and until when? What it shows is the visitor's own for that time.

/**
 * @param {HTMLInputElement} slider
 * @param {{moved: () => void, chosen: () => void, ended: () => void}} hooks chosen: it was let go at another place;
 *   ended: it was let go where it stood before, which a browser does not call a change
 */
export function onDrag(slider, { moved, chosen, ended }) {
  let dragged = false;
  slider.addEventListener("input", () => {
    dragged = true;
    moved();
  });
  slider.addEventListener("change", () => {
    dragged = false;
    chosen();
  });
  const letGo = () => {
    if (!dragged) return;
    dragged = false;
    ended();
  };
  // The change that it may be comes right after.
  for (const end of ["pointerup", "pointercancel", "touchend", "blur"]) slider.addEventListener(end, () => setTimeout(letGo));
}
