// The timeline: the usage of the temp directory as a curve above lanes of tests, on one axis.

const timeline = (() => {
  const chart = byId("chart");
  if (!chart) return null;
  const SVG = "http://www.w3.org/2000/svg";
  const LEFT = 66, RIGHT = 6, TOP = 10, LANE = 16, GAP = 6;
  const curve = data.usage.length ? 150 : 0;
  const top = TOP + curve + (curve ? 14 : 0);
  const tests = data.tests.filter((test) => test.started || test.seconds)
    .sort((a, b) => a.started - b.started);
  // One lane for each kind of test, so that colours need not be distinguished.
  const [failed, leaked] = [(test) => FAILED.has(test.status), (test) => test.left];
  const workers = [...new Set(tests.map((test) => test.worker ?? 0))].sort((a, b) => a - b);
  const ran = workers.length > 1
    ? workers.map((worker) => [`Worker ${worker}`, (test) => (test.worker ?? 0) === worker])
    : [["Tests", () => true]];
  const lanes = [
    ...ran.map(([words, of]) => ({ name: "ran", words, tests: tests.filter(of), least: 0.5 })),
    { name: "failed", words: "Failed", tests: tests.filter(failed), least: 3 },
    { name: "leaked", words: "Leaks", tests: tests.filter(leaked), least: 2 },
  ].filter((lane) => lane.tests.length);
  const height = top + lanes.length * (LANE + GAP) + 20;
  const end = Math.max(data.seconds, 1e-3,
    ...[data.usage.at(-1)?.[0] ?? 0, tests.length ? lastEnd() : 0]);
  let width = 0, cursor = null, moment = tests[0]?.started ?? 0, named = tests[0];

  function lastEnd() {
    return tests.reduce((latest, test) => Math.max(latest, test.started + test.seconds), 0);
  }
  const x = (seconds) => LEFT + (Math.max(0, seconds) / end) * (width - LEFT - RIGHT);

  function shape(tag, attributes, content) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (content) element.textContent = content;
    return element;
  }

  /** Return a round step of an axis: 1, 2 or 5 times a power of ten units. */
  function step(most, wanted, unit) {
    const rough = most / unit / wanted;
    const power = 10 ** Math.floor(Math.log10(rough));
    const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough);
    return factor * power * unit;
  }

  function timeTicks(svg) {
    const [unit, name] = end < 180 ? [1, "s"] : end < 3 * 3600 ? [60, "min"] : [3600, "h"];
    const each = step(end, Math.max(2, width / 130), unit);
    const digits = Math.min(4, Math.max(0, -Math.floor(Math.log10(each / unit))));
    for (let at = 0; at <= end * 1.0001; at += each) {
      svg.append(shape("line", { class: "grid", x1: x(at), x2: x(at), y1: TOP, y2: height - 20 }));
      const anchor = at === 0 ? "start" : x(at) > width - 40 ? "end" : "middle";
      svg.append(shape("text", { x: x(at), y: height - 5, "text-anchor": anchor },
        `${(at / unit).toFixed(digits)} ${name}`));
    }
  }

  function usageCurve(svg) {
    const most = Math.max(...data.usage.map((sample) => sample[2]), 1);
    const each = Math.max(1, step(most, 3, 1024 ** Math.floor(Math.log(most) / Math.log(1024))));
    const highest = Math.ceil(most / each) * each;
    const y = (bytes) => TOP + curve - (bytes / highest) * curve;
    for (let at = 0; at <= highest; at += each) {
      svg.append(shape("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(at), y2: y(at) }));
      svg.append(shape("text", { x: LEFT - 8, y: y(at) + 4, "text-anchor": "end" },
        size(at).replace(".0 ", " ")));
    }
    const points = data.usage.map(([at, , bytes]) => `${x(at).toFixed(1)},${y(bytes).toFixed(1)}`);
    const first = x(data.usage[0][0]), last = x(data.usage.at(-1)[0]);
    svg.append(shape("path", { class: "area", d: `M${first},${y(0)}L${points.join("L")}L${last},${y(0)}Z` }));
    svg.append(shape("path", { class: "curve", d: `M${points.join("L")}` }));
  }

  /** Draw the bars of a lane; those that share pixels are merged, so that 5,000 tests stay fast. */
  function drawLane(svg, lane, above) {
    let path = "", from = null, to = null;
    const put = () => { if (from !== null) path += `M${from} ${above}H${to}V${above + LANE}H${from}Z`; };
    for (const test of lane.tests) {
      const start = Math.round(x(test.started) * 2) / 2;
      const stop = Math.max(start + lane.least, Math.round(x(test.started + test.seconds) * 2) / 2);
      if (from !== null && start <= to) to = Math.max(to, stop);
      else { put(); from = start; to = stop; }
    }
    put();
    svg.append(shape("path", { class: lane.name, d: path }),
      shape("text", { x: LEFT - 8, y: above + 12, "text-anchor": "end" }, lane.words));
  }

  function draw() {
    width = chart.clientWidth;
    if (!width) return;
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img",
      "aria-label": summary() });
    timeTicks(svg);
    if (curve) usageCurve(svg);
    lanes.forEach((lane, index) => drawLane(svg, lane, top + index * (LANE + GAP)));
    cursor = shape("line", { class: "cursor", y1: TOP, y2: height - 20 });
    svg.append(cursor);
    chart.replaceChildren(svg);
    pointAt(moment, named);
  }

  function summary() {
    const most = data.usage.reduce((top, sample) => Math.max(top, sample[2]), 0);
    const some = (name) => number(lanes.find((lane) => lane.name === name)?.tests.length ?? 0);
    const used = curve ? `peak of ${size(most)} in the temp directory; ` : "";
    return `Timeline of ${duration(end)}: ${used}${plural(tests.length, tested.one, tested.many)}, `
      + `${some("failed")} failed${data.looked ? `, ${some("leaked")} leaked` : ""}.`;
  }

  /** Return the last element that began at or before a time. */
  function latest(list, start, at) {
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (start(list[middle]) <= at) low = middle + 1;
      else high = middle;
    }
    return list[low - 1];
  }

  /** Return the test that ran at a time, give or take a pixel. */
  function testAt(seconds) {
    const near = end / Math.max(1, width - LEFT - RIGHT);
    const test = latest(tests, (entry) => entry.started, seconds + near / 2);
    return test && test.started + test.seconds >= seconds - near ? test : undefined;
  }

  function outcome(test) {
    const run = test.run ? ` (run ${test.run})` : "";
    const took = test.owner === undefined ? `, ${duration(test.seconds)}` : "";
    return `${run} (${test.status}${took}${test.left ? `, left ${number(test.left)}` : ""})`;
  }

  /** Return a name in two parts, of which the style sheet shortens the first. */
  function nameParts(id) {
    const last = splitId(id)[0];
    return [id.slice(0, id.length - last.length), last].map((part) => make("span", {}, part));
  }

  function pointAt(seconds, test) {
    [moment, named] = [seconds, test];
    cursor?.setAttribute("x1", x(seconds));
    cursor?.setAttribute("x2", x(seconds));
    const sample = latest(data.usage, (entry) => entry[0], seconds);
    const parts = [`${seconds.toFixed(2)} s`];
    if (sample) parts.push(`${size(sample[2])} in ${plural(sample[1], "file", "files")}`);
    byId("moment").setAttribute("aria-valuetext",
      [...parts, test ? test.id + outcome(test) : "no test ran"].join(", "));
    byId("moment-text").replaceChildren(make("span", {}, `${parts.join("  ·  ")}  ·  `),
      ...(test ? [make("span", { class: "name", title: test.id }, ...nameParts(test.id)),
        make("span", {}, outcome(test))] : ["no test ran"]));
    byId("moment-test").disabled = !test;
  }

  function start(show) {
    const range = byId("moment");
    range.max = Math.max(0, tests.length - 1);
    range.disabled = !tests.length;
    range.addEventListener("input", () => pointAt(tests[range.value].started, tests[range.value]));
    const followPointer = (event) => {
      const left = chart.getBoundingClientRect().left;
      const share = (event.clientX - left - LEFT) / (width - LEFT - RIGHT);
      const seconds = Math.min(1, Math.max(0, share)) * end;
      const test = testAt(seconds);
      range.value = tests.indexOf(test ?? latest(tests, (entry) => entry.started, seconds));
      pointAt(seconds, test);
    };
    chart.addEventListener("pointermove", followPointer);
    chart.addEventListener("pointerdown", followPointer);
    byId("moment-test").addEventListener("click", () => show(named));
    new ResizeObserver(() => { if (chart.clientWidth !== width) draw(); }).observe(chart);
    draw();
  }

  return { start };
})();
