// Connects the drawing and the data of one run. Text from the run is set as text,
// never as HTML.

const run = JSON.parse(document.getElementById("steps").textContent);
const events = run.events;
const indexOf = new Map(events.map((event, index) => [event.name, index]));
const byId = (id) => document.getElementById(id);
const stage = byId("stage");
const svg = stage.querySelector("svg");

// --- happened-before ---

/** Whether event `one` happened before `other`, by their vector clocks. */
function isBefore(one, other) {
  const own = events[one].node - 1;
  return one !== other && events[other].vector[own] >= events[one].vector[own];
}

/** The relation of each event to the chosen one: "past", "future" or "". */
function relations(chosen) {
  return events.map((_, index) => {
    if (isBefore(index, chosen)) return "past";
    return isBefore(chosen, index) ? "future" : "";
  });
}

// --- the drawing ---

const dots = events.map((event) => svg.querySelector(`.dot[data-event="${event.name}"]`));
const where = dots.map((dot) => ({ x: dot.cx.baseVal.value, y: dot.cy.baseVal.value }));
/** Each drawn element with the indexes of its events. */
const drawn = [...svg.querySelectorAll("[data-event], [data-from], [data-to]")].map((element) => ({
  element,
  ends: [element.dataset.event, element.dataset.from, element.dataset.to]
    .filter((name) => indexOf.has(name))
    .map((name) => indexOf.get(name)),
  light: "",
}));

const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
ring.id = "now";
ring.setAttribute("r", "9");
svg.append(ring);
// Covers what has not happened yet: positions respect happened-before.
const curtain = document.createElementNS("http://www.w3.org/2000/svg", "rect");
curtain.id = "curtain";
curtain.setAttribute("y", "24");
curtain.setAttribute("width", svg.viewBox.baseVal.width);
curtain.setAttribute("height", svg.querySelector("#legend").getBBox().y - 34);
svg.append(curtain);
// Names stay in sight when the drawing moves, above everything else.
const names = [...svg.querySelectorAll(".name, .called, .lock")];
svg.append(...names);

/** An element belongs to the past or the future if all its events do; the chosen
    event belongs to both. */
function lightOf(ends, relation, chosen) {
  const is = (side) => ends.every((end) => end === chosen || relation[end] === side);
  if (is("past")) return "past";
  return is("future") ? "future" : "";
}

/** Lights the past and the future of an event, or everything without an event. */
function lightUp(chosen) {
  svg.classList.toggle("lit", chosen !== null);
  const relation = chosen === null ? [] : relations(chosen);
  for (const one of drawn) {
    const light = chosen === null ? "" : lightOf(one.ends, relation, chosen);
    if (light === one.light) continue;
    if (one.light) one.element.classList.remove(one.light);
    if (light) one.element.classList.add(light);
    one.light = light;
  }
  svg.querySelector(".chosen")?.classList.remove("chosen");
  if (chosen !== null) dots[chosen].classList.add("chosen");
}

// --- the table of the nodes and the event in words ---

function element(tag, text, data = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  Object.assign(made.dataset, data);
  return made;
}

/** Without a number it is the first lock. */
const lockOf = (row) => row.lock ?? 0;
const areMany = run.locks.length > 1;
const lockName = (lock) => run.locks[lock] ? `lock ${run.locks[lock]}` : "the nameless lock";

/** The row of each node and lock after this many steps. */
function nodesAfter(step) {
  const rows = new Map();
  const changes = [run.before, ...events.slice(0, step).map((event) => event.rows)];
  for (const row of changes.flat()) rows.set(`${lockOf(row)} ${row.node}`, row);
  return rows;
}

function showNodes(step) {
  const rows = nodesAfter(step);
  const event = step > 0 ? events[step - 1] : null;
  const changed = event ? event.rows.filter((row) => !areMany || lockOf(row) === lockOf(event)) : [];
  const lines = run.locks.flatMap((_, lock) => [
    ...(areMany ? [headingOf(lock)] : []),
    ...run.nodes.map((node) => lineOf(node, lock)),
  ]);
  byId("nodes").replaceChildren(...lines);
  if (changed.length) byId("nodes").querySelector(".is-changed")?.scrollIntoView({ block: "nearest" });

  function headingOf(lock) {
    const line = element("tr", "");
    const name = element("th", lockName(lock));
    name.colSpan = 5;
    name.scope = "rowgroup";
    line.append(name);
    return line;
  }

  function lineOf(node, lock) {
    const line = element("tr", "", { node });
    line.classList.toggle("is-changed", changed.some((row) => row.node === node && lockOf(row) === lock));
    const row = rows.get(`${lock} ${node}`);
    line.append(element("td", [node, run.names[node]].filter(Boolean).join(" ")));
    if (!row) {
      const none = element("td", "not in the trace so far");
      none.colSpan = 4;
      line.append(none);
      return line;
    }
    line.append(element("td", row.state, { state: row.state }), element("td", row.clock),
      element("td", row.number), element("td", row.queue));
    return line;
  }
}

/** The row of the event's own node and lock after it. */
const ownRow = (event) => event.rows.find((row) => row.node === event.node && lockOf(row) === lockOf(event));

function showEvent(index) {
  const panel = byId("event");
  if (index === null) {
    const first = events.length ? "Point at an event, or step through the run." : "The drawing contains no event.";
    panel.replaceChildren(element("h2", "No event yet"), element("p", first));
    return;
  }
  const event = events[index];
  const row = ownRow(event);
  const sides = relations(index);
  const count = (side) => sides.filter((of) => of === side).length;
  const list = element("dl", "");
  const line = (term, text) => text && list.append(element("dt", term), element("dd", text));
  line("lock", areMany && lockName(lockOf(event)));
  line("received", event.datagram);
  line("why", event.because);
  line("ignored", event.ignored);
  line("sent", event.sent?.join("; "));
  line("clock", row.clock);
  line("state", [row.state, row.number].filter(Boolean).join(", "));
  line("reply queue", row.queue || "empty");
  line("time", `${event.at_ms} ms after the first event`);
  line("vector clock", `[${event.vector.join(", ")}]`);
  line("happened", `after ${count("past")} events (●), before ${count("future")} (○), concurrent with ${count("") - 1}`);
  list.dataset.event = event.name;
  panel.replaceChildren(element("h2", `node ${event.node}: ${event.text}`), list);
}

// --- the current step ---

/** How many events happened; the event under the pointer; whether others are dimmed. */
const now = { step: 0, pointed: null, isLit: true };

const chosen = () => now.pointed ?? (now.step > 0 ? now.step - 1 : null);

function showChosen() {
  lightUp(now.isLit || now.pointed !== null ? chosen() : null);
  showEvent(chosen());
}

function pointAt(index) {
  if (index === now.pointed) return;
  now.pointed = index;
  showChosen();
}

/** Goes to a step. `isQuiet`: keeps the address. */
function goTo(step, isQuiet = false) {
  dots[Math.max(0, now.step - 1)]?.setAttribute("tabindex", "-1");
  now.step = Math.min(Math.max(step, 0), events.length);
  now.pointed = null;
  now.isLit = true;
  const index = now.step - 1;
  const dot = dots[Math.max(0, index)];
  dot?.setAttribute("tabindex", "0");
  if (index >= 0 && document.activeElement.classList.contains("dot")) dot.focus({ preventScroll: true });
  ring.style.display = index < 0 ? "none" : "";
  if (index >= 0) {
    ring.setAttribute("cx", where[index].x);
    ring.setAttribute("cy", where[index].y);
    bringIntoView(where[index]);
  }
  showCurtain();
  byId("slider").value = now.step;
  byId("step").textContent = `after ${now.step} of ${events.length} events`;
  document.body.dataset.step = now.step;
  showNodes(now.step);
  showChosen();
  if (!isQuiet) writeAddress();
}

/** Where the part of the drawing ends that is shown. */
let curtainAt = Infinity;

/** Hides what follows the current step, unless all of it is asked for, or the step is the
    beginning: then the drawing is an overview. */
function showCurtain() {
  const isWhole = byId("whole").checked || now.step === 0 || now.step === events.length;
  const shown = where.slice(0, now.step).map(({ x }) => x);
  curtainAt = isWhole ? Infinity : Math.max(...shown) + 12;
  curtain.style.display = isWhole ? "none" : "";
  if (!isWhole) curtain.setAttribute("x", curtainAt);
}

let addressTimer = 0;
/** Delayed: a browser refuses a change at every step of a held key. */
function writeAddress() {
  clearTimeout(addressTimer);
  addressTimer = setTimeout(() => {
    const hash = now.step > 0 ? `#event=${events[now.step - 1].name}` : "#step=0";
    history.replaceState(null, "", hash);
  }, 300);
}

/** `#step=5` or `#event=0-3`; anything else means the beginning. */
function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const index = indexOf.get(asked.get("event"));
  goTo(index === undefined ? Math.trunc(Number(asked.get("step"))) || 0 : index + 1, true);
}

// --- the view: the visible part of the drawing and its scale ---

const size = { width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height };
const view = { x: 0, y: 0, scale: 1 };
let isViewDue = false;

function showView() {
  const { width, height } = stage.getBoundingClientRect();
  const [seenWidth, seenHeight] = [width / view.scale, height / view.scale];
  // Part of the drawing always stays in sight.
  const within = (from, all, seen) => Math.min(Math.max(from, -seen / 2), all - seen / 2);
  view.x = within(view.x, size.width, seenWidth);
  view.y = within(view.y, size.height, seenHeight);
  // Drawn once a frame, however many pointer events it has.
  if (!isViewDue) requestAnimationFrame(drawView);
  isViewDue = true;
}

/** The texts of the drawing, in columns of this width. Text takes most of the time of a
    frame, in sight or not, so columns out of sight are hidden. */
const COLUMN = 500;
const columns = [];
for (const text of svg.querySelectorAll(".clock, .said, .token, .mark")) {
  if (text.closest("#legend")) continue;
  (columns[Math.max(0, Math.floor(text.getAttribute("x") / COLUMN))] ??= []).push(text);
}
let seenColumns = columns.map(() => true);

function showTexts(from, to) {
  const isSeen = columns.map((_, column) => (column + 1) * COLUMN > from && column * COLUMN < to);
  columns.forEach((texts, column) => {
    if (isSeen[column] === seenColumns[column]) return;
    for (const text of texts) text.style.display = isSeen[column] ? "" : "none";
  });
  seenColumns = isSeen;
}

function drawView() {
  isViewDue = false;
  const { width, height } = stage.getBoundingClientRect();
  // Text too small to read only costs time.
  const isSmall = view.scale < 0.5;
  svg.classList.toggle("is-small", isSmall);
  showTexts(isSmall ? 0 : view.x - COLUMN, isSmall ? 0 : view.x + width / view.scale);
  svg.setAttribute("viewBox", `${view.x} ${view.y} ${width / view.scale} ${height / view.scale}`);
  for (const name of names) name.setAttribute("transform", `translate(${Math.max(0, view.x)})`);
}

/** Zooms by a factor around this pixel of the stage. */
function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const scale = Math.min(Math.max(view.scale * factor, 0.02), 12);
  view.x += x / view.scale - x / scale;
  view.y += y / view.scale - y / scale;
  view.scale = scale;
  showView();
}

function reset() {
  Object.assign(view, { x: 0, y: Math.min(0, (size.height - stage.clientHeight) / 2), scale: 1 });
  const index = now.step - 1;
  showView();
  if (index >= 0) bringIntoView(where[index]);
}

function fit() {
  const scale = Math.min(stage.clientWidth / size.width, stage.clientHeight / size.height);
  Object.assign(view, { x: 0, y: (size.height - stage.clientHeight / scale) / 2, scale });
  showView();
}

/** Moves the drawing if a point is not well inside the visible part. */
function bringIntoView({ x, y }) {
  const [width, height] = [stage.clientWidth / view.scale, stage.clientHeight / view.scale];
  const isInside = (at, from, length) => at > from + length * 0.12 && at < from + length * 0.88;
  if (!isInside(x, view.x, width)) view.x = Math.max(0, x - width / 2);
  if (y < view.y + 20 || y > view.y + height - 20) view.y = Math.max(0, y - height / 2);
  showView();
}

// --- the pointer ---

let drag = null;

/** The pointer in coordinates of the visible drawing, which may be a frame behind the
    view. */
function inDrawing(event) {
  return new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
}

/** The event under the pointer: the nearest dot close by, or the end of the arrow, or
    the beginning of the bar. */
function eventUnder(event) {
  const { x, y } = inDrawing(event);
  if (x > curtainAt) return null;
  let [nearest, least] = [null, Math.max(9 / view.scale, 6) ** 2];
  where.forEach((dot, index) => {
    const distance = (dot.x - x) ** 2 + (dot.y - y) ** 2;
    if (distance < least) [nearest, least] = [index, distance];
  });
  if (nearest !== null) return nearest;
  const { event: own, to, from } = event.target.closest?.("[data-event], [data-to], [data-from]")?.dataset ?? {};
  return indexOf.get(own ?? to ?? from) ?? null;
}

// A press is not a choice yet: it may become a drag.
stage.addEventListener("mousedown", (event) => event.preventDefault());
stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  drag = { x: event.clientX, y: event.clientY, isMoved: false };
});
stage.addEventListener("pointermove", (event) => {
  if (!drag) return pointAt(eventUnder(event));
  const [x, y] = [event.clientX - drag.x, event.clientY - drag.y];
  if (!drag.isMoved && Math.hypot(x, y) < 4) return;
  if (!drag.isMoved) stage.setPointerCapture(event.pointerId);
  stage.classList.add("is-moved");
  view.x -= x / view.scale;
  view.y -= y / view.scale;
  drag = { x: event.clientX, y: event.clientY, isMoved: true };
  showView();
});
stage.addEventListener("pointerup", (event) => {
  const index = drag && !drag.isMoved ? eventUnder(event) : null;
  drag = null;
  stage.classList.remove("is-moved");
  if (index !== null) goTo(index + 1);
});
stage.addEventListener("pointercancel", () => {
  drag = null;
  stage.classList.remove("is-moved");
});
stage.addEventListener("pointerleave", () => pointAt(null));
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  // A wheel that counts lines: a line is 20 pixels.
  const unit = event.deltaMode === 0 ? 1 : 20;
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    view.x += ((event.deltaX || event.deltaY) * unit) / view.scale;
    return showView();
  }
  const box = stage.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY * unit * 0.0015), event.clientX - box.x, event.clientY - box.y);
}, { passive: false });

// --- the keys ---

const keys = {
  ArrowLeft: () => goTo(now.step - 1),
  ArrowRight: () => goTo(now.step + 1),
  Home: () => goTo(0),
  End: () => goTo(events.length),
  Escape: () => {
    now.isLit = !now.isLit;
    showChosen();
  },
  "+": () => zoom(1.25),
  "=": () => zoom(1.25),
  "-": () => zoom(0.8),
  "0": reset,
  f: fit,
};

document.addEventListener("keydown", (event) => {
  const isOfSlider = event.target === byId("slider") && !["+", "=", "-", "0", "f", "Escape"].includes(event.key);
  if (event.ctrlKey || event.altKey || event.metaKey || isOfSlider || !Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});
for (const [id, act] of Object.entries({
  first: keys.Home, back: keys.ArrowLeft, forth: keys.ArrowRight, last: keys.End, out: keys["-"], in: keys["+"], reset, fit,
})) byId(id).addEventListener("click", act);
byId("whole").addEventListener("change", showCurtain);
byId("slider").addEventListener("input", (event) => goTo(event.target.valueAsNumber));

// --- the beginning ---

byId("slider").max = events.length;
dots.forEach((dot, index) => {
  const event = events[index];
  const row = ownRow(event);
  dot.setAttribute("tabindex", "-1");
  dot.setAttribute("role", "img");
  dot.setAttribute("aria-label", `node ${event.node}: ${event.text}; clock ${row.clock}, ${row.state} ${row.number}`);
  // Tab focuses one dot; the arrow keys go on from there.
  dot.addEventListener("focus", () => now.step !== index + 1 && goTo(index + 1));
});
document.title = svg.querySelector("title").textContent;
svg.querySelector("title").remove();
reset();
new ResizeObserver(() => {
  if (now.step === 0 && view.scale === 1 && view.x === 0) reset();
  drawView();
}).observe(stage);
addEventListener("hashchange", readAddress);
readAddress();
