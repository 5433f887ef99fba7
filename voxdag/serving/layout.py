"""The page in the framework's components: systems to choose, a place for files, a recorder, a button, an answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import gradio

from voxdag.serving import look, markup

log = logging.getLogger(__name__)

TITLE = "voxdag"
EMPTY = "Choose a system, add one file or several, or record, and press Run."
WORKING = "Working …"
KEPT = (
    "Everything stays on the machine that runs this page. Files are deleted as soon as they are scored, and within 15 "
    "minutes if they are not."
)

Scores = Callable[[Sequence[str], Sequence[Path]], str]  # systems, files -> HTML; it deletes the files


def page(names: Sequence[tuple[str, str]], limits: str, scores: Scores, waiting: int) -> gradio.Blocks:
    """The page. names: (label, name) of each system; limits: in words; waiting: requests that may wait."""
    with gradio.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        head = markup.text("h1", TITLE) + markup.text("p", KEPT, "about")
        gradio.HTML(markup.element("div", head, "voxdag"), js_on_load=None)
        with gradio.Row(equal_height=False):
            with gradio.Column(scale=2, min_width=300):
                chosen = gradio.CheckboxGroup(list(names), value=[names[0][1]], label="Systems")
                files = gradio.File(file_count="multiple", label="Files", height=150)
                gradio.HTML(markup.element("div", markup.text("p", f"{limits}.", "note"), "voxdag"), js_on_load=None)
                recorded = gradio.Audio(
                    sources=["microphone"], type="filepath", label="Or record", editable=False, buttons=[]
                )
                button = gradio.Button("Run", variant="primary")
            with gradio.Column(scale=5, min_width=320):
                answer = gradio.HTML(_empty(), js_on_load=None, elem_id="answer", min_height=120)

        def score(systems: list[str], uploaded: list[str] | None, recording: str | None) -> tuple[str, None, None]:
            paths = [Path(path) for path in [*(uploaded or []), *([recording] if recording else [])]]
            return scores(systems, paths), None, None

        started = button.click(None, None, answer, js=_working(), show_progress="hidden", api_visibility="private")
        started.then(
            score,
            [chosen, files, recorded],
            [answer, files, recorded],
            concurrency_limit=1,
            api_visibility="private",
            show_progress_on=[button],
        )
    return blocks.queue(max_size=waiting, default_concurrency_limit=1)


def theme() -> gradio.themes.Base:
    """One blue, system fonts, little rounding; contrasts of 4.5 and more."""
    base = gradio.themes.Base(primary_hue="blue", neutral_hue="gray", font=look.FONTS, font_mono=look.MONO)
    return base.set(
        body_text_color_subdued=look.SUBDUED,
        body_text_color_subdued_dark=look.SUBDUED_DARK,
        link_text_color=look.LINK,
        link_text_color_dark=look.LINK_DARK,
        button_primary_background_fill=look.BLUE,
        button_primary_background_fill_dark=look.BLUE,
        button_primary_background_fill_hover=look.DARK_BLUE,
        button_primary_background_fill_hover_dark=look.DARK_BLUE,
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        checkbox_background_color_selected=look.BLUE,
        checkbox_background_color_selected_dark=look.BLUE,
        block_radius="4px",
        button_large_radius="4px",
    )


def _empty() -> str:
    return _said(EMPTY)


def _working() -> str:
    """What the browser does by itself: no request of its own, which would wait behind those that are being scored."""
    return f"() => {json.dumps(_said(WORKING))}"


def _said(words: str) -> str:
    return markup.element("div", markup.text("p", words, "about", role="status"), "voxdag")
