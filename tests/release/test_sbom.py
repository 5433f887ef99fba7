"""The bill of materials: every pin with its hashes, and what needs what."""

import json
import re

import pytest

from tests.clone import ROOT
from voxdag.core.errors import NotHere, Refused
from voxdag.release import sbom

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
TEXT = f"""one-package==1.0+cpu \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
    # via -r requirements.in
two==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:{C}
    # via
    #   -r requirements.in
    #   One_Package
two==2.1 ; python_full_version >= '3.12' \\
    --hash=sha256:{A}
    # via One.package
three==3 \\
    --hash=sha256:{B}
    # via -r requirements.in
"""
PRODUCT = {"name": "voxdag", "version": "1"}


def test_pins_have_their_markers_hashes_and_whom_they_are_for():
    found = sbom.pins(TEXT, "x")
    assert [(pin.name, pin.version, pin.marker) for pin in found] == [
        ("one-package", "1.0+cpu", ""), ("two", "2.0", "python_full_version < '3.12'"),
        ("two", "2.1", "python_full_version >= '3.12'"), ("three", "3", ""),
    ]  # fmt: skip
    assert found[0].hashes == (A, B) and found[1].via == ("-r requirements.in", "One_Package")


def test_the_bill_says_what_needs_what_and_what_the_product_runs_with():
    bill = sbom.bill(sbom.pins(TEXT, "x"), PRODUCT, ["one_package"])
    # package URLs: purl-spec, "+" of a version is %2B
    one, two, newer, three = (f"pkg:pypi/{each}" for each in ("one-package@1.0%2Bcpu", "two@2.0", "two@2.1", "three@3"))
    assert {entry["ref"]: entry["dependsOn"] for entry in bill["dependencies"]} == {
        "voxdag": [one, three, two, newer], one: [two, newer], two: [], newer: [], three: [],
    }  # fmt: skip
    scopes = {component["purl"]: component["scope"] for component in bill["components"]}
    assert scopes == {one: "required", two: "required", newer: "required", three: "optional"}
    assert bill["components"][0]["hashes"] == [{"alg": "SHA-256", "content": A}, {"alg": "SHA-256", "content": B}]
    (property_of,) = [component["properties"] for component in bill["components"] if component["purl"] == two]
    assert property_of == [{"name": "voxdag:environment_marker", "value": "python_full_version < '3.12'"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one==1\n", "has no hash of one"),
        ("", "has no hash of any package"),
        ("-e .\n", r"line 1: '-e \.', expected name==version"),
        (f"one==1 \\\n    --hash=sha256:{A}\nhttps://x/y.whl\n", "line 3: 'https://x/y.whl', expected"),
    ],
)
def test_a_file_of_another_form_is_refused(text, said):
    with pytest.raises(Refused, match=f"x.*{said}"):
        sbom.pins(text, "x")


def test_the_bill_of_this_checkout_has_every_pin_and_every_hash(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    bill = sbom.of_checkout(PRODUCT)
    text = (ROOT / "requirements.txt").read_text()
    assert len(bill["components"]) == len(re.findall(r"^\S+==", text, re.M))
    hashes = [digest["content"] for component in bill["components"] for digest in component["hashes"]]
    assert sorted(hashes) == sorted(re.findall(r"sha256:([0-9a-f]{64})", text))
    scopes = {component["name"]: component["scope"] for component in bill["components"]}
    assert scopes["torch"] == scopes["sympy"] == "required"  # torch needs sympy
    assert scopes["pytest"] == scopes["ruff"] == "optional"
    refs = {component["bom-ref"] for component in bill["components"]}
    assert len(refs) == len(bill["components"])
    assert {ref for entry in bill["dependencies"] for ref in entry["dependsOn"]} <= refs
    assert json.dumps(bill) == json.dumps(sbom.of_checkout(PRODUCT))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotHere, match="requirements.txt is not here"):
        sbom.of_checkout(PRODUCT)
