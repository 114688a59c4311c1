/** How the pages look: system fonts, no script, nothing loaded from anywhere; light, dark, small and on paper. */

export const STYLE = `
:root { color-scheme: light dark; --ground: #eef1f4; --card: #fff; --ink: #1b2733; --quiet: #51606f; --line: #d5dce3;
  --accent: #1f5f8b; --wash: #f4f7f9; --stop: #9a3412; --go: #1d6b43; }
@media (prefers-color-scheme: dark) { :root { --ground: #11171d; --card: #1a222b; --ink: #e6ebf0; --quiet: #a3b1bf;
  --line: #33404d; --accent: #7fb8de; --wash: #212b36; --stop: #f0a07a; --go: #83cfa4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1.0625rem/1.6 system-ui, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 44rem; margin: 6vh auto 3rem; background: var(--card); border: 1px solid var(--line);
  border-top: 4px solid var(--accent); border-radius: 6px; padding: 2rem 2.5rem 2.25rem; overflow-wrap: break-word; }
.brand { display: flex; align-items: center; gap: .55rem; margin: 0 0 1.1rem; color: var(--quiet); font-size: .9375rem; }
.brand svg { width: 1.25rem; height: 1.25rem; flex: none; color: var(--accent); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .75rem; text-wrap: balance; }
h2, h3 { font-size: 1.0625rem; line-height: 1.4; margin: 0 0 .15rem; }
p { margin: 0 0 1rem; }
section { margin: 1.4rem 0 0; }
section p:last-child, .instead p:last-child { margin-bottom: 0; }
.instead { background: var(--wash); border-left: 4px solid var(--go); border-radius: 4px; padding: .9rem 1.1rem; }
article h2 { font-size: 1.2rem; }
.note { background: var(--wash); border-left: 4px solid var(--accent); border-radius: 4px; padding: .75rem 1.1rem; }
.said { white-space: pre-line; }
.quiet { color: var(--quiet); font-size: .9375rem; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 1.4rem 0 0; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; min-width: 0; }
code { font: .9375em/1.5 ui-monospace, 'SFMono-Regular', Consolas, 'Liberation Mono', monospace; }
.reference { display: inline-block; margin: .2rem 0 .4rem; padding: .3rem .65rem; border: 1px solid var(--line); border-radius: 4px;
  background: var(--wash); font-weight: 600; user-select: all; }
.block, .refuse { color: var(--stop); font-weight: 600; }
.allow, .log, .except, .would-block { color: var(--go); font-weight: 600; }
a { color: var(--accent); text-underline-offset: .15em; }
a:focus-visible, input:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
ul.links { padding-left: 1.2rem; margin: 1.25rem 0 0; } ul.links li { margin: .4rem 0; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 0; font-size: .9375rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; }
article { border-top: 1px solid var(--line); margin-top: 1.5rem; padding-top: 1.4rem; }
form { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; margin: 1.25rem 0 0; }
label { flex: 1 1 18rem; font-weight: 600; }
input, button { font: inherit; color: inherit; padding: .45rem .7rem; border: 1px solid var(--quiet); border-radius: 4px; background: var(--card); }
input { display: block; width: 100%; font-weight: 400; }
button { background: var(--accent); border-color: var(--accent); color: var(--card); font-weight: 600; cursor: pointer; }
footer { border-top: 1px solid var(--line); margin: 1.75rem 0 0; padding: 1rem 0 0; }
footer p { margin: 0; }
@media (max-width: 40rem) { main { margin: 0; border-width: 4px 0 0; border-radius: 0; min-height: 100vh; padding: 1.4rem 1.15rem 2rem; }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: .6rem; } .wide { display: none; } }
@media print { :root { color-scheme: light; --ground: #fff; --card: #fff; --ink: #000; --quiet: #333; --accent: #000; --wash: #fff; --line: #999; --stop: #000; --go: #000; }
  main { border: 0; margin: 0; padding: 0; max-width: none; } form { display: none; } a::after { content: ' (' attr(href) ')'; font-size: .85em; } }
`
