// How report.html looks, in light and dark.
#pragma once

namespace millrace::harness {

inline constexpr const char* html_style = R"(
:root { color-scheme: light dark; --page: #fbfbfa; --card: #fff; --ink: #1d2327; --soft: #667079; --line: #e3e6e8;
  --ok: #1a7f4b; --ok-back: #e6f4ec; --loose: #8a6100; --loose-back: #fdf3d8; --failed: #b3261e;
  --failed-back: #fce8e6;
  --info: #2b5fa8; --publish: #5b7a99; --read: #9a86c9; --size: #2f6fd0; --flush: #c07a12; --recovery: #8d3fb0;
  --ack: #1a7f4b; --life: #d5dbe0; --code: #f3f4f5; }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --card: #1b1f23; --ink: #e4e8eb; --soft: #97a1a9;
  --line: #2c3238; --ok: #58c78b; --ok-back: #15301f; --loose: #e3b341; --loose-back: #352a0e; --failed: #ff8a80;
  --failed-back: #3d1a18; --info: #82b1ff; --publish: #8fb0d0; --read: #b8a5e6; --size: #6ea8ff; --flush: #f0a94a;
  --recovery: #cf8cf0; --ack: #58c78b; --life: #39424a; --code: #23282d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 2.5rem 1.5rem 5rem; }
h1 { font-size: 1.7rem; font-weight: 650; margin: 0 0 .6rem; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; font-weight: 650; margin: 2.6rem 0 .8rem; }
h3, h4 { font-size: .95rem; font-weight: 600; margin: 0 0 .4rem; }
small { color: var(--soft); font-weight: 400; }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: 3px; }
a:hover { text-decoration-color: currentColor; }
.meta, .note { color: var(--soft); font-size: .87rem; margin: .5rem 0; }
.chips { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0; }
.chip { border-radius: 99px; padding: .15rem .8rem; font-size: .87rem; background: var(--card);
  border: 1px solid var(--line); }
.chip.ok { color: var(--ok); background: var(--ok-back); border-color: transparent; }
.chip.loose { color: var(--loose); background: var(--loose-back); border-color: transparent; }
.chip.failed { color: var(--failed); background: var(--failed-back); border-color: transparent; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.matrix { border-collapse: collapse; width: 100%; font-size: .85rem; }
.matrix th, .matrix td { padding: .34rem .7rem; text-align: left; white-space: nowrap;
  border-top: 1px solid var(--line); }
.matrix thead th { border-top: 0; vertical-align: bottom; white-space: normal; color: var(--soft); font-weight: 500; }
.matrix tbody th { font-weight: 500; position: sticky; left: 0; background: var(--card); }
.matrix td.title { color: var(--soft); max-width: 24rem; overflow: hidden; text-overflow: ellipsis; }
.cell { font-size: .78rem; font-weight: 600; }
.cell.ok { color: var(--ok); } .cell.loose { color: var(--loose); background: var(--loose-back); }
.cell.failed { color: var(--failed); background: var(--failed-back); }
.cell.none { color: var(--soft); font-weight: 400; } .cell.info { color: var(--info); }
.failure { background: var(--card); border: 1px solid var(--line); border-left: 3px solid var(--failed);
  border-radius: 8px;
  padding: .9rem 1.1rem; margin: .7rem 0; }
.findings { margin: .3rem 0 .6rem; padding: 0; list-style: none; font-size: .9rem; }
.findings li { margin: .25rem 0; }
.findings li.failed .spec { background: var(--failed-back); color: var(--failed); }
.findings li.loose .spec { background: var(--loose-back); color: var(--loose); }
.spec { display: inline-block; font-size: .74rem; font-weight: 600; padding: .05rem .45rem; margin-right: .25rem;
  border-radius: 4px;
  background: var(--code); color: var(--soft); }
pre { background: var(--code); border-radius: 6px; padding: .6rem .8rem; margin: .4rem 0 0; font-size: .8rem;
  overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.failure pre { white-space: pre; }
details.case { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: .5rem 0;
  padding: 0 1.1rem; }
details.case > summary { cursor: pointer; padding: .65rem 0; font-size: .92rem; }
details.case > summary b { font-weight: 600; margin-right: .5rem; }
details.case[open] > summary { border-bottom: 1px solid var(--line); }
.played { padding: .9rem 0; } .played + .played { border-top: 1px solid var(--line); }
.verdict { font-size: .74rem; font-weight: 700; padding: .1rem .5rem; border-radius: 4px; margin-right: .4rem;
  background: var(--code); }
.verdict.ok { color: var(--ok); background: var(--ok-back); } .verdict.failed { color: var(--failed);
  background: var(--failed-back); }
.verdict.loose { color: var(--loose); background: var(--loose-back); }
.lines { display: grid; grid-template-columns: max-content 1fr; gap: .4rem .6rem; font-size: .86rem; color: var(--soft); }
.lines dd { margin: 0; max-width: 62rem; }
.figures { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; margin: .4rem 0 0; font-size: .82rem; }
.figures div { display: flex; gap: .4rem; } .figures dt { color: var(--soft); } .figures dd { margin: 0;
  font-variant-numeric: tabular-nums; }
.legend { font-size: .82rem; color: var(--soft); }
.key { display: inline-block; width: .7rem; height: .7rem; border-radius: 2px; margin: 0 .3rem 0 .8rem;
  vertical-align: -1px; }
.legend .key:first-child { margin-left: 0; }
.key.publish { background: var(--publish); } .key.read { background: var(--read); }
.key.size { background: var(--size); }
.key.flush { background: var(--flush); } .key.recovery { background: var(--recovery); }
.key.ack { background: var(--ack); }
.key.fault { background: var(--failed); }
.timeline { display: block; width: 100%; height: auto; margin: .3rem 0; }
.timeline text { font: 11px system-ui, sans-serif; fill: var(--soft); }
.timeline .lane { text-anchor: end; } .timeline .tick { text-anchor: middle; font-size: 10px; }
.timeline .rule { stroke: var(--line); } .timeline .grid { stroke: var(--line); stroke-dasharray: 2 4; }
.timeline .life { fill: var(--life); } .timeline .ready { stroke: var(--ack); stroke-width: 2; }
.timeline .mark { stroke-width: 1.4; fill: none; }
.timeline .publish { stroke: var(--publish); } .timeline .read { stroke: var(--read); }
.timeline .ack { stroke: var(--ack); }
.timeline .nack { stroke: var(--flush); }
.timeline .size { fill: var(--size); } .timeline .flush { fill: var(--flush); }
.timeline .recovery { fill: var(--recovery); }
.timeline .fault { stroke: var(--failed); stroke-width: 1.3; stroke-dasharray: 4 3; }
.timeline text.fault-name { fill: var(--failed); }
)";

}  // namespace millrace::harness
