"""The style sheet of the page: it is in the page, which asks the network for nothing."""

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1b1c1f;--quiet:#5c5e63;--rule:#e3e4e7;
--axis:#8e9096;--raised:#f5f6f8}
@media(prefers-color-scheme:dark){:root{--ground:#17181b;--ink:#e9e9eb;--quiet:#a6a8ae;
--rule:#303237;--axis:#74767c;--raised:#212327}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main,footer{max-width:62rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2rem}
footer{padding-bottom:3rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.3rem;line-height:1.3;margin:3.5rem 0 .25rem;padding-top:1rem;
border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:0}
p{margin:.4rem 0;max-width:46rem}
a{color:inherit;text-underline-offset:.15em}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--ours);
outline-offset:2px}
nav ul{margin:.75rem 0;padding:0;list-style:none}
.quiet,figcaption p,.notes,footer{color:var(--quiet);font-size:.875rem}
.lead{font-size:1.05rem}
code{font:.8125rem/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
figure{margin:2rem 0}
figcaption{margin-bottom:.5rem}
.notes{padding-left:1.2rem;max-width:46rem}
.notes li{margin:.2rem 0;overflow-wrap:anywhere}

svg{display:block;overflow:visible;font-size:13px;margin:0 var(--right) 0 var(--left);
width:calc(100% - var(--left) - var(--right))}
svg text{fill:var(--ink);paint-order:stroke;stroke:var(--ground);stroke-width:3px;
stroke-linejoin:round}
svg .roomy{stroke:none}
svg .quiet{fill:var(--quiet);font-size:.92em}
svg .heading{font-weight:600;transform:translateX(calc(8px - var(--left)))}
svg .end{text-anchor:end}
svg .middle{text-anchor:middle}
svg .fill{fill:var(--hue)}
svg .faint .fill{fill-opacity:.5;stroke:var(--hue)}
svg .part{fill:var(--hue);stroke:var(--hue)}
svg .stroke{stroke:var(--hue);stroke-width:2;stroke-linecap:round}
svg .dashed{stroke-width:1;stroke-dasharray:4 4}
svg .thin{stroke:var(--hue);stroke-width:1.5}
svg .axis{stroke:var(--axis)}
svg .grid{stroke:var(--rule)}
svg .mark{stroke:var(--ink);stroke-dasharray:3 3}
svg .whisker{stroke:var(--ink);stroke-width:1.25}
svg .ring{stroke:var(--ground);stroke-width:3.5;stroke-opacity:.75}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:13px}
.legend i{display:inline-block;width:.9em;height:.9em;margin-right:.4em;vertical-align:-.08em;
background:var(--ink)}

details{margin-top:.6rem;font-size:.875rem}
summary{cursor:pointer;color:var(--quiet);width:fit-content}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .75rem .2rem 0;text-align:right;vertical-align:top;
border-bottom:1px solid var(--rule)}
th{font-weight:600}
tbody th{font-weight:400}
tbody th,td{white-space:nowrap}
.words td{white-space:normal;overflow-wrap:anywhere}
th:first-child,.words td{text-align:left}
.words th{text-align:left}
tbody tr:hover{background:var(--raised)}

@media(max-width:40rem){body{font-size:15px}svg{font-size:11px}.roomy{display:none}
header,main,footer{padding-left:.9rem;padding-right:.9rem}}
@media print{h2,figure{break-inside:avoid}}
"""
