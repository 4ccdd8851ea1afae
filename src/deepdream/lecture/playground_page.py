"""A page to play with: one file, no server. Sliders for a neuron, a threshold and the network's state."""

from __future__ import annotations

import html
import json
from typing import Any

import torch

from deepdream.lecture.play import Play

__all__ = ["play_page"]


def play_page(play: Play, *, dark: bool = False) -> str:
    """The page as text. It holds the samples and the weights of every saved state, and computes by itself.

    >>> from deepdream.lecture.datasets import toy
    >>> from deepdream.lecture.play import train_playground
    >>> from deepdream.lecture.training import TrainingSettings
    >>> play_page(train_playground(toy("gauss"), [2], TrainingSettings(epochs=20)))[:15]
    '<!DOCTYPE html>'
    """
    numbers = json.dumps(_numbers(play), separators=(",", ":")).replace("<", "\\u003c")
    about = f"{play.model} on {play.table.about} (columns standardized)"
    parts = {"ABOUT": html.escape(about), "NUMBERS": numbers, "THEME": "dark" if dark else "light"}
    page = _PAGE
    for name, value in parts.items():
        page = page.replace(f"@{name}@", value)
    return page


def _numbers(play: Play) -> dict[str, Any]:
    states = []
    for epoch, model in play.states():
        layers = [{"W": _short(layer.weight), "b": _short(layer.bias)} for layer in model.linear]
        result = play.history.epochs[epoch]
        states.append({"epoch": epoch, "loss": result.loss, "accuracy": result.accuracy, "layers": layers})
    return {
        "X": _short(torch.as_tensor(play.table.X)),
        "y": play.table.y.tolist(),
        "activations": [f.name for f in play.model.activations],
        "states": states,
    }


def _short(values: torch.Tensor) -> Any:
    return torch.round(values.detach(), decimals=4).tolist()


_PAGE = r"""<!DOCTYPE html>
<html lang="en" data-theme="@THEME@">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Neuron playground</title>
<style>
:root { --ink: #1a1a1a; --paper: #fff; --faint: #bdbdbd; --neg: #0072b2; --pos: #d55e00 }
[data-theme=dark] { --ink: #f2f2f2; --paper: #14171c; --faint: #4a505a; --neg: #56b4e9; --pos: #e69f00;
  color-scheme: dark }
body { font: 20px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 1.5rem auto;
  max-width: 72rem; padding: 0 1rem }
section { display: grid; grid-template-columns: minmax(16rem, 26rem) 1fr; gap: 1rem 2rem; align-items: start;
  border-top: 2px solid var(--faint); padding: 1rem 0 }
h1, h2 { line-height: 1.15 } h2 { grid-column: 1 / -1; margin: 0 }
canvas, svg { width: 100%; height: auto; border: 1px solid var(--faint) }
label { display: grid; grid-template-columns: 9rem 1fr 5rem; gap: .6rem;
  align-items: center; margin: .5rem 0 }
input[type=range] { width: 100%; height: 2rem; accent-color: var(--pos) }
output { font-variant-numeric: tabular-nums; text-align: right }
select { font: inherit } table { border-collapse: collapse } td, th { border: 1px solid var(--faint);
  padding: .3rem .8rem; text-align: right }
:focus-visible { outline: 3px solid var(--pos) }
@media (max-width: 50rem) { section { grid-template-columns: 1fr } }
</style>
</head>
<body>
<h1>Neuron playground</h1>
<p>@ABOUT@. Circles are class 0, squares class 1; blue regions mean 0, orange regions 1.</p>
<section aria-labelledby="h-neuron">
<h2 id="h-neuron">One neuron: a = f(w₁x₁ + w₂x₂ + b)</h2>
<canvas id="neuron" width="400" height="400"
 role="img" aria-label="Output of one neuron over the plane"></canvas>
<div>
<label>weight w₁ <input type="range" id="w1" min="-5" max="5" step="0.1" value="2"><output></output></label>
<label>weight w₂ <input type="range" id="w2" min="-5" max="5" step="0.1" value="1"><output></output></label>
<label>bias b <input type="range" id="b" min="-5" max="5" step="0.1" value="0"><output></output></label>
<label>activation f <select id="f"><option>sigmoid</option><option>step</option><option>tanh</option>
<option>relu</option></select></label>
<p id="neuron-says" aria-live="polite"></p>
<p>The weights turn the line and sharpen it; the bias shifts it. One neuron draws one straight line.</p>
</div>
</section>
<section aria-labelledby="h-state">
<h2 id="h-state">The network while it learns</h2>
<canvas id="plane" width="400" height="400"
 role="img" aria-label="Output of the network over the plane"></canvas>
<div>
<label>state (epoch) <input type="range" id="state" min="0" step="1"><output></output></label>
<p id="state-says" aria-live="polite"></p>
<svg id="net" viewBox="0 0 600 300" role="img" aria-label="Network; wide lines are large weights"></svg>
<p>Lines: weights, orange (solid) positive, blue (dashed) negative, wide if large.</p>
</div>
</section>
<section aria-labelledby="h-threshold">
<h2 id="h-threshold">The threshold: from a number to a decision</h2>
<canvas id="scores" width="400" height="220" role="img" aria-label="Outputs of both classes"></canvas>
<div>
<label>threshold <input type="range" id="t" min="0" max="1" step="0.01" value="0.5"><output></output></label>
<table aria-live="polite"><tr><th></th><th>says 1</th><th>says 0</th></tr>
<tr><th>is 1</th><td id="tp"></td><td id="fn"></td></tr>
<tr><th>is 0</th><td id="fp"></td><td id="tn"></td></tr>
</table>
<p id="t-says"></p>
<p>The network gives a number; somebody chooses the threshold. Raising it never adds a "says 1".</p>
</div>
</section>
<script>
"use strict";
const N = @NUMBERS@;
const $ = id => document.getElementById(id);
const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const f = {
  sigmoid: z => 1 / (1 + Math.exp(-z)), step: z => z >= 0 ? 1 : 0, tanh: Math.tanh,
  relu: z => Math.max(0, z), identity: z => z };
const limit = 1.15 * Math.max(...N.X.flat().map(Math.abs));
const rgb = hex => [1, 3, 5].map(i => parseInt((hex.length === 4 ?
  "#" + [...hex.slice(1)].map(c => c + c).join("") : hex).substr(i, 2), 16));
function forward(layers, x) {
  const all = [x];
  layers.forEach((layer, k) => all.push(layer.W.map((row, j) =>
    f[N.activations[k]](row.reduce((sum, w, i) => sum + w * all[k][i], layer.b[j])))));
  return all;
}
function paint(canvas, value) {
  const ctx = canvas.getContext("2d"), n = 80, cell = canvas.width / n;
  const neg = rgb(color("--neg")), pos = rgb(color("--pos")), paper = rgb(color("--paper"));
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
    const v = value([(2 * (i + .5) / n - 1) * limit, (1 - 2 * (j + .5) / n) * limit]);
    const s = Math.max(-1, Math.min(1, 2 * v - 1)), to = s < 0 ? neg : pos, k = .65 * Math.abs(s);
    ctx.fillStyle = `rgb(${paper.map((p, c) => Math.round(p + k * (to[c] - p))).join()})`;
    ctx.fillRect(i * cell, j * cell, cell + 1, cell + 1);
  }
  N.X.forEach((x, i) => {
    const px = (x[0] / limit + 1) / 2 * canvas.width, py = (1 - x[1] / limit) / 2 * canvas.height;
    ctx.fillStyle = color(N.y[i] ? "--pos" : "--neg"); ctx.strokeStyle = color("--paper");
    ctx.beginPath();
    if (N.y[i]) ctx.rect(px - 4, py - 4, 8, 8); else ctx.arc(px, py, 4.5, 0, 7);
    ctx.fill(); ctx.stroke();
  });
}
const share = count => (count / N.y.length).toFixed(2);
function neuron() {
  const [w1, w2, b] = ["w1", "w2", "b"].map(id => +$(id).value), g = f[$("f").value];
  const middle = $("f").value === "tanh" ? v => (v + 1) / 2 : v => v;
  const cut = $("f").value === "relu" ? 0 : .5;
  const out = x => middle(g(w1 * x[0] + w2 * x[1] + b));
  paint($("neuron"), out);
  const right = N.X.filter((x, i) => (out(x) > cut) === !!N.y[i]).length;
  $("neuron-says").textContent = `z = ${w1} x₁ + ${w2} x₂ + ${b}; accuracy ${share(right)}`;
}
function diagram(layers) {
  const sizes = [layers[0].W[0].length, ...layers.map(l => l.b.length)];
  const at = (k, j) => [40 + 520 * k / (sizes.length - 1), 300 * (j + .5) / sizes[k]];
  const most = Math.max(...layers.flatMap(l => l.W.flat().map(Math.abs)));
  let marks = "";
  layers.forEach((l, k) => l.W.forEach((row, j) => row.forEach((w, i) => {
    const [x1, y1] = at(k, i), [x2, y2] = at(k + 1, j);
    marks += `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${color(w > 0 ? "--pos" : "--neg")}"
      stroke-width="${.5 + 7 * Math.abs(w) / most}" ${w > 0 ? "" : 'stroke-dasharray="9 4"'}/>`;
  })));
  sizes.forEach((n, k) => { for (let j = 0; j < n; j++) {
    const [x, y] = at(k, j);
    marks += `<circle cx="${x}" cy="${y}" r="14" fill="${color("--paper")}" stroke="${color("--ink")}"
      stroke-width="2.5"/>`;
  } });
  $("net").innerHTML = marks;
}
function network() {
  const s = N.states[+$("state").value], out = x => forward(s.layers, x).at(-1)[0];
  $("state").nextElementSibling.textContent = s.epoch;
  paint($("plane"), out);
  diagram(s.layers);
  $("state-says").textContent = `epoch ${s.epoch}: loss ${s.loss.toFixed(4)}, ` +
    `accuracy ${s.accuracy.toFixed(2)}`;
  threshold(N.X.map(out));
}
function threshold(scores) {
  const t = +$("t").value, c = { tp: 0, fp: 0, fn: 0, tn: 0 };
  scores.forEach((s, i) => c[s >= t ? (N.y[i] ? "tp" : "fp") : (N.y[i] ? "fn" : "tn")]++);
  Object.entries(c).forEach(([id, n]) => $(id).textContent = n);
  $("t-says").textContent = `accuracy ${share(c.tp + c.tn)}`;
  const canvas = $("scores"), ctx = canvas.getContext("2d"), bins = 25, w = canvas.width;
  ctx.fillStyle = color("--paper"); ctx.fillRect(0, 0, w, canvas.height);
  const counts = [0, 1].map(y => { const h = Array(bins).fill(0);
    scores.forEach((s, i) => { if (N.y[i] === y) h[Math.min(bins - 1, Math.floor(s * bins))]++; });
    return h; });
  const most = Math.max(...counts.flat());
  counts.forEach((h, y) => h.forEach((n, k) => { const high = 90 * n / most;
    ctx.fillStyle = color(y ? "--pos" : "--neg");
    ctx.fillRect(k * w / bins + 1, y ? 100 - high : 110, w / bins - 2, high); }));
  ctx.strokeStyle = color("--ink"); ctx.lineWidth = 3; ctx.beginPath();
  ctx.moveTo(t * w, 0); ctx.lineTo(t * w, 205); ctx.stroke();
  ctx.fillStyle = color("--ink"); ctx.font = "15px system-ui";
  ctx.fillText("is 1 (up), is 0 (down); output 0 … 1 from left to right", 6, 217);
}
$("state").max = N.states.length - 1; $("state").value = N.states.length - 1;
document.addEventListener("input", event => {
  const show = event.target.nextElementSibling;
  if (show && event.target.id !== "state") show.textContent = event.target.value;
  if (["w1", "w2", "b", "f"].includes(event.target.id)) neuron(); else network();
});
["w1", "w2", "b", "t"].forEach(id => $(id).nextElementSibling.textContent = $(id).value);
neuron(); network();
</script>
</body>
</html>
"""
