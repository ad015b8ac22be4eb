"""A package is trained for real, exported, and judges as it was trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper

from qc_vision.backbones import FEATURES
from qc_vision.cli import main
from qc_vision.runtime import PackageError, PipelineError, Verdict, load
from qc_vision.runtime.manifest import Manifest, sha256_of
from qc_vision.synth import Defect, Scene, Shop, render
from qc_vision.training.backbone import Lite0, backbone_model
from qc_vision.training.features import Extractor
from qc_vision.training.samples import DataError, good_from

SIZE = 128


def a_picture(seed: int, defect: Defect | None = None) -> np.ndarray:
    return render(Scene(Shop.WELDING, "M1", None, defect, seed, SIZE)).image


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("weld")
    for name, seeds in (("good", range(96)), ("new/good", range(2000, 2080))):
        (root / name).mkdir(parents=True)
        for seed in seeds:
            cv2.imwrite(str(root / name / f"{seed}.jpg"), a_picture(seed))
    for kind, size in (("missing_weld", 30.0), ("burn_through", 11.0)):
        for name, seeds in ((f"defects/{kind}", range(24)), (f"new/bad/{kind}", range(900, 908))):
            (root / name).mkdir(parents=True)
            for seed in seeds:
                picture = render(Scene(Shop.WELDING, "M1", None, Defect(kind, size), seed, SIZE))
                cv2.imwrite(str(root / name / f"{seed}.png"), picture.image)
                cv2.imwrite(str(root / name / f"{seed}_mask.png"), picture.mask)
    (root / "good" / "broken.jpg").write_bytes(b"not an image")
    return root


@pytest.fixture(scope="module")
def package(folders: Path) -> Path:
    out = folders / "package"
    command = ["train", "--good", str(folders / "good"), "--defects", str(folders / "defects")]
    command += ["--out", str(out), "--size", str(SIZE), "--epochs", "8", "--progress-json"]
    assert main([*command, "--overkill", "0.05"]) == 0
    return out


def test_the_trained_package_finds_new_defects_and_passes_new_good_parts(
    folders: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = folders / "new"
    command = ["evaluate", str(package), "--good", str(new / "good"), "--bad", str(new / "bad")]
    assert main(command) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["summary"]["auroc"] > 0.9
    assert figures["summary"]["escape"] <= 0.25
    assert figures["summary"]["overkill"] <= 0.25


def test_the_manifest_says_what_was_learned_from_what(package: Path) -> None:
    manifest = Manifest.read(package)
    assert manifest.labels == ("burn_through", "missing_weld")
    assert manifest.sha256 == sha256_of(package / "model.onnx")
    assert manifest.metrics["measured_on"].startswith("defects held back")
    assert manifest.calibration.n == round(0.3 * 96)
    assert "Apache-2.0" in manifest.provenance
    assert not (package / "training.pt").exists()


def test_predict_answers_one_json_object_an_image(
    folders: Path, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(package), str(folders / "good"), "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 97
    assert {"path", "score", "verdict", "regions", "ms"} <= answers[0].keys()
    broken = next(answer for answer in answers if answer["path"].endswith("broken.jpg"))
    assert broken["verdict"] == "UNFIT"
    assert "text" in broken["reason"]


def test_training_that_was_stopped_goes_on_where_it_stopped(folders: Path, tmp_path: Path) -> None:
    from qc_vision.training.head import HeadData, train_head

    rng = np.random.default_rng(0)
    data = HeadData(
        rng.random((12, FEATURES, 4, 4)).astype(np.float16),
        rng.integers(0, 2, (12, 4, 4)).astype(np.int8),
        np.full(12, -1),
    )
    seen: list[int] = []
    checkpoint = tmp_path / "training.pt"

    def stop(epoch: int, loss: float) -> None:
        seen.append(epoch)
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_head(data, 0, epochs=5, seed=1, checkpoint=checkpoint, progress=stop)
    resumed = train_head(
        data, 0, epochs=5, seed=1, checkpoint=checkpoint, progress=lambda e, _: seen.append(e)
    )
    assert seen == [1, 2, 3, 3, 4, 5]
    whole = train_head(data, 0, epochs=5, seed=1)
    for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
    seen.clear()
    train_head(
        data, 0, epochs=7, seed=1, checkpoint=checkpoint, progress=lambda e, _: seen.append(e)
    )
    assert seen == [1, 2, 3, 4, 5, 6, 7], "a run of another length begins anew"


def test_the_exported_backbone_says_what_torch_says() -> None:
    extractor = Extractor(backbone_model(SIZE, SIZE))
    reference = Lite0()
    for seed in range(3):
        image = np.ascontiguousarray(a_picture(seed)[:, :, ::-1])
        with torch.no_grad():
            wanted = reference(torch.from_numpy(image)[None])[0].numpy()
        assert np.abs(extractor.one(image) - wanted).max() < 2e-3


def test_a_changed_model_is_refused(package: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(package, tmp_path / "copy"))
    with (copy / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(PackageError, match=r"model\.onnx has sha256 .* the manifest says"):
        load(copy)


def test_a_model_of_another_opset_is_refused(package: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(package, tmp_path / "copy"))
    model = onnx.load(str(copy / "model.onnx"))
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", 12))
    onnx.save(model, str(copy / "model.onnx"))
    _rewrite(copy, sha256=sha256_of(copy / "model.onnx"))
    with pytest.raises(PackageError, match="has opset 12; the manifest says 17"):
        load(copy)


def test_a_model_unlike_its_manifest_or_pipeline_is_refused(package: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(package, tmp_path / "copy"))
    pipeline = (copy / "pipeline.json").read_text()
    (copy / "pipeline.json").write_text(pipeline.replace("128", "96"))
    with pytest.raises(PipelineError, match=r"node 'crop' gives 96×96; the model takes 128×128"):
        load(copy)
    (copy / "pipeline.json").write_text(pipeline)
    (copy / "model.onnx").unlink()
    with pytest.raises(PackageError, match="is missing"):
        load(copy)
    (copy / "manifest.json").write_text("{}")
    with pytest.raises(PackageError, match="has format None"):
        load(copy)


def test_the_runtime_agrees_with_a_session_of_its_own(package: Path) -> None:
    inspector = load(package)
    session = onnxruntime.InferenceSession(str(package / "model.onnx"))
    image = a_picture(901, Defect("missing_weld", 30.0))
    raw = float(session.run(["score"], {"image": np.ascontiguousarray(image[:, :, ::-1])})[0])
    calibration = inspector.manifest.calibration
    wanted = 1 / (1 + np.exp(-(raw - calibration.threshold) / calibration.scale))
    result = inspector.inspect(image)
    assert result.score == pytest.approx(wanted, abs=1e-5)
    assert result.verdict is Verdict.NOK


def test_too_little_to_train_on_is_said(tmp_path: Path, folders: Path) -> None:
    with pytest.raises(DataError, match="holds no images"):
        good_from(tmp_path, SIZE)
    shutil.copy(folders / "good" / "1.jpg", tmp_path)
    with pytest.raises(DataError, match="holds 1 usable images; at least 4 are needed"):
        good_from(tmp_path, SIZE)
    with pytest.raises(DataError, match="is not a folder"):
        good_from(tmp_path / "absent", SIZE)


def _rewrite(package: Path, **changes: object) -> None:
    path = package / "manifest.json"
    raw = json.loads(path.read_text())
    raw.update(changes)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(raw))
    partial.replace(path)
