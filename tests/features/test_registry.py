"""Features by name: the command line's form, JSON, built-in extractors and plug-ins."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import FeatureError, ModelError, OptionError, UnknownFeatureError
from lookalike.features.registry import FeatureSpec, create_extractor, extractor_names


def test_a_kind_alone_names_the_feature() -> None:
    assert FeatureSpec.parse("look") == FeatureSpec("look", "look", {})
    assert FeatureSpec.parse("shape:look") == FeatureSpec("shape", "look", {})


def test_the_argument_of_onnx_is_an_absolute_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    spec = FeatureSpec.parse("mobilenet:onnx=models/a=b:c.onnx")
    assert spec == FeatureSpec("mobilenet", "onnx", {"model": str(tmp_path / "models" / "a=b:c.onnx")})


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("lok", UnknownFeatureError, r"there is no extractor 'lok'; there are .*centrist, .*look, onnx, "),
        ("", UnknownFeatureError, r"there is no extractor ''"),
        ("a:", UnknownFeatureError, r"there is no extractor ''"),
        ("phog=3", OptionError, r"phog takes no argument; write 'phog'"),
        ("look=3", OptionError, r"look has no version '3'; it has 1 and 2"),
        ("onnx=", OptionError, r"write onnx=ARGUMENT"),
        ("two words:look", OptionError, r"'two words' is not a simple word"),
        (":look", OptionError, r"'' is not a simple word"),
    ],
)
def test_what_cannot_be_parsed(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        FeatureSpec.parse(text)


@pytest.mark.parametrize("name", ["", "1a", "a b", "a.b", "a=b", "é", "a\n", "x" * 65])
def test_names_are_simple_words(name: str) -> None:
    with pytest.raises(OptionError):
        FeatureSpec(name, "look")


@given(
    name=st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True),
    options=st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.floats(allow_nan=False))),
)
def test_json_round_trip(name: str, options: dict[str, object]) -> None:
    import json

    spec = FeatureSpec(name, "onnx", options)
    assert FeatureSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_look_is_built_in() -> None:
    from lookalike.features.look import Look

    assert isinstance(create_extractor(FeatureSpec.parse("look")), Look)


def test_onnx_needs_a_model() -> None:
    with pytest.raises(FeatureError, match=r"missing a required argument: 'model'.*write onnx=ARGUMENT"):
        create_extractor(FeatureSpec.parse("onnx"))
    pytest.importorskip("onnxruntime")
    with pytest.raises(ModelError, match="there is no such model file"):
        create_extractor(FeatureSpec.parse("onnx=nowhere.onnx"))


@pytest.mark.usefixtures("plug_ins")
def test_plug_ins_are_found_and_made_with_their_options() -> None:
    assert {"look", "onnx", "mean", "picky"} <= set(extractor_names())
    assert FeatureSpec.parse("p:picky=2.5") == FeatureSpec("p", "picky", {"gain": 2.5})
    extractor = create_extractor(FeatureSpec("p", "mean", {"gain": 3.0}))
    assert extractor.dimension == 3


@pytest.mark.usefixtures("plug_ins")
def test_plug_ins_that_fail_are_named() -> None:
    with pytest.raises(FeatureError, match=r"do not fit mean \(got an unexpected keyword argument 'loss'\)"):
        create_extractor(FeatureSpec("m", "mean", {"loss": 1}))
    with pytest.raises(FeatureError, match=r"unstartable fails to start \(RuntimeError\('no licence'\)\)"):
        create_extractor(FeatureSpec.parse("unstartable"))
    with pytest.raises(
        FeatureError, match=r"sets compares by 'jaccard'; extractors compare by euclidean, cos"
    ):
        create_extractor(FeatureSpec.parse("sets"))
    with pytest.raises(FeatureError, match=r"'broken' \(example_extractors:NotThere\) cannot be loaded"):
        create_extractor(FeatureSpec("b", "broken"))
