"""Keep the one comment of experiments on a pull request up to date, and take its label off: the next run is asked for.

Usage:  python comment.py REPORT
Reads:  REPORT, Markdown; where it is not there, RESULT says why
        from the environment
        GITHUB_REPOSITORY, NUMBER    the pull request
        RESULT                       of the job that should have written REPORT: success, failure, cancelled, ...
        RUN_URL, LABEL               of the run; the label that asked for it
        AUTHOR                       who writes the comments: github-actions[bot]
Writes: the comment, by `gh`, whose token is in GH_TOKEN

Edited is a comment that AUTHOR wrote and that begins with the mark of `report`; where there is none, one is made.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from report import FENCE, MARK

MOST = 65_536  # characters of a comment on GitHub
LOST = """{mark}

### The experiment ended without a report ({result})

The runner was lost, or the job was cancelled, or took too long: see [the run]({url}). Set the label `{label}` again and
training goes on where it was, if the runner's disk is still there."""


def gh(*words: str, body: str | None = None) -> str:
    """What `gh api` says, `body` as its input. Ends with an error where it refuses, is not there or not logged in."""
    try:
        done = subprocess.run(["gh", "api", *words], input=body, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit("gh is not here: expected the GitHub CLI on PATH")
    if done.returncode:
        sys.exit(f"gh api {words[-1]}: {' '.join(done.stderr.split()) or f'exit status {done.returncode}'}")
    return done.stdout


def found(place: str, author: str) -> str | None:
    """The comment that is there already, by its number; the first of several."""
    query = f'.[] | select(.user.login == "{author}") | select(.body | startswith("{MARK}")) | .id'
    numbers = gh("--paginate", "--jq", query, f"{place}?per_page=100").split()
    return numbers[0] if numbers else None


def cut(text: str, note: str) -> str:
    """A text that is too long without its end, at a line, what was open there closed, and the note."""
    if len(text) <= MOST:
        return text
    closing = [f"\n{FENCE}", "\n</details>"]
    kept = text[: MOST - len(note) - sum(map(len, closing)) - 2].rpartition("\n")[0]
    if kept.count(FENCE) % 2:
        kept += closing[0]
    if kept.count("<details>") > kept.count("</details>"):
        kept += closing[1]
    return f"{kept}\n\n{note}"


def main() -> None:
    """Write or edit the comment, then take the label off."""
    if len(sys.argv) != 2:
        sys.exit("expected REPORT")
    report, words = Path(sys.argv[1]), os.environ
    url, label = words["RUN_URL"], words["LABEL"]
    lost = LOST.format(mark=MARK, result=words["RESULT"], url=url, label=label)
    text = report.read_text(encoding="utf-8") if report.is_file() else lost
    text = text if text.startswith(MARK) else f"{MARK}\n\n{text}"
    body = json.dumps({"body": cut(text, f"*This is longer than a comment may be: [the run]({url}) has all of it.*")})
    repository = f"repos/{words['GITHUB_REPOSITORY']}"
    comments = f"{repository}/issues/{words['NUMBER']}/comments"
    number = found(comments, words.get("AUTHOR", "github-actions[bot]"))
    if number is None:
        gh("--method", "POST", "--input", "-", comments, body=body)
    else:
        gh("--method", "PATCH", "--input", "-", f"{repository}/issues/comments/{number}", body=body)
    labels = json.loads(gh(f"{repository}/issues/{words['NUMBER']}/labels"))
    if label in [each["name"] for each in labels]:
        gh("--method", "DELETE", f"{repository}/issues/{words['NUMBER']}/labels/{label}")


if __name__ == "__main__":
    main()
