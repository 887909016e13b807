// Draws tables as charts. A chart holds no figures of its own: `data-from` names the table that has them, each row with
// its time (`data-t`, seconds) and value (`data-v`), so that whoever cannot see the chart reads the same.
(() => {
  "use strict";
  const drawn = new Map();
  const resolved = (name) => {
    const probe = document.createElement("span");
    probe.className = `probe-${name}`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  const rows = (table) => [...table.tBodies[0].rows].map((row) => ({
    at: Number(row.dataset.t), value: Number(row.dataset.v), ahead: "ahead" in row.dataset,
    text: [...row.cells].slice(1).map((cell) => cell.textContent.trim()),
  }));

  function data(kind, table) {
    const found = rows(table);
    if (kind === "spend") return [found.map((one) => one.at), found.map((one) => one.value)];
    const last = found.findLastIndex((one) => !one.ahead);
    return [
      found.map((one) => one.at),
      found.map((one) => (one.ahead ? null : one.value)),
      found.map((one, index) => (one.ahead || index === last ? one.value : null)),
    ];
  }

  // The marks of an axis with as many places as its step needs: $0.00, $0.50, $1.00.
  const marks = (unit) => (_, splits) => {
    if (unit !== "USD") return splits.map((value) => value.toLocaleString("en-US"));
    const step = splits.length > 1 ? splits[1] - splits[0] : 1;
    let places = Number.isInteger(step) ? 0 : 2;
    while (places < 9 && Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) > 1e-6) places += 1;
    const digits = { minimumFractionDigits: places, maximumFractionDigits: places };
    return splits.map((value) => `${value < 0 ? "-" : ""}$${Math.abs(value).toLocaleString("en-US", digits)}`);
  };

  // In 24 hours; the date stands below where it changes.
  const stamps = [
    [86400, "{MMM} {D}", null, null, null, null, null, null, 1],
    [60, "{HH}:{mm}", "\n{MMM} {D}", null, "\n{MMM} {D}", null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", "\n{MMM} {D}", null, "\n{MMM} {D}", null, null, null, 1],
  ];

  function axes(unit) {
    const line = { stroke: resolved("line"), width: 1 };
    const shared = { stroke: resolved("muted"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    return [
      { ...shared, grid: { show: false }, size: 44, values: stamps },
      { ...shared, grid: line, size: 70, values: marks(unit) },
    ];
  }

  function series(kind) {
    const accent = resolved("accent");
    if (kind === "spend") {
      return [{}, { label: "Cost", fill: accent, width: 0, points: { show: false },
        paths: uPlot.paths.bars({ size: [0.85, 40], align: 1 }) }];
    }
    return [{},
      { label: "So far", stroke: accent, fill: resolved("soft"), width: 2, points: { show: false } },
      { label: "Projected", stroke: resolved("muted"), width: 2, dash: [5, 5], points: { show: false } }];
  }

  function tip(chart, host, table) {
    const { idx } = chart.cursor;
    const box = host.querySelector(".tip");
    const row = idx === null || idx === undefined ? null : table.tBodies[0].rows[idx];
    box.hidden = !row;
    if (!row) return;
    const heads = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
    box.textContent = [row.cells[0].textContent, ...[...row.cells].slice(1).map((cell, at) => `${heads[at]} ${cell.textContent}`)].join(" · ");
  }

  function draw(host) {
    const table = document.getElementById(host.dataset.from);
    if (!table || typeof uPlot === "undefined") return;
    const kind = host.dataset.chart;
    const unit = table.dataset.unit ?? "USD";
    const values = data(kind, table);
    const old = drawn.get(host);
    if (old) { old.setData(values); return; }
    host.replaceChildren();
    const box = document.createElement("p");
    box.className = "tip";
    box.setAttribute("aria-hidden", "true");
    box.hidden = true;
    const chart = new uPlot({
      width: host.clientWidth, height: 190, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      legend: { show: false }, cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: { x: { time: true, range: (_, low, high) => [low, high + Number(table.dataset.step ?? 0)] }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] } },
      axes: axes(unit), series: series(kind),
      hooks: { setCursor: [(one) => tip(one, host, document.getElementById(host.dataset.from))] },
    }, values, host);
    chart.root.setAttribute("aria-hidden", "true");
    host.append(box);
    drawn.set(host, chart);
  }

  function all() {
    for (const [host, chart] of drawn) if (!host.isConnected) { chart.destroy(); drawn.delete(host); }
    for (const host of document.querySelectorAll("[data-chart]")) draw(host);
  }
  function again() {
    for (const chart of drawn.values()) chart.destroy();
    drawn.clear();
    all();
  }
  let waiting = 0;
  addEventListener("resize", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(() => {
    for (const [host, chart] of drawn) chart.setSize({ width: host.clientWidth, height: 190 });
  }); });
  document.addEventListener("spanledger:theme", again);
  document.addEventListener("spanledger:fresh", all);
  all();
})();
