"""A model package as one file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from qc_vision.packages import shipped
from qc_vision.runtime import PackageError, content_hash, load, pack, unpack
from qc_vision.shops import Shop

PACKAGE = shipped()[Shop.PAINTING]


def test_equal_packages_have_equal_archives_and_come_back_as_they_were(tmp_path: Path) -> None:
    archive = pack(PACKAGE)
    assert archive == pack(PACKAGE)
    unpack(archive, content_hash(archive), tmp_path / "back")
    assert pack(tmp_path / "back") == archive
    assert load(tmp_path / "back").manifest == load(PACKAGE).manifest


def test_bytes_of_another_hash_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="announced was"):
        unpack(pack(PACKAGE) + b"x", content_hash(pack(PACKAGE)), tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../evil", "model.onnx.exe", "folder/model.onnx", "/etc/x.png"])
def test_a_file_that_belongs_to_no_package_is_refused(tmp_path: Path, name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(PackageError, match="no file of a model package"):
        unpack(buffer.getvalue(), content_hash(buffer.getvalue()), tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_archive_or_lacks_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="cannot be read"):
        unpack(b"hello", content_hash(b"hello"), tmp_path / "p")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("manifest.json", b"{}")
    with pytest.raises(PackageError, match=r"model\.onnx.*missing"):
        unpack(buffer.getvalue(), content_hash(buffer.getvalue()), tmp_path / "p")


def test_a_folder_without_a_model_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="cannot be read"):
        pack(tmp_path)
