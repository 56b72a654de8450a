/* What is at a moment: the stored pictures around it and the value of every measurement. */
const pictures = data.pictures.map(([key, time]) => ({ key, time })).sort((a, b) => a.time - b.time);
const pictureTimes = pictures.map((p) => p.time);

function source(key) {
  const element = document.getElementById(key);
  return element ? element.getAttribute("href") || element.getAttribute("src") : "";
}

function make(name, text, css) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (css) element.className = css;
  return element;
}

function distance(seconds) {
  if (Math.abs(seconds) < 0.0005) return "at the cursor";
  return `${Math.abs(seconds).toFixed(3)} s ${seconds < 0 ? "before" : "after"} the cursor`;
}

function figure(picture, time, css) {
  const box = make("figure", undefined, css);
  const image = make("img");
  image.src = source(picture.key);
  image.alt = `Stored frame at ${clock(picture.time)}`;
  const caption = make("figcaption", clock(picture.time));
  caption.append(make("span", distance(picture.time - time), "distance"));
  box.append(image, caption);
  return box;
}

/* The nearest stored picture large, the ones before and after it beside it. */
function showFrames(time) {
  const frames = document.getElementById("frames");
  frames.replaceChildren();
  if (!pictures.length) {
    frames.append(make("p", "No pictures are stored for this clip.", "quiet"));
    return;
  }
  let at = Math.max(0, atOrBefore(pictureTimes, time));
  if (at + 1 < pictures.length && pictures[at + 1].time - time < time - pictures[at].time) at += 1;
  const same = (p) => Math.abs(p.time - pictures[at].time) < 0.001;
  const large = pictures.find((p) => same(p) && p.key.startsWith("k")) || pictures[at];
  const before = pictures.slice(0, at).reverse().find((p) => !same(p));
  const after = pictures.slice(at + 1).find((p) => !same(p));
  if (before) frames.append(figure(before, time));
  frames.append(figure(large, time, "now"));
  if (after) frames.append(figure(after, time));
}

function spread(times) {
  if (times.length < 2) return 0.5;
  return Math.max(0.05, ((times[times.length - 1] - times[0]) / (times.length - 1)) * 4);
}

/* Value of a sampled track: the nearest sample, if there is one near enough to speak of. */
function sample(score, time) {
  let at = atOrBefore(score.t, time);
  if (at < 0 || (at + 1 < score.t.length && score.t[at + 1] - time < time - score.t[at])) at += 1;
  if (at >= score.t.length || Math.abs(score.t[at] - time) > (score.reach ??= score.sparse ? 0.05 : spread(score.t))) return null;
  return score.v[at];
}

function round(value) {
  const size = Math.abs(value);
  return size >= 100 ? value.toFixed(0) : size >= 1 ? value.toFixed(2) : value.toPrecision(3);
}

function scoreRows(time) {
  return data.scores.map((score) => {
    const value = sample(score, time);
    const above = value !== null && score.threshold !== null && value >= score.threshold;
    const against = score.threshold === null ? "" : ` (threshold ${round(score.threshold)})`;
    const text = value === null ? (score.sparse ? "no sample here" : "not assessed") : `${round(value)} ${score.unit}${against}`;
    return [`${score.detector}: ${score.name}`, text + (above ? ", above" : ""), above ? "above" : ""];
  });
}

function packetRows(time) {
  const { t, type, size, qp, end, binned } = data.packets;
  const at = atOrBefore(t, time);
  if (at < 0 || time > end + 1e-6 || !size[at]) return [];
  const kind = binned ? `largest near here: ${type[at]}-frame` : `${type[at]}-frame`;
  const quantiser = qp[at] === undefined || qp[at] === null ? "" : `, QP ${qp[at]}`;
  return [["Coded frame", `${kind}, ${size[at].toLocaleString("en")} bytes${quantiser}`, ""]];
}

function within(rows, time) { return rows.filter(([start, end]) => start <= time + 1e-6 && (time < end || start === end)); }

function rows(time) {
  const found = [];
  const frame = atOrBefore(view.frames, time);
  const exact = data.frames.steps.length === data.frames.count - 1;
  if (frame >= 0 && exact && time - view.frames[view.frames.length - 1] < 2 * data.frames.step) {
    const place = `no. ${(frame + 1).toLocaleString("en")} of ${data.frames.count.toLocaleString("en")}`;
    found.push(["Decoded frame", `${place}, shown from ${clock(view.frames[frame])}`, ""]);
  }
  const shot = data.shots.findIndex(([start, end]) => start <= time + 1e-6 && time < end);
  if (shot >= 0) found.push(["Shot", `${shot + 1} (${clock(data.shots[shot][0])} – ${clock(data.shots[shot][1])})`, ""]);
  found.push(...packetRows(time));
  for (const [, , words] of within(data.flags, time)) found.push(["Flag", words, "above"]);
  for (const [, , words] of within(data.spans, time)) found.push(["Carries nothing", words, ""]);
  for (const [start, , at, rate, name, words] of within(data.matches, time)) {
    found.push([`Occurs in ${name}`, `at ${clock(at + (time - start) * rate)}; ${words}`, ""]);
  }
  found.push(...scoreRows(time));
  for (const [detector, coverage] of data.coverage) {
    const row = within(coverage, time)[0];
    if (row && !row[2]) found.push([detector, `not assessed: ${row[3] || "no reason given"}`, ""]);
  }
  return found;
}

function showValues(time) {
  const table = make("table");
  for (const [name, text, css] of rows(time)) {
    const row = make("tr");
    const head = make("th", name);
    head.scope = "row";
    row.append(head, make("td", text, css));
    table.append(row);
  }
  document.getElementById("values").replaceChildren(table);
}

function showMoment(time) {
  const readout = document.getElementById("readout");
  readout.textContent = clock(time);
  readout.append(make("small", `of ${clock(data.end)}`));
  showFrames(time);
  showValues(time);
}

start();
