"""Which code a result depends on: by meaning, through every kind of import, in toy trees."""

import ast
import hashlib
import importlib.metadata
import itertools

import pytest

from voxdag.core import code
from voxdag.core.errors import Refused

SOURCE = '''
"""A module."""

import math

RATE = 16_000  # Hz


@property
def loud(gain, floor=0.5):
    """How loud."""
    words = f"{gain:.1f} of {floor!r}"

    return math.log(gain + floor), 'words', words
'''

# One of each kind of syntax whose tree differs between Python 3.11, 3.12 and 3.13, or could.
EVERY_KIND = '''
"""Doc."""
WORDS = ("a", b"b", 1.5, 2j, None, True, ..., {}, [], {**{}}, "\\u0378\\U0001FAE8 \u00e9")
def f(a, /, b=1, *c, d: str = "x", **e) -> str:
    return f"{a!r:>{b}.2f} {d=} {{}} {b:{b}}" "tail" f'{e["k"]}' f""
class C(dict, metaclass=type):
    async def g(self):
        async with self as s:
            yield [x async for x in s if x] or (lambda: 0)
    def h(self):
        "only"
def k(x):
    try:
        match x:
            case {"a": 1, **rest} | [1, *rest]: pass
            case _: return
    except* ValueError: raise
    while (n := 1) > -1: x[1:2, ::3] += ~n
'''


@pytest.fixture
def tree(tmp_path):
    """Writes modules (dotted name -> source) into a new folder, and gives that."""
    number = itertools.count()

    def write(sources):
        root = tmp_path / str(next(number))
        for name, source in sources.items():
            file = root.joinpath(*name.split(".")).with_suffix(".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source, encoding="utf-8")
        return root

    return write


def closure(root, *modules, **names):
    """The closure of modules as sorted paths; `names` are what an item picks."""
    return sorted(file.relative_to(root).as_posix() for file in code.closure(modules, names, root))


def changed(text, before, after):
    assert before in text
    return text.replace(before, after)


# ----------------------------------------------------------------------------------------------------- by meaning


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# Hz", "# samples per second"),
        ('"""A module."""', '"""A module, said in other words."""'),
        ('    """How loud."""\n', ""),
        ("\n\nRATE", "\n\n\n\nRATE"),
        ("gain, floor=0.5", "\n    gain,\n    floor=0.5,\n"),
        ("'words'", '"words"'),
        ("'words'", "u'words'"),
        ("16_000", "16000"),
        ("math.log(gain + floor)", "(math.log((gain + floor)))"),
        ('f"{gain:.1f} of {floor!r}"', "f'{gain:.1f}' f' of {floor!r}'"),
    ],
)
def test_comments_docstrings_and_layout_change_nothing(tree, before, after):
    other = tree({"voxdag.a": changed(SOURCE, before, after)})
    assert code.describe(["voxdag.a"], {}, tree({"voxdag.a": SOURCE})) == code.describe(["voxdag.a"], {}, other)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("16_000", "16_001"),
        ("16_000", "16_000.0"),
        ("floor=0.5", "floor=0.6"),
        ("gain, floor=0.5", "gain, *, floor=0.5"),
        ("@property", "@staticmethod"),
        ("@property\n", ""),
        ("gain + floor", "gain - floor"),
        ("gain + floor", "floor + gain"),
        ("def loud", "def quiet"),
        (":.1f}", ":.2f}"),
        ("{floor!r}", "{floor!s}"),
        (" of ", " and "),
        ("'words'", "b'words'"),
        ("return math.log(gain + floor), 'words', words", "return None"),
    ],
)
def test_every_change_of_meaning_is_seen(tree, before, after):
    other = tree({"voxdag.a": changed(SOURCE, before, after)})
    assert code.describe(["voxdag.a"], {}, tree({"voxdag.a": SOURCE})) != code.describe(["voxdag.a"], {}, other)


def test_values_that_python_takes_for_nothing_are_told_apart(tree):
    values = ("0", "False", "''", "b''", "None", "()", "[]", "{}", "0.0", "-0.0", "f''", "...")
    texts = {code.describe(["voxdag.a"], {}, tree({"voxdag.a": f"x = {value}"})) for value in values}
    assert len(texts) == len(values)


def test_a_string_that_is_not_a_docstring_is_code(tree):
    first, second = tree({"voxdag.a": 'x = 1\n"one"\n'}), tree({"voxdag.a": 'x = 1\n"two"\n'})
    assert code.describe(["voxdag.a"], {}, first) != code.describe(["voxdag.a"], {}, second)


def test_the_text_is_that_of_python_3_11_in_every_version(tree):
    # Golden: what Python 3.11.7, 3.12.1 and 3.13.0 gave. Another value means that a tree reads otherwise in the Python
    # that runs this test: all results would seem to depend on other code there.
    assert code.describe(["voxdag.a"], {}, tree({"voxdag.a": EVERY_KIND})) == "voxdag/a.py 432d04cab64da7e3\n"


def test_a_file_that_only_speaks_is_followed_but_has_no_line(tree):
    root = tree({"voxdag.__init__": '"""Words alone."""', "voxdag.a": "from voxdag import b", "voxdag.b": ""})
    assert closure(root, "voxdag.a") == ["voxdag/__init__.py", "voxdag/a.py", "voxdag/b.py"]
    assert [line.split()[0] for line in code.describe(["voxdag.a"], {}, root).splitlines()] == ["voxdag/a.py"]


# ------------------------------------------------------------------------------------------------ kinds of imports


@pytest.mark.parametrize(
    "line",
    [
        "import voxdag.audio.vad",
        "import voxdag.audio.vad as detector",
        "from voxdag.audio import vad",
        "from voxdag.audio import vad as detector",
        "from voxdag.audio.vad import trim",
        "def later():\n    from voxdag.audio import vad",
        "try:\n    from voxdag.audio import vad\nexcept ImportError:\n    vad = None",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from voxdag.audio import vad",
        "class Inner:\n    from voxdag.audio.vad import trim",
        "from .audio import vad",
        "from .audio.vad import trim",
    ],
)
def test_every_kind_of_import_is_followed_and_brings_the_packages_above(tree, line):
    root = tree(
        {"voxdag.__init__": "A = 1", "voxdag.audio.__init__": "B = 1", "voxdag.audio.vad": "", "voxdag.a": line}
    )
    above = ["voxdag/__init__.py", "voxdag/a.py", "voxdag/audio/__init__.py"]
    assert closure(root, "voxdag.a") == [*above, "voxdag/audio/vad.py"]


def test_what_is_imported_from_a_module_may_be_a_module_too():
    source = code.Source(ast.parse("from voxdag.audio import vad\nfrom torch.nn import functional"), "", "voxdag/a.py")
    assert source.imports == {"voxdag.audio", "voxdag.audio.vad"} and source.packages == {"torch"}


def test_relative_imports_climb_from_where_they_stand(tree):
    root = tree(
        {
            "voxdag.tasks.emotion.learner": "from . import data\nfrom ..shared import labels\nfrom ... import streams",
            "voxdag.tasks.emotion.data": "",
            "voxdag.tasks.shared.labels": "",
            "voxdag.streams": "",
            "voxdag.tasks.data": "",
        }
    )
    assert closure(root, "voxdag.tasks.emotion.learner") == [
        "voxdag/streams.py",
        "voxdag/tasks/emotion/data.py",
        "voxdag/tasks/emotion/learner.py",
        "voxdag/tasks/shared/labels.py",
    ]


def test_a_packages_own_relative_import_starts_inside_it(tree):
    root = tree({"voxdag.audio.__init__": "from . import vad", "voxdag.audio.vad": "", "voxdag.vad": ""})
    assert closure(root, "voxdag.audio") == ["voxdag/audio/__init__.py", "voxdag/audio/vad.py"]


def test_circles_end_and_what_is_imported_by_the_imported_counts(tree):
    root = tree(
        {"voxdag.a": "import voxdag.b", "voxdag.b": "import voxdag.c", "voxdag.c": "import voxdag.a", "voxdag.d": ""}
    )
    assert closure(root, "voxdag.a") == ["voxdag/a.py", "voxdag/b.py", "voxdag/c.py"]


# ------------------------------------------------------------------------------------------------- dynamic imports


def test_a_template_is_filled_with_all_that_is_picked(tree):
    loading = 'load_module("voxdag.readers.{corpus}", corpus=name)'
    names = {f"voxdag.readers.{name}": "" for name in ("savee", "emodb", "ravdess")}
    root = tree({"voxdag.a": loading, **names})
    assert closure(root, "voxdag.a", corpus=["savee", "ravdess"]) == [
        "voxdag/a.py",
        "voxdag/readers/ravdess.py",
        "voxdag/readers/savee.py",
    ]
    assert closure(root, "voxdag.a", corpus=[]) == closure(root, "voxdag.a") == ["voxdag/a.py"]


def test_a_template_of_two_places_takes_every_pair_and_what_is_there(tree):
    loading = 'modules.load_optional("voxdag.{task}.{part}", task=a, part=b)'
    root = tree({"voxdag.a": loading, "voxdag.t.x": "", "voxdag.t.y": "", "voxdag.u.x": ""})
    found = closure(root, "voxdag.a", task=["t", "u"], part=["x", "y"])
    assert found == ["voxdag/a.py", "voxdag/t/x.py", "voxdag/t/y.py", "voxdag/u/x.py"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "importlib.import_module(name)",
            "voxdag/a.py:3: import_module imports by name; expected a call of load_module",
        ),
        ("__import__(name)", "voxdag/a.py:3: __import__ imports by name"),
        ("found = map(importlib.import_module, names)", "voxdag/a.py:3: import_module imports by name"),
        ("from importlib import import_module as load", "voxdag/a.py:3: import_module imports by name"),
        ("util.spec_from_file_location(name, file)", "voxdag/a.py:3: spec_from_file_location imports by name"),
        ("runpy.run_module(name)", "voxdag/a.py:3: run_module imports by name"),
        ("loader = SourceFileLoader(name, file)", "voxdag/a.py:3: SourceFileLoader imports by name"),
        ("spec.loader.exec_module(module)", "voxdag/a.py:3: exec_module imports by name"),
        ("pkgutil.resolve_name(name)", "voxdag/a.py:3: resolve_name imports by name"),
        ("exec(file.read_text())", "voxdag/a.py:3: exec imports by name"),
        ("load_module(template, task=task)", "voxdag/a.py:3: the template of load_module is not written out"),
        ('load_module(f"voxdag.{task}")', "voxdag/a.py:3: the template of load_module is not written out"),
        ("load_optional(template='voxdag.{task}')", "voxdag/a.py:3: the template of load_optional is not written out"),
        ("found = map(load_module, templates)", "voxdag/a.py:3: load_module imports by name"),
        ("from voxdag.core.modules import load_module as load", "voxdag/a.py:3: load_module imports by name"),
    ],
)
def test_a_dynamic_import_that_cannot_be_followed_is_refused(tree, line, message):
    root = tree({"voxdag.a": f"import importlib\n\n{line}\n", "voxdag.b": "import voxdag.a"})
    with pytest.raises(Refused, match=message):
        code.describe(["voxdag.b"], {}, root)


def test_a_module_that_is_not_there_is_refused(tree):
    root = tree({"voxdag.__init__": "", "voxdag.audio.__init__": ""})
    with pytest.raises(Refused, match="there is no module voxdag.audio.vad"):
        code.describe(["voxdag.audio.vad"], {}, root)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x = 1\ny = = 2\n", r"voxdag/b\.py is not Python: invalid syntax \(b\.py, line 2\)"),
        (b"x = '\xff'\n", r"voxdag/b\.py is not Python: .*'utf-8' codec can't decode byte 0xff"),
        (b"x = 1\0\n", r"voxdag/b\.py is not Python: source code .*null bytes"),
    ],
)
def test_a_file_that_is_not_python_is_named(tree, content, message):
    root = tree({"voxdag.a": "import voxdag.b", "voxdag.b": "", "voxdag.c": ""})
    (root / "voxdag/b.py").write_bytes(content)
    with pytest.raises(Refused, match=message):
        code.describe(["voxdag.a"], {}, root)
    assert code.describe(["voxdag.c"], {}, root) == ""  # who does not import it is not stopped


def test_a_file_is_read_in_its_own_encoding(tree):
    root = tree({f"voxdag.{name}": "" for name in "abc"})
    for name, content in {
        "a": 'x = "\u00e9"'.encode(),
        "b": 'x = "\u00e9"'.encode("utf-8-sig"),
        "c": '# coding: latin-1\nx = "\u00e9"'.encode("latin-1"),
    }.items():
        (root / f"voxdag/{name}.py").write_bytes(content)
    assert len({code.describe([f"voxdag.{name}"], {}, root).split()[1] for name in "abc"}) == 1


def test_a_module_that_is_removed_leaves_the_text_of_who_imports_it(tree):
    root, without = (tree({"voxdag.a": "import voxdag.b"} | more) for more in ({"voxdag.b": "x = 1"}, {}))
    lines = code.describe(["voxdag.a"], {}, root).splitlines()
    assert code.describe(["voxdag.a"], {}, without).splitlines() == lines[:1]


# -------------------------------------------------------------------------------------------------------- packages


@pytest.fixture
def versions(monkeypatch):
    """What is installed, for the test to change."""
    installed = {"torch": "2.11.0+cu130", "scikit-learn": "1.9.1"}

    def version(name):
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    code._version.cache_clear()
    yield installed
    code._version.cache_clear()


def test_the_packages_of_a_closure_stand_in_it_with_their_versions(tree, versions):
    root = tree(
        {"voxdag.a": "import os, torch.nn\nimport voxdag.b", "voxdag.b": "from sklearn.svm import SVC\nimport absent"}
    )
    lines = code.describe(["voxdag.a"], {}, root).splitlines()
    assert lines[2:] == ["package absent not installed", "package scikit-learn 1.9.1", "package torch 2.11.0"]


def test_another_version_changes_the_text_of_what_imports_it_alone(tree, versions):
    root = tree({"voxdag.a": "import torch", "voxdag.b": "import sklearn"})
    before = {name: code.describe([name], {}, root) for name in ("voxdag.a", "voxdag.b")}
    versions["torch"] = "2.12.0"
    code._version.cache_clear()
    assert code.describe(["voxdag.a"], {}, root) != before["voxdag.a"]
    assert code.describe(["voxdag.b"], {}, root) == before["voxdag.b"]


def test_the_build_for_an_accelerator_is_no_other_version(tree, versions):
    root = tree({"voxdag.a": "import torch"})
    before = code.describe(["voxdag.a"], {}, root)
    versions["torch"] = "2.11.0+cpu"
    code._version.cache_clear()
    assert code.describe(["voxdag.a"], {}, root) == before


def test_a_fingerprint_is_of_settings_and_code(monkeypatch):
    def fingerprint(settings, text):
        monkeypatch.setattr(code, "describe", lambda modules, picked: f"{modules} {text}")
        return code.fingerprint(settings, "voxdag.a")

    one = fingerprint({"seed": 1, "speakers": 2}, "x")
    assert one == fingerprint({"speakers": 2, "seed": 1}, "x")
    assert len({one, fingerprint({"seed": 2, "speakers": 2}, "x"), fingerprint({"seed": 1, "speakers": 2}, "y")}) == 3
    # by hand: SHA-256 of the JSON with sorted keys, then the text of the closure
    text = '{"seed": 1, "speakers": 2}' + "['voxdag.a'] x"
    assert one == hashlib.sha256(text.encode()).hexdigest()[:12]
