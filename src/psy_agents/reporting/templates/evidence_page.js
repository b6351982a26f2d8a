// Posts are rendered in batches: a thousand posts with nine criteria each would block the browser for seconds. Texts are set as
// text, never as HTML. Offsets count code points; a JavaScript string may hold two units for one.
const BATCH = 20, KINDS = ["", "annotated", "predicted", "both"], SIGNS = ["✓", "○", "✕"];
const data = JSON.parse(document.getElementById("data").textContent);
const at = id => document.getElementById(id);
const boxes = data.outcomes.map(name => document.querySelector(`#filters input[name="${name}"]`));
const choice = at("criterion"), list = at("list"), more = at("more"), keys = at("keys");
let matching = [], renderedCount = 0;

for (const post of data.posts) {
  for (const pair of post.pairs) {
    const [right, missed, wrong] = pair.o || [0, 0, 0];
    pair.has = [right, missed, wrong, !(right + missed + wrong || pair.u), pair.u].map(Boolean).slice(0, boxes.length);
  }
}

function element(name, values, ...children) {
  const made = Object.assign(document.createElement(name), values);
  made.append(...children);
  return made;
}
const isMistake = pair => pair.has[1] || pair.has[2];
const plural = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

function piece(post, characters, start, end, kind) {
  const parts = [];
  if (kind) parts.push(element("span", {className: "tag"}, KINDS[kind]));
  if (characters) {
    parts.push(characters.slice(start, end).join(""));
  } else {
    parts.push(element("span", {className: "spoken"}, ` ${plural(end - start, "bar")}. `));
    for (let i = start; i < end; i++) {
      const bar = element("span", {className: "bar"});
      bar.ariaHidden = "true";
      parts.push(bar, "\u200b");
    }
  }
  return element(kind ? "mark" : "span", {className: KINDS[kind]}, ...parts);
}

function renderPair(post, characters, pair) {
  const counts = pair.o || [0, 0, 0];
  const outcomes = element("ul", {className: "outcomes"});
  counts.forEach((count, i) => count && outcomes.append(
    element("li", {}, `${SIGNS[i]} ${data.spans ? count.toLocaleString("en") + " " : ""}${data.outcomes[i]}`)));
  if (pair.u) outcomes.append(element("li", {}, "? place not known"));
  if (pair.has[3]) outcomes.append(element("li", {}, "– neither"));
  const probability = pair.p === undefined ? "" : `, probability ${pair.p.toFixed(2)}`;
  const decision = `Annotated: ${pair.l ? "met" : "not met"}. Predicted: ${pair.d ? "met" : "not met"}${probability}.` +
    (pair.s ? ` Scores of the predicted spans: ${pair.s.map(score => score.toFixed(2)).join(", ")}.` : "");
  const text = element("p", {className: "text"});
  let from = 0;
  const end = characters ? characters.length : post.n || 0;
  for (const [start, stop, kind] of [...(pair.m || []), [end, end, 0]]) {
    if (start > from) text.append(piece(post, characters, from, start, 0));
    if (stop > start) text.append(piece(post, characters, start, stop, kind));
    from = stop;
  }
  if (!end) text.append("This post has no words.");
  const about = element("div", {className: "about"}, element("h4", {}, data.criteria[pair.c]),
    element("p", {className: "wording"}, data.wordings[pair.c]), outcomes, element("p", {className: "decision"}, decision));
  return element("section", {className: isMistake(pair) ? "pair mistake" : "pair", tabIndex: -1}, about, text);
}

function renderPost([post, pairs], number) {
  const characters = post.text === undefined ? null : Array.from(post.text);
  const title = element("h3", {id: `post-${number}`}, `${number + 1}. Post `, element("code", {}, post.id));
  const article = element("article", {tabIndex: -1}, title, ...pairs.map(pair => renderPair(post, characters, pair)));
  article.setAttribute("aria-labelledby", title.id);
  return article;
}

function render(count) {
  const next = matching.slice(renderedCount, renderedCount + count);
  list.append(...next.map((entry, i) => renderPost(entry, renderedCount + i)));
  renderedCount += next.length;
  const left = matching.length - renderedCount;
  more.hidden = !left;
  more.textContent = `Show ${plural(Math.min(left, BATCH), "more post")} of ${left.toLocaleString("en")}`;
}

function update() {
  const criterion = choice.value === "" ? null : Number(choice.value), ticked = boxes.map(box => box.checked);
  const withOutcome = boxes.map(() => 0), ofCriterion = data.criteria.map(() => 0), spans = [0, 0, 0];
  const isTicked = pair => pair.has.some((has, i) => has && ticked[i]);
  let all = 0;
  matching = [];
  for (const post of data.posts) {
    const pairs = [];
    for (const pair of post.pairs) {
      const ofThis = criterion === null || pair.c === criterion, wanted = isTicked(pair);
      if (ofThis) pair.has.forEach((has, i) => { withOutcome[i] += has; });
      if (wanted) ofCriterion[pair.c] += 1;
      all += ofThis;
      if (!ofThis || !wanted) continue;
      pairs.push(pair);
      (pair.o || []).forEach((count, i) => { spans[i] += count; });
    }
    if (pairs.length) matching.push([post, pairs]);
  }
  boxes.forEach((box, i) => { at(`count-${box.name}`).textContent = withOutcome[i].toLocaleString("en"); });
  data.criteria.forEach((name, i) => { choice.options[i + 1].textContent = `${name} (${ofCriterion[i].toLocaleString("en")})`; });
  const pairs = matching.reduce((sum, entry) => sum + entry[1].length, 0);
  at("status").textContent = `${plural(pairs, "pair")} of ${all.toLocaleString("en")} in ${plural(matching.length, "post")} of ` +
    `${data.posts.length.toLocaleString("en")}. ${data.spans ? "Spans" : "Decisions"} in them: ` +
    spans.map((count, i) => `${count.toLocaleString("en")} ${data.outcomes[i]}`).join(", ") + ".";
  list.replaceChildren();
  renderedCount = 0;
  render(BATCH);
  if (!matching.length) list.append(element("p", {}, "No pair of a post and a criterion is of this kind."));
}

// Go to the next or the previous part of the list that a selector chooses, from the focus or else from what is seen.
function go(step, selector) {
  const parts = () => [...list.querySelectorAll(selector)], from = document.activeElement.closest(`#list ${selector}`);
  let place = parts().indexOf(from);
  if (!from) {
    const inside = document.activeElement.closest("article");
    const follows = part => inside ? inside.compareDocumentPosition(part) & Node.DOCUMENT_POSITION_FOLLOWING
      : part.getBoundingClientRect().bottom > 0;
    place = parts().findIndex(follows);
    if (place < 0) place = parts().length;
    if (step > 0) place -= 1;
  }
  while (place + step >= parts().length && renderedCount < matching.length) render(BATCH);
  const next = parts()[place + step];
  if (!next) return;
  next.focus({preventScroll: true});
  next.scrollIntoView({block: "start"});
}

// The shown pairs, one a line. Offsets count characters of the text, or bars where the page has no text; they are lists as in JSON,
// because a spreadsheet reads 3-12 as a day and 3:12 as a time.
function csv() {
  const head = ["post", "criterion", "wording", "annotated", "predicted", "probability", ...data.outcomes.filter(name => name !== "neither"),
    "unit", "annotated_spans", "predicted_spans", ...(data.posts[0]?.text === undefined ? [] : ["text"]), "new_label", "comment"];
  const offsets = (pair, bit) => JSON.stringify(joined((pair.m || []).filter(([, , kind]) => kind & bit)));
  const rows = matching.flatMap(([post, pairs]) => pairs.map(pair => {
    const [right, missed, wrong] = pair.o || [0, 0, 0];
    return {
      post: post.id, criterion: data.criteria[pair.c], wording: data.wordings[pair.c], annotated: pair.l || 0, predicted: pair.d || 0,
      probability: pair.p, right, missed, wrong, unknown: pair.u || 0, unit: post.text === undefined ? "bars" : "characters",
      annotated_spans: offsets(pair, 1), predicted_spans: offsets(pair, 2), text: post.text,
    };
  }));
  const cell = value => `"${String(value ?? "").replaceAll('"', '""')}"`;
  return [head.map(cell), ...rows.map(row => head.map(name => cell(row[name])))].map(cells => cells.join(",")).join("\r\n") + "\r\n";
}

// Marks that touch are parts of one span or of several: the page cannot tell, and joins them.
function joined(marks) {
  const found = [];
  for (const [from, to] of marks) {
    if (found.length && found.at(-1)[1] === from) found.at(-1)[1] = to;
    else found.push([from, to]);
  }
  return found;
}

at("export").addEventListener("click", () => {
  // A spreadsheet reads UTF-8 where the file starts with its mark.
  const address = URL.createObjectURL(new Blob(["\ufeff", csv()], {type: "text/csv"}));
  element("a", {href: address, download: `${document.title.replace(/[^\p{L}\p{N}]+/gu, "_")}.csv`}).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);  // Not before the browser has read it.
});

document.addEventListener("keydown", event => {
  if (!keys.checked || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select")) return;
  if (event.key === "j") go(1, "article");
  else if (event.key === "k") go(-1, "article");
  else if (event.key === "n") go(1, ".mistake");
  else if (event.key === "p") go(-1, ".mistake");
  else if (event.key === "c") choice.focus();
  else if (boxes[event.key - 1]) boxes[event.key - 1].click();
  else return;
  event.preventDefault();
});
more.addEventListener("click", () => {
  const before = renderedCount;
  render(BATCH);
  list.children[before].focus();
});
at("filters").addEventListener("change", event => { if (event.target !== keys) update(); });
at("filters").addEventListener("submit", event => event.preventDefault());
addEventListener("beforeprint", () => render(matching.length));
update();
