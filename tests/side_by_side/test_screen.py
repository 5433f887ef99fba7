"""What is seen of a run, and what happens where nobody looks any more."""

import io
import sys

from voxdag.side_by_side.screen import Screen


def test_lines_stand_under_the_name_of_their_stage(capsys):
    screen = Screen(["code", "train@aasist"])
    screen.say("code", "begun")
    screen.say("train@aasist", "epoch 1")
    screen.advance()
    screen.close()
    assert capsys.readouterr() == ("code         | begun\ntrain@aasist | epoch 1\n", "")  # no bar: this is no terminal


def test_quiet_says_nothing(capsys):
    Screen(["code"], quiet=True).say("code", "begun")
    assert capsys.readouterr() == ("", "")


def test_a_reader_who_has_seen_enough_stops_no_stage(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    screen = Screen(["code"])
    screen.say("code", "one")
    screen.say("code", "two")


def test_on_a_terminal_the_last_line_says_what_runs(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    screen = Screen(["code", "train@aasist"])
    screen.advance()
    screen.status(["train@aasist"])
    screen.close()
    assert "1 of 2 stages, " in terminal.getvalue() and ", train@aasist" in terminal.getvalue()
