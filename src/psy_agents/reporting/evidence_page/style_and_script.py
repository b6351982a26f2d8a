"""Style and script of the page of evidence."""

# What is annotated and what is predicted differ by the line below the words and by a label, not by colour alone. Tags
# and lines take the dark colours on light pages and the other way round, at a contrast of at least 4.5.
STYLE = """
:root { --annotated: #00609c; --annotated-tint: #dcecf8; --predicted: #a34300; --predicted-tint: #fbe6d8; --both: #00694a;
  --both-tint: #d9f1e7; --focus: #1c1e21; --bar: #8a919b; }
@media (prefers-color-scheme: dark) {
  :root { --annotated: #7cc4f8; --annotated-tint: #12344c; --predicted: #ffab70; --predicted-tint: #47270f; --both: #62d6ac;
    --both-tint: #0d3b2c; --focus: #ffffff; --bar: #767e89; }
}
.skip { position: absolute; left: -100vw; top: 0; padding: .75rem 1rem; background: var(--page); color: var(--ink); z-index: 1; }
.skip:focus { left: 0; }
h3 { font-size: 1.05rem; margin: 0 0 .5rem; }
h4 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
h3 code { font-size: 1em; overflow-wrap: anywhere; }
dt { font-weight: 600; overflow-wrap: anywhere; }
dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
.legend mark { margin-right: 1rem; }
.legend, .text { line-height: 1.85; }
form { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.5rem 0 0; padding: 1rem; background: var(--box); }
fieldset { border: 0; margin: 0; padding: 0; min-width: 0; display: flex; flex-wrap: wrap; gap: 0 1.25rem; }
legend, .criterion { font-weight: 600; padding: 0; }
form label { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem; min-height: 2.25rem; font-weight: 400; }
form label.criterion { font-weight: 600; }
fieldset:first-child { flex-basis: 100%; }
.keys p { margin: 0; align-self: center; }
input[type=checkbox] { width: 1.15rem; height: 1.15rem; margin: 0; accent-color: var(--annotated); }
select, button { font: inherit; color: var(--ink); background: var(--page); border: 1px solid var(--soft); border-radius: 4px;
  padding: .35rem .6rem; max-width: 100%; }
button { padding: .6rem 1rem; }
kbd { border: 1px solid var(--soft); border-radius: 3px; padding: 0 .3em; font: inherit; font-size: .9em; }
.count { color: var(--soft); font-variant-numeric: tabular-nums; }
:focus-visible, article:focus { outline: 3px solid var(--focus); outline-offset: 3px; }
article { border: 1px solid var(--line); border-radius: 6px; padding: .9rem 1rem; margin: 0 0 1rem; scroll-margin-top: .75rem; }
.pair + .pair { border-top: 1px solid var(--line); margin-top: .9rem; padding-top: .75rem; }
.outcomes { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1rem; padding: 0; margin: .1rem 0 0; font-size: .95rem; }
.outcomes li { white-space: nowrap; }
.told { color: var(--soft); font-size: .92rem; margin: .1rem 0 0; }
.text { margin: .4rem 0 0; overflow-wrap: anywhere; white-space: pre-wrap; }
mark { color: inherit; padding: .1em 0 .05em; -webkit-box-decoration-break: clone; box-decoration-break: clone; }
mark.annotated { background: var(--annotated-tint); border-bottom: 3px solid var(--annotated); }
mark.predicted { background: var(--predicted-tint); border-bottom: 3px dashed var(--predicted); }
mark.both { background: var(--both-tint); border-bottom: 5px double var(--both); }
.tag { font-size: .7rem; font-weight: 600; color: var(--page); border-radius: 3px; padding: .1em .35em; margin-right: .35em;
  user-select: none; white-space: nowrap; vertical-align: .1em; }
.annotated .tag { background: var(--annotated); }
.predicted .tag { background: var(--predicted); }
.both .tag { background: var(--both); }
.bar { display: inline-block; width: 1.5em; margin: 0 .3em 0 0; border-top: .55em solid var(--bar); vertical-align: .1em; }
.annotated .bar { border-color: var(--annotated); }
.predicted .bar { border-color: var(--predicted); }
.both .bar { border-color: var(--both); }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media print {
  :root { --ink: #000; --soft: #444; --line: #bbb; --page: #fff; --box: #fff; --note: #fff; --annotated: #00609c;
    --annotated-tint: #dcecf8; --predicted: #a34300; --predicted-tint: #fbe6d8; --both: #00694a; --both-tint: #d9f1e7; --bar: #8a919b; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  form, button, .skip, details { display: none; }
  mark, .tag { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .pair { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
}
"""

# Posts are drawn some at a time: a thousand of them with nine criteria each would keep the browser busy for seconds. Texts are
# set as text only, never as HTML. Offsets count whole characters, of which a string of JavaScript may give one two places.
SCRIPT = r"""
const BATCH = 20, KINDS = ["", "annotated", "predicted", "both"], SIGNS = ["✓", "○", "✕"];
const data = JSON.parse(document.getElementById("data").textContent);
const at = id => document.getElementById(id);
const boxes = data.outcomes.map(name => document.querySelector(`#filters input[name="${name}"]`));
const choice = at("criterion"), list = at("list"), more = at("more"), keys = at("keys");
let shown = [], drawn = 0;

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
const many = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;

function piece(post, letters, start, end, kind) {
  const parts = [];
  if (kind) parts.push(element("span", {className: "tag"}, KINDS[kind]));
  if (letters) {
    parts.push(letters.slice(start, end).join(""));
  } else {
    parts.push(element("span", {className: "spoken"}, ` ${many(end - start, "bar")}. `));
    for (let i = start; i < end; i++) {
      const bar = element("span", {className: "bar"});
      bar.ariaHidden = "true";
      parts.push(bar, "\u200b");
    }
  }
  return element(kind ? "mark" : "span", {className: KINDS[kind]}, ...parts);
}

function drawPair(post, letters, pair) {
  const counts = pair.o || [0, 0, 0];
  const outcomes = element("ul", {className: "outcomes"});
  counts.forEach((count, i) => count && outcomes.append(
    element("li", {}, `${SIGNS[i]} ${data.spans ? count.toLocaleString("en") + " " : ""}${data.outcomes[i]}`)));
  if (pair.u) outcomes.append(element("li", {}, "? place not known"));
  if (pair.has[3]) outcomes.append(element("li", {}, "– neither"));
  const probability = pair.p === undefined ? "" : `, probability ${pair.p.toFixed(2)}`;
  const told = `Annotated: ${pair.l ? "met" : "not met"}. Predicted: ${pair.d ? "met" : "not met"}${probability}.` +
    (pair.s ? ` Scores of the predicted spans: ${pair.s.map(score => score.toFixed(2)).join(", ")}.` : "");
  const text = element("p", {className: "text"});
  let from = 0;
  const end = letters ? letters.length : post.n || 0;
  for (const [start, stop, kind] of [...(pair.m || []), [end, end, 0]]) {
    if (start > from) text.append(piece(post, letters, from, start, 0));
    if (stop > start) text.append(piece(post, letters, start, stop, kind));
    from = stop;
  }
  if (!end) text.append("This post has no words.");
  return element("section", {className: "pair"}, element("h4", {}, data.criteria[pair.c]), outcomes,
    element("p", {className: "told"}, told), text);
}

function drawPost([post, pairs], number) {
  const letters = post.text === undefined ? null : Array.from(post.text);
  const title = element("h3", {id: `post-${number}`}, `${number + 1}. Post `, element("code", {}, post.id));
  const article = element("article", {tabIndex: -1}, title, ...pairs.map(pair => drawPair(post, letters, pair)));
  article.setAttribute("aria-labelledby", title.id);
  return article;
}

function draw(count) {
  const next = shown.slice(drawn, drawn + count);
  list.append(...next.map((entry, i) => drawPost(entry, drawn + i)));
  drawn += next.length;
  const left = shown.length - drawn;
  more.hidden = !left;
  more.textContent = `Show ${many(Math.min(left, BATCH), "more post")} of ${left.toLocaleString("en")}`;
}

function update() {
  const criterion = choice.value === "" ? null : Number(choice.value), ticked = boxes.map(box => box.checked);
  const withOutcome = boxes.map(() => 0), ofCriterion = data.criteria.map(() => 0), spans = [0, 0, 0];
  const isTicked = pair => pair.has.some((has, i) => has && ticked[i]);
  let all = 0;
  shown = [];
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
    if (pairs.length) shown.push([post, pairs]);
  }
  boxes.forEach((box, i) => { at(`count-${box.name}`).textContent = withOutcome[i].toLocaleString("en"); });
  data.criteria.forEach((name, i) => { choice.options[i + 1].textContent = `${name} (${ofCriterion[i].toLocaleString("en")})`; });
  const pairs = shown.reduce((sum, entry) => sum + entry[1].length, 0);
  at("status").textContent = `${many(pairs, "pair")} of ${all.toLocaleString("en")} in ${many(shown.length, "post")} of ` +
    `${data.posts.length.toLocaleString("en")}. ${data.spans ? "Spans" : "Decisions"} in them: ` +
    spans.map((count, i) => `${count.toLocaleString("en")} ${data.outcomes[i]}`).join(", ") + ".";
  list.replaceChildren();
  drawn = 0;
  draw(BATCH);
  if (!shown.length) list.append(element("p", {}, "No pair of a post and a criterion is of this kind."));
}

function go(step) {
  const posts = () => [...list.querySelectorAll("article")];
  let place = posts().indexOf(document.activeElement.closest("article"));
  if (place < 0) {
    place = posts().findIndex(post => post.getBoundingClientRect().bottom > 0);
    if (place < 0) return;
    if (step > 0) place -= 1;
  }
  if (place + step >= drawn && drawn < shown.length) draw(BATCH);
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
  const before = drawn;
  draw(BATCH);
  list.children[before].focus();
});
at("filters").addEventListener("change", event => { if (event.target !== keys) update(); });
at("filters").addEventListener("submit", event => event.preventDefault());
addEventListener("beforeprint", () => draw(shown.length));
update();
"""
