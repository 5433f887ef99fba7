"""Take an experiment from its bundle to the repository, where `dvc exp pull` and the pictures of the comment find it.

Usage:  python publish.py BUNDLE [REMOTE]     in a clone that has the commit that the experiment was run from
Reads:  HEAD, the commit that it was run from
Writes: one ref of REMOTE (origin), refs/exps/...: never a branch or a tag

This is what `dvc exp push` does, without DVC and without the tree's code: it alone is given a token that may write.
"""

from __future__ import annotations

import re
import subprocess
import sys

from report import ref

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def git(*words: str) -> str:
    """What git says. Ends with its error where it refuses."""
    done = subprocess.run(["git", *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def held(bundle: str) -> str:
    """The ref that a bundle holds. Ends with an error where it is anything but one experiment of HEAD."""
    refs = [line.split(" ", 1)[1] for line in git("bundle", "list-heads", bundle).splitlines()]
    head = git("rev-parse", "HEAD")
    names = [found.rpartition("/")[2] for found in refs]
    if len(refs) != 1 or not NAME.fullmatch(names[0]) or refs[0] != ref(head, names[0]):
        sys.exit(f"{bundle} holds {', '.join(refs) or 'nothing'}, expected one experiment of {head}")
    return refs[0]


def main() -> None:
    """Fetch from the bundle, push to the remote. A ref of the same name, of an earlier try, is replaced."""
    if len(sys.argv) not in (2, 3):
        sys.exit("expected BUNDLE [REMOTE]")
    bundle, remote = sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "origin"
    found = held(bundle)
    git("bundle", "verify", bundle)
    git("fetch", "--no-tags", bundle, f"+{found}:{found}")
    git("push", remote, f"+{found}:{found}")
    print(found)


if __name__ == "__main__":
    main()
