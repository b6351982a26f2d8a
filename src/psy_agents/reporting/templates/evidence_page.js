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
  return element("section", {className: "pair"}, element("h4", {}, data.criteria[pair.c]), outcomes,
    element("p", {className: "decision"}, decision), text);
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

function go(step) {
  const posts = () => [...list.querySelectorAll("article")];
  let place = posts().indexOf(document.activeElement.closest("article"));
  if (place < 0) {
    place = posts().findIndex(post => post.getBoundingClientRect().bottom > 0);
    if (place < 0) return;
    if (step > 0) place -= 1;
  }
  if (place + step >= renderedCount && renderedCount < matching.length) render(BATCH);
  const next = posts()[place + step];
  if (!next) return;
  next.focus({preventScroll: true});
  next.scrollIntoView({block: "start"});
}

document.addEventListener("keydown", event => {
  if (!keys.checked || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select")) return;
  if (event.key === "j") go(1);
  else if (event.key === "k") go(-1);
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
