// Search without a server: the index is a script, which is loaded when the search opens. A place is found if it has every word.
const MOST = 30;
document.addEventListener("DOMContentLoaded", () => {
  const query = document.getElementById("mkdocs-search-query"), results = document.getElementById("mkdocs-search-results");
  if (!query) return;
  const root = document.querySelector("script[src$='assets/pages.js']").getAttribute("src").replace(/assets\/pages\.js$/, "");

  function search() {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean), found = [];
    for (const [place, title, text] of words.length ? SEARCH_INDEX : []) {
      const inTitle = words.filter(word => title.toLowerCase().includes(word)).length, all = `${title} ${text}`.toLowerCase();
      if (words.every(word => all.includes(word))) found.push([inTitle, place, title, text]);
    }
    found.sort((a, b) => b[0] - a[0]);
    results.replaceChildren(...found.slice(0, MOST).map(([, place, title, text]) => entry(place, title, text, words[0])));
    if (words.length && !found.length) results.textContent = "No page has all of these words.";
  }

  function entry(place, title, text, word) {
    const link = Object.assign(document.createElement("a"), {href: root + place, textContent: title});
    link.addEventListener("click", () => document.querySelector("#mkdocs_search_modal .btn-close")?.click());
    const at = Math.max(text.toLowerCase().indexOf(word) - 60, 0);
    const heading = document.createElement("h3"), about = document.createElement("p"), article = document.createElement("article");
    heading.append(link);
    about.textContent = `${at ? "…" : ""}${text.slice(at, at + 200)}${text.length > at + 200 ? "…" : ""}`;
    article.append(heading, about);
    return article;
  }

  function load() {
    if (document.getElementById("search-index")) return;
    document.head.append(Object.assign(document.createElement("script"), {id: "search-index", src: `${root}search/index.js`, onload: search}));
  }
  query.addEventListener("focus", load);
  query.addEventListener("input", () => typeof SEARCH_INDEX === "undefined" ? load() : search());
  query.form?.addEventListener("submit", event => event.preventDefault());
});
