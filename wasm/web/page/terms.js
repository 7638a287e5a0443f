// Where is a word explained? Links from a text to the words at the foot of the page.

/** The words that the introduction has not explained yet. */
const linked = ["fence", "grace", "pool", "queue", "quiet period", "settling", "starving", "sweep", "workload"];

/** A word that is explained on the page. @param {string} word @param {string} [as] how it is written here */
export function term(word, as = word) {
  const link = document.createElement("a");
  link.className = "term";
  link.href = `#word-${word.replaceAll(" ", "-")}`;
  link.textContent = as;
  return link;
}

/** A text, with a link from each of its terms where it is first met. @param {string} text @returns {(string|Element)[]} */
export function withTerms(text) {
  const met = new Set();
  return text.split(new RegExp(`\\b(${linked.join("|")})\\b`, "i")).map((part, at) => {
    const word = part.toLowerCase();
    if (at % 2 === 0 || met.has(word)) return part;
    met.add(word);
    return term(word, part);
  });
}
