"""The turn detector, with a network of three nodes: a turn is over when its last 200 ms are quiet."""

import numpy as np
import pytest

from ari_app.briefing.smart_turn import BANDS, FRAMES, SmartTurn, last_seconds, log_mel, normalised
from ari_app.errors import ProviderError
from ari_app.media.audio import samples, tone

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

FLOAT = onnx.TensorProto.FLOAT
V3 = ["batch", BANDS, FRAMES]


def noise(seconds):
    wave = np.random.default_rng(7).normal(0, 3_000, int(seconds * 16_000))
    return wave.astype("<i2").tobytes()


@pytest.fixture
def model(tmp_path):
    """Writes a model; `steepness` 0 answers a mean instead of a probability."""

    def write(shape=V3, steepness=-9.0):
        make = onnx.helper.make_node
        constants = {"from": [FRAMES - 20], "to": [FRAMES], "axis": [2], "axes": [1, 2], "steepness": [steepness]}
        nodes = [
            make("Slice", ["features", "from", "to", "axis"], ["end"]),
            make("ReduceMean", ["end", "axes"], ["mean"], keepdims=0),
            *([make("Mul", ["mean", "steepness"], ["slope"]), make("Sigmoid", ["slope"], ["answer"])] if steepness else
              [make("Identity", ["mean"], ["answer"])]),
        ]  # fmt: skip
        tensors = [
            onnx.numpy_helper.from_array(np.array(value, np.float32 if name == "steepness" else np.int64), name)
            for name, value in constants.items()
        ]
        ends = (onnx.helper.make_tensor_value_info(name, FLOAT, size)
                for name, size in (("features", shape), ("answer", ["batch"])))  # fmt: skip
        graph = onnx.helper.make_graph(nodes, "turn", *([end] for end in ends), initializer=tensors)
        made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
        onnx.save(made, tmp_path / "turn.onnx")
        return tmp_path / "turn.onnx"

    return write


@pytest.mark.parametrize(
    ("pcm", "is_over"),
    [
        (noise(2) + bytes(16_000), True),
        (noise(2), False),
        (bytes(64_000) + noise(12), False),
        (noise(12) + bytes(16_000) + b"\0", True),
    ],
    ids=["words, pause", "words", "twelve seconds", "twelve seconds, pause, half a sample"],
)
async def test_a_turn_is_over_when_the_network_says_so_of_its_last_eight_seconds(model, pcm, is_over):
    assert await SmartTurn(model()).is_over(pcm) is is_over


async def test_the_threshold_is_the_owners_choice(model):
    likely = SmartTurn(model()).probability(noise(2))
    assert await SmartTurn(model(), threshold=likely / 2).is_over(noise(2))


async def test_a_network_that_fails_ends_the_turn(model):
    detector = SmartTurn(model())
    detector._session = None
    assert await detector.is_over(noise(1))


@pytest.mark.parametrize(
    ("shape", "mend"),
    [
        (
            ["batch", 80, 3000],
            r"is no smart-turn v3 model: it takes .*3000.*, not one tensor\(float\) \[batch, 80, 800\]",
        ),
        (["batch", 800], "is no smart-turn v3 model: it takes"),
    ],
)
def test_a_model_of_another_shape_is_refused(tmp_path, shape, mend):
    ends = [[onnx.helper.make_tensor_value_info(name, FLOAT, shape)] for name in ("features", "answer")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["features"], ["answer"])], "turn", *ends)
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(made, tmp_path / "other.onnx")
    with pytest.raises(ProviderError, match=mend):
        SmartTurn(tmp_path / "other.onnx")


def test_a_model_that_answers_no_probability_is_refused(model):
    with pytest.raises(ProviderError, match="answers no probability"):
        SmartTurn(model(steepness=0))


def test_a_file_that_is_none_or_no_model_is_named(tmp_path):
    with pytest.raises(ProviderError, match=r"absent.onnx is no file"):
        SmartTurn(tmp_path / "absent.onnx")
    (tmp_path / "page.onnx").write_text("<html>")
    with pytest.raises(ProviderError, match=r"page.onnx can't be read as an ONNX model"):
        SmartTurn(tmp_path / "page.onnx")


# The features


def features(pcm):
    return log_mel(normalised(last_seconds(samples(pcm) / 32768)))


@pytest.mark.parametrize(("hertz", "band"), [(440, 11), (1_000, 26), (2_000, 44), (4_000, 62), (5_000, 68)])
def test_a_tone_lights_its_band(hertz, band):
    """By Slaney's scale: band = mel / 45.245 * 81 - 1, and 1000 Hz is 15 mel."""
    assert int(features(tone(hertz, 8.0)).mean(axis=1).argmax()) == band


def test_what_is_short_stands_at_the_end_and_nothing_is_more_than_two_below_the_loudest():
    heard = features(tone(1_000, 1.0))
    assert heard.shape == (BANDS, FRAMES)
    assert heard.max() - heard.min() == pytest.approx(2.0)
    assert (heard[:, 705:].max(axis=0) > heard.max() - 0.5).all()
    assert heard[:, :695].max() == pytest.approx(heard.min())


def test_loudness_does_not_matter():
    quiet, loud = (features(tone(1_000, 8.0, loudness=loudness)) for loudness in (0.02, 0.9))
    assert np.abs(quiet - loud).mean() < 0.2
