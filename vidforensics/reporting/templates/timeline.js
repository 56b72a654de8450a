"use strict";
/* Zoom, pan, cursor and keyboard of the time-aligned view; the drawing itself was made on the server. */
const data = JSON.parse(document.getElementById("data").textContent);
const tl = document.getElementById("tl");
const inner = document.getElementById("tl-inner");
const cursor = document.getElementById("cursor");
const LONGEST_PX = 2_000_000;
const PAPER_PX = 520;
const STEPS_S = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900,
  1800, 3600, 7200, 14400, 28800, 86400];
const SVG = "http://www.w3.org/2000/svg";
const view = { zoom: 1, time: 0, frames: [] };

function clock(seconds, digits = 3) {
  const units = Math.round(Math.abs(seconds) * 10 ** digits);
  const whole = Math.floor(units / 10 ** digits);
  const rest = digits ? "." + String(units % 10 ** digits).padStart(digits, "0") : "";
  const two = (n) => String(n).padStart(2, "0");
  return `${seconds < 0 ? "−" : ""}${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}${rest}`;
}

function gutter() {
  const plot = inner.querySelector(".plot");
  return plot.getBoundingClientRect().left - inner.getBoundingClientRect().left;
}

function plotWidth() { return inner.querySelector(".plot").getBoundingClientRect().width; }

function timeAt(clientX) {
  const box = inner.querySelector(".plot").getBoundingClientRect();
  return Math.min(1, Math.max(0, (clientX - box.left) / box.width)) * data.end;
}

function baseWidth() {
  inner.style.width = "";
  return inner.getBoundingClientRect().width;
}

/* Widen the drawing about one moment, which stays where it is on screen. */
function zoomTo(zoom, time = view.time) {
  const box = inner.querySelector(".plot").getBoundingClientRect();
  const onScreen = box.left + (time / data.end) * box.width - tl.getBoundingClientRect().left;
  const side = gutter();
  const base = baseWidth();
  const most = Math.max(1, Math.min(LONGEST_PX / base, Math.max(data.frames.count * 30, 4000) / base));
  view.zoom = Math.min(most, Math.max(1, zoom));
  if (view.zoom > 1) inner.style.width = `${side + (base - side) * view.zoom}px`;
  const target = side + (time / data.end) * plotWidth();
  const wanted = onScreen >= side && onScreen <= tl.clientWidth ? onScreen : side + (tl.clientWidth - side) / 2;
  tl.scrollLeft = target - wanted;
  redraw();
}

function reveal(time) {
  const side = gutter();
  const x = side + (time / data.end) * plotWidth() - tl.scrollLeft;
  if (x < side + 10 || x > tl.clientWidth - 20) tl.scrollLeft += x - (side + (tl.clientWidth - side) / 2);
}

function placeCursor() {
  cursor.style.left = `${gutter() + (view.time / data.end) * plotWidth()}px`;
  cursor.setAttribute("aria-valuenow", view.time.toFixed(3));
  cursor.setAttribute("aria-valuetext", clock(view.time));
}

/* Labels for the visible part only: at full zoom the axis would hold millions. */
function redrawAxes(wide = plotWidth()) {
  const visible = tl.clientWidth;
  const step = STEPS_S.find((s) => (s / data.end) * wide >= 84) || STEPS_S[STEPS_S.length - 1];
  const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3;
  const first = Math.max(0, Math.floor(((tl.scrollLeft - visible) / wide) * data.end / step));
  const last = Math.min(Math.floor(data.end / step), first + Math.ceil((visible * 3) / wide * data.end / step) + 1);
  for (const axis of inner.querySelectorAll("[data-axis]")) {
    axis.replaceChildren();
    for (let i = first; i <= last; i++) {
      const share = (i * step) / data.end;
      const x = `${share * 100}%`;
      if (share * wide > wide - 50 && i) continue;
      const line = document.createElementNS(SVG, "line");
      for (const [k, v] of [["x1", x], ["x2", x], ["y1", 0], ["y2", 6]]) line.setAttribute(k, v);
      line.setAttribute("class", "tick");
      const text = document.createElementNS(SVG, "text");
      text.setAttribute("x", x);
      text.setAttribute("dx", 3);
      text.setAttribute("y", 18);
      text.setAttribute("class", "tick-label");
      text.textContent = clock(i * step, digits);
      axis.append(line, text);
    }
  }
}

/* Show as many thumbnails as fit side by side. */
function redrawStrip(wide = plotWidth()) {
  let free = -1;
  for (const image of inner.querySelectorAll(".lane-strip image")) {
    const width = Number(image.getAttribute("width"));
    const left = (parseFloat(image.parentNode.getAttribute("x")) / 100) * wide + Number(image.getAttribute("x"));
    const fits = left >= free;
    if (fits) free = left + width + 2;
    image.setAttribute("display", fits ? "inline" : "none");
  }
}

function redraw() { redrawAxes(); redrawStrip(); placeCursor(); }

function frameTimes() {
  const { count, first, steps, step } = data.frames;
  if (!count) return [];
  const times = [first];
  if (steps.length === count - 1) {
    let ticks = Math.round(first * 1e5);
    for (const delta of steps) times.push((ticks += delta) / 1e5);
  } else {
    for (let i = 1; i < Math.min(count, 1e6); i++) times.push(first + i * step);
  }
  return times;
}

function atOrBefore(times, time) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time + 1e-6) low = middle + 1; else high = middle;
  }
  return low - 1;
}

function stepFrame(direction) {
  if (!view.frames.length) return setTime(view.time + direction * 0.04);
  const at = atOrBefore(view.frames, view.time);
  return setTime(view.frames[Math.min(view.frames.length - 1, Math.max(0, at + direction))]);
}

function stepFlag(direction) {
  const starts = [...new Set(data.flags.map((f) => f[0]))].sort((a, b) => a - b);
  const next = direction > 0 ? starts.find((t) => t > view.time + 1e-4)
    : starts.reverse().find((t) => t < view.time - 1e-4);
  if (next !== undefined) setTime(next);
}

function setTime(time) {
  view.time = Math.min(data.end, Math.max(0, time));
  reveal(view.time);
  placeCursor();
  showMoment(view.time);
}

const actions = {
  "flag-back": () => stepFlag(-1), "flag-on": () => stepFlag(1),
  "frame-back": () => stepFrame(-1), "frame-on": () => stepFrame(1),
  "in": () => zoomTo(view.zoom * 2), "out": () => zoomTo(view.zoom / 2), "fit": () => zoomTo(1),
};
const keys = { "+": "in", "=": "in", "-": "out", "0": "fit", n: "flag-on", p: "flag-back", N: "flag-on", P: "flag-back" };

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const second = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (second) event.shiftKey ? setTime(view.time + second) : stepFrame(second);
  else if (event.key === "Home") setTime(0);
  else if (event.key === "End") setTime(data.end);
  else if (keys[event.key]) actions[keys[event.key]]();
  else return;
  event.preventDefault();
}

function onWheel(event) {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  zoomTo(view.zoom * Math.exp(-event.deltaY * 0.004), timeAt(event.clientX));
}

function onJump(event) {
  const link = event.target.closest("[data-jump]");
  if (!link) return;
  event.preventDefault();
  setTime(Number(link.dataset.jump));
  const flag = (link.getAttribute("href") || "").match(/^#flag-\d+$/);
  document.querySelectorAll(".flags .chosen").forEach((row) => row.classList.remove("chosen"));
  if (flag) document.querySelector(flag[0])?.classList.add("chosen");
  else document.getElementById("timeline").scrollIntoView({ block: "start" });
}

function start() {
  view.frames = frameTimes();
  document.getElementById("viewer").hidden = false;
  document.getElementById("hint").hidden = false;
  cursor.hidden = false;
  tl.classList.add("live");
  inner.addEventListener("click", (event) => {
    if (event.target.closest(".plot") && !event.target.closest("[data-jump]")) setTime(timeAt(event.clientX));
  });
  document.addEventListener("click", onJump);
  document.querySelectorAll("[data-do]").forEach((b) => b.addEventListener("click", actions[b.dataset.do]));
  tl.addEventListener("keydown", onKey);
  document.getElementById("viewer").addEventListener("keydown", onKey);
  tl.addEventListener("wheel", onWheel, { passive: false });
  tl.addEventListener("scroll", () => requestAnimationFrame(() => redrawAxes()), { passive: true });
  let wide = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === wide) return; // phones resize whenever their address bar moves
    wide = innerWidth;
    zoomTo(view.zoom);
  });
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((d) => { d.open = true; });
    zoomTo(1);
    redrawAxes(PAPER_PX);
    redrawStrip(PAPER_PX);
  });
  addEventListener("afterprint", redraw);
  redraw();
  setTime(data.flags.length ? data.flags[0][0] : 0);
}
