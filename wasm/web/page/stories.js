// How fast is each story told? Slowly where callers race, faster where they only work. The stories themselves come
// with the simulator.

/** From which moment (ms) on which speed, until a visitor chooses one. @type {Record<string, [number, number][]>} */
const scores = {
  "thundering-herd": [[0, 0.5], [495, 0.02], [650, 0.05], [800, 0.2], [1600, 1]],
  "clocks-disagree": [[0, 1]],
  "raise-the-limit": [[0, 1], [9950, 0.1], [10_250, 1], [29_950, 0.2], [30_400, 1]],
};

/** A burst at the start is a race; then the work goes on. @type {[number, number][]} */
const usual = [[0, 0.02], [220, 0.05], [400, 0.2], [900, 1]];

/** @param {string|null} id of the story that it is or came from @returns {[number, number][]} */
export function scoreOf(id) {
  return hasPace(id) ? scores[id] : usual;
}

/** Whether a story is told at a pace of its own. @param {string|null} id */
export function hasPace(id) {
  return Object.hasOwn(scores, id ?? "");
}

/**
 * @param {HTMLElement} place
 * @param {{id: string, title: string}[]} stories
 * @param {(id: string) => void} choose
 */
export function offerStories(place, stories, choose) {
  const options = stories.map(({ id, title }) => {
    const option = document.createElement("label");
    option.className = "story";
    const input = document.createElement("input");
    input.type = "radio";
    input.name = "story";
    input.value = id;
    input.addEventListener("change", () => choose(id));
    // A story that is chosen already starts again.
    input.addEventListener("click", () => {
      if (place.dataset.chosen === id) choose(id);
    });
    const text = document.createElement("span");
    text.textContent = title[0].toUpperCase() + title.slice(1);
    option.append(input, text);
    return option;
  });
  place.append(...options);
}

/** @param {HTMLElement} place @param {string|null} id */
export function markStory(place, id) {
  place.dataset.chosen = id ?? "";
  for (const input of place.querySelectorAll("input")) {
    input.checked = input.value === id;
    // Where they do not fit beside each other, the chosen one is not left out of sight.
    if (input.checked) place.scrollLeft = input.parentElement.offsetLeft - (place.clientWidth - input.parentElement.offsetWidth) / 2;
  }
}
