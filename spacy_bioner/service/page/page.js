"use strict";
// Everything from a text reaches the page as text (textContent), never as HTML.

const at = (id) => document.getElementById(id);
const PER_PAGE = 20; // documents
const state = { documents: [], hidden: new Set(), colours: new Map(), first: 0, answer: "" };

function make(name, text = "", className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function say(text, problem = false) {
  at("status").textContent = text;
  at("status").className = problem ? "problem" : "";
}

function formatOf(text) {
  const head = text.trimStart();
  if (/^\S+\|[ta]\|/.test(head)) return "pubtator";
  if (/^<(\?xml|!DOCTYPE|Pubmed)/i.test(head) && head.includes("Pubmed")) return "pubmed";
  if (/^[\[{]\s*["{\[]/.test(head)) {
    return /"(documents|passages)"\s*:/.test(head) ? "bioc-json" : "jsonl";
  }
  return "text";
}

function reasons(found) {
  const detail = Array.isArray(found.detail) ? found.detail : [];
  return detail.slice(0, 10).map((one) => {
    const number = (one.loc || []).find((part) => Number.isInteger(part));
    return (number ? `Document ${number}: ` : "") + one.msg;
  }).join("\n");
}

async function annotate(event) {
  if (event) event.preventDefault();
  if (at("go").disabled) return; // the answer to the last one is still to come
  const text = at("text").value;
  if (!text.trim()) return say("There is no text.", true);
  if (/^[\s\d,;]+$/.test(text)) {
    return say("These are numbers. Texts aren't fetched from PubMed: paste abstracts, or open a file of them.", true);
  }
  at("go").disabled = at("file").disabled = true;
  say("Annotating…");
  try {
    const query = new URLSearchParams({ to: "jsonl" });
    if (at("model").value) query.set("model", at("model").value);
    const response = await fetch(`/annotate/${formatOf(text)}?${query}`, { method: "POST", body: text });
    const answer = await response.text();
    if (!response.ok) {
      let told = "";
      try { told = reasons(JSON.parse(answer)); } catch { /* not one of the service's own answers */ }
      return say(told || `The service answered ${response.status}.`, true);
    }
    state.answer = answer;
    state.documents = answer.split("\n").filter(Boolean).map((line) => JSON.parse(line));
    state.first = 0;
    state.hidden.clear();
    colour();
    at("results").hidden = false;
    show();
  } catch {
    say("The service can't be reached.", true);
  } finally {
    at("go").disabled = at("file").disabled = false;
  }
}

function colour() {
  state.colours.clear();
  const types = new Set(state.documents.flatMap((document) => document.spans.map((span) => span.label)));
  [...types].sort().forEach((type, number) => state.colours.set(type, `t${number % 8}`));
  at("types").replaceChildren(...[...state.colours.keys()].map((type) => {
    const label = make("label", "", state.colours.get(type));
    const box = make("input");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => {
      state.hidden[box.checked ? "delete" : "add"](type);
      show();
    });
    label.append(box, ` ${type} `, make("span"));
    label.dataset.type = type;
    return label;
  }));
}

const percent = (score) => (score === undefined ? "" : `${Math.round(score * 100)}%`);
const likely = (span, least) => span.score === undefined || Math.round(span.score * 100) >= least;

function show() {
  const least = Number(at("threshold").value);
  at("least").textContent = `${least}%`;
  at("threshold").setAttribute("aria-valuetext", `${least} percent`);
  const counts = new Map();
  const shown = state.documents.map((document) => document.spans.filter((span) => {
    if (!likely(span, least)) return false;
    counts.set(span.label, (counts.get(span.label) || 0) + 1);
    return !state.hidden.has(span.label);
  }));
  for (const label of at("types").children) {
    label.querySelector("span").textContent = `(${counts.get(label.dataset.type) || 0})`;
  }
  const last = Math.min(state.first + PER_PAGE, state.documents.length);
  const articles = [];
  for (let i = state.first; i < last; i++) articles.push(article(state.documents[i], shown[i], i));
  at("documents").replaceChildren(...articles);
  at("paging").hidden = state.documents.length <= PER_PAGE;
  at("place").textContent = `${state.first + 1} to ${last} of ${state.documents.length}`;
  at("back").disabled = state.first === 0;
  at("forward").disabled = last === state.documents.length;
  table(shown);
  const total = shown.reduce((sum, spans) => sum + spans.length, 0);
  const documents = state.documents.length;
  say(`${total} mention${total === 1 ? "" : "s"} in ${documents} document${documents === 1 ? "" : "s"}.`);
}

function article(found, spans, number) {
  const element = make("article");
  if (found.id || state.documents.length > 1) element.append(make("h3", found.id || `Document ${number + 1}`));
  const words = make("div", "", "words");
  words.append(...marked([...found.text], spans)); // offsets count code points
  element.append(words);
  return element;
}

// The text with its mentions. Where mentions overlap, a mention in another is marked within it; one that crosses the end
// of another is named behind it.
function marked(chars, spans) {
  const sorted = [...spans].sort((a, b) => a.start - b.start || b.end - a.end);
  let place = 0;
  function upTo(end) {
    const nodes = [];
    while (sorted.length && sorted[0].start < end) {
      const span = sorted.shift();
      if (span.start < place || span.end > end) {
        nodes.push(label(span, chars));
        continue;
      }
      nodes.push(document.createTextNode(chars.slice(place, span.start).join("")));
      place = span.start;
      const mark = make("mark", "", state.colours.get(span.label));
      mark.append(...upTo(span.end), make("small", `${span.label} ${percent(span.score)}`.trim()));
      nodes.push(mark);
    }
    nodes.push(document.createTextNode(chars.slice(place, end).join("")));
    place = end;
    return nodes;
  }
  return upTo(chars.length);
}

function label(span, chars) {
  const mark = make("mark", "", state.colours.get(span.label));
  const text = chars.slice(span.start, span.end).join("");
  mark.append(make("small", `(${text}: ${span.label} ${percent(span.score)})`));
  return mark;
}

function table(shown) {
  const groups = new Map();
  shown.forEach((spans, i) => {
    const chars = spans.length ? [...state.documents[i].text] : [];
    for (const span of spans) {
      const text = chars.slice(span.start, span.end).join("");
      const identifier = (span.identifiers || []).join(", ");
      const key = JSON.stringify([span.label, text, identifier]);
      const group = groups.get(key) || { type: span.label, text, identifier, times: 0, score: undefined };
      group.times += 1;
      if (span.score !== undefined) group.score = Math.max(group.score ?? 0, span.score);
      groups.set(key, group);
    }
  });
  const rows = [...groups.values()].sort(
    (a, b) => a.type.localeCompare(b.type) || b.times - a.times || a.text.localeCompare(b.text));
  at("results").classList.toggle("unlinked", rows.every((group) => !group.identifier));
  at("mentions").replaceChildren(...rows.slice(0, 1000).map((group) => {
    const row = make("tr");
    const type = make("td");
    type.append(make("span", group.type, state.colours.get(group.type)));
    row.append(type, make("td", group.text), make("td", group.identifier, "identifier"),
      make("td", String(group.times), "number"), make("td", percent(group.score), "number"));
    return row;
  }));
}

async function open() {
  const [file] = at("file").files;
  if (!file) return;
  at("text").value = await file.text();
  annotate();
}

function turn(pages) {
  state.first += pages * PER_PAGE;
  show();
  at("results").focus();
  at("documents").scrollIntoView();
}

function save() {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([state.answer], { type: "application/x-ndjson" }));
  link.download = "mentions.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
}

async function start() {
  const models = await (await fetch("/models")).json();
  at("model").replaceChildren(...models.map((model) => {
    const option = make("option", model.name);
    option.value = model.name;
    return option;
  }));
  at("choose").hidden = models.length < 2;
  at("about").textContent = models.map((m) => `${m.name} ${m.version}: ${m.types.join(", ")}`).join("; ");
}

at("ask").addEventListener("submit", annotate);
at("filter").addEventListener("submit", (event) => event.preventDefault());
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) annotate(event);
});
at("threshold").addEventListener("input", show);
at("file").addEventListener("change", open);
at("back").addEventListener("click", () => turn(-1));
at("forward").addEventListener("click", () => turn(1));
at("save").addEventListener("click", save);
start().catch(() => say("The service can't be reached.", true));
