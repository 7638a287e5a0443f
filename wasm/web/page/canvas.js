// How large is a drawing? As large as the layout makes its place, in the pixels of the screen, up to two a unit.

/**
 * Fits a canvas to its place; what is drawn after it is measured in the layout's units. Returns its size in these.
 * @param {HTMLCanvasElement} canvas @param {CanvasRenderingContext2D} context
 */
export function fit(canvas, context) {
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { width, height };
}
