"""How the page looks: calm, one colour, the fonts of the reader's own system, light and dark."""

CSS = """
.gradio-container {
  width: 100% !important; max-width: 1180px !important; margin: 0 auto !important;
  padding: clamp(8px, 2vw, 24px) clamp(2px, 1.5vw, 20px) 48px !important; }
.gradio-container .main.fillable { padding: 16px clamp(4px, 2.5vw, 32px) !important; }
footer { display: none !important; }
.voxdag h1 { font-size: 1.5rem; font-weight: 600; margin: 0 0 .3rem; }
.voxdag h2 { font-size: 1.15rem; font-weight: 600; margin: 0 0 .5rem; }
.voxdag p { margin: 0 0 .6rem; line-height: 1.5; }
.voxdag .about, .voxdag .note, .voxdag .caption, .voxdag figcaption, .voxdag .words {
  color: var(--body-text-color-subdued); font-size: .9rem; line-height: 1.45; }
.voxdag .about { max-width: 46rem; } .voxdag p.note { margin: -.4rem 0 0; }
.voxdag section { border-top: 1px solid var(--border-color-primary); padding: 1.2rem 0 .6rem; }
.voxdag section:first-child { border-top: 0; padding-top: 0; }
.voxdag .result { margin: 1rem 0; }
.voxdag .result strong { display: block; font-size: 1.7rem; font-weight: 600; line-height: 1.3; }
.voxdag .file { color: var(--body-text-color-subdued); overflow-wrap: anywhere; }
.voxdag .error { border-left: 3px solid #b3261e; padding: .5rem .8rem; margin: 1rem 0; overflow-wrap: anywhere; }
.voxdag dl.facts { margin: 0 0 1.2rem; }
.voxdag dl.facts > div { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 1rem;
  padding: .35rem 0; }
.voxdag dt { flex: 1 1 12rem; font-weight: 400; }
.voxdag dd { flex: 999 1 18rem; min-width: 0; margin: 0;
  display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .8rem; }
.voxdag dd .note { flex: 1 1 16rem; min-width: 0; }
.voxdag .value { font-weight: 600; font-variant-numeric: tabular-nums; min-width: 4rem; }
.voxdag .bar { flex: 0 1 12rem; height: .5rem; align-self: center; background: var(--border-color-primary);
  position: relative; }
.voxdag .bar span { display: block; height: 100%; background: #0072b2; }
.voxdag .bar i { position: absolute; top: -.25rem; bottom: -.25rem; width: 2px; margin-left: -1px;
  background: var(--body-text-color); }
.voxdag figure { margin: 0 0 1.4rem; }
.voxdag figure img { max-width: 100%; height: auto; background: #fff; }
.voxdag figcaption { max-width: 46rem; margin-top: .3rem; }
.voxdag .player { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem; margin: 0 0 .8rem; }
.voxdag .player .words { min-width: 11rem; }
.voxdag td .player { margin: 0; flex-wrap: nowrap; gap: .6rem; } .voxdag td a.save { margin: 0 !important; }
.voxdag td .player .words { display: none; }
.voxdag audio { height: 36px; width: 100%; max-width: 19rem; } .voxdag td audio { width: 12rem; }
.voxdag .wide { overflow-x: auto; margin: 0 0 1.2rem; padding-bottom: .3rem; }
.voxdag .wide::-webkit-scrollbar { height: 10px; }
.voxdag .wide::-webkit-scrollbar-track { background: var(--border-color-primary); }
.voxdag .wide::-webkit-scrollbar-thumb { background: var(--body-text-color-subdued); }
.voxdag table { border: 0 !important; min-width: min(100%, 36rem);
  border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
.voxdag p.caption { margin: 0 0 .4rem; max-width: 46rem; }
.voxdag th, .voxdag td { text-align: left; padding: .3rem .9rem .3rem 0 !important; border: 0 !important;
  border-bottom: 1px solid var(--border-color-primary) !important; vertical-align: top; white-space: nowrap; }
.voxdag th { font-weight: 600; white-space: normal; vertical-align: bottom; }
.voxdag .files th { white-space: nowrap; }
.voxdag .files td:nth-child(-n+2) { white-space: normal; min-width: 7.5rem; max-width: 18rem; }
.voxdag .files td:first-child { overflow-wrap: anywhere; }
.voxdag tr { border: 0 !important; }
.voxdag details { margin: 0 0 1rem; } .voxdag summary { cursor: pointer; margin-bottom: .6rem; }
.voxdag a.save { color: var(--link-text-color); text-decoration: underline; margin-right: 1.2rem; }
.voxdag :focus-visible { outline: 2px solid #0072b2; outline-offset: 2px; }
"""
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
BLUE, DARK_BLUE = "#00639c", "#004f7d"  # of the button; white on them has a contrast of 6.4 and 8.6
SUBDUED, SUBDUED_DARK = "#4b5563", "#b6bcc6"  # of what stands beside a number, on white and on nearly black
LINK, LINK_DARK = "#00639c", "#7cc4f2"
