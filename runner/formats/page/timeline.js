// The timeline: its drawing is in the markup; here are the cursor and the test at a moment.

const timeline = (() => {
  const chart = byId("chart");
  if (!chart) return null;
  const tests = data.tests.filter((test) => test.started || test.seconds)
    .sort((a, b) => a.started - b.started);
  const range = byId("moment");
  let named = null;

  /** Return the drawing that is shown: the one for a wide or the one for a narrow window. */
  const drawing = () => [...chart.querySelectorAll("svg")].find((svg) => svg.clientWidth);

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
    named = test;
    const { left, right, seconds: all } = drawing()?.dataset ?? {};
    byId("cursor").style.left = `${100 * (+left + (seconds / all) * (right - left))}%`;
    const sample = latest(data.usage, (entry) => entry[0], seconds);
    const parts = [`${seconds.toFixed(2)} s`];
    if (sample) parts.push(`${size(sample[2])} in ${plural(sample[1], "file", "files")}`);
    range.setAttribute("aria-valuetext",
      [...parts, test ? test.id + outcome(test) : "no test ran"].join(", "));
    byId("moment-text").replaceChildren(make("span", {}, `${parts.join("  ·  ")}  ·  `),
      ...(test ? [make("span", { class: "name", title: test.id }, ...nameParts(test.id)),
        make("span", {}, outcome(test))] : ["no test ran"]));
    byId("moment-test").disabled = !test;
  }

  function followPointer(event) {
    const { left, right, seconds: all } = drawing().dataset;
    const box = chart.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width - left) / (right - left);
    const seconds = Math.min(1, Math.max(0, share)) * all;
    const near = all / box.width;  // a pixel
    const test = latest(tests, (entry) => entry.started, seconds + near / 2);
    range.value = tests.indexOf(test);
    pointAt(seconds, test && test.started + test.seconds >= seconds - near ? test : undefined);
  }

  function start(show) {
    range.max = Math.max(0, tests.length - 1);
    range.disabled = !tests.length;
    for (const control of [range.parentElement, byId("cursor")]) control.hidden = false;
    range.addEventListener("input", () => pointAt(tests[range.value].started, tests[range.value]));
    chart.addEventListener("pointermove", followPointer);
    chart.addEventListener("pointerdown", followPointer);
    byId("moment-test").addEventListener("click", () => show(named));
    pointAt(tests[0]?.started ?? 0, tests[0]);
  }

  return { start };
})();
