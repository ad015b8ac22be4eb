"""Who an agent is: private files, one process a folder, copies told apart."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from edge.identity import DataFolder, FolderInUse, FolderUnusable
from edge.settings import CodeUnreadable, EdgeSettings
from mes.contracts.agent import Enrolled

ENROLLED = Enrolled(agent_id=UUID(int=1), token="secret", line="paint", epoch=1)


def test_the_token_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.keep_enrolled(ENROLLED)
    assert folder.enrolled() == ENROLLED
    assert stat.S_IMODE((tmp_path / "token.json").stat().st_mode) == 0o600


def test_a_damaged_token_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "token.json").write_text("{")
    assert DataFolder(tmp_path).enrolled() is None


def test_two_agents_cannot_share_a_folder(tmp_path: Path) -> None:
    handle = DataFolder(tmp_path).lock()
    with pytest.raises(FolderInUse, match="another agent"):
        DataFolder(tmp_path).lock()
    os.close(handle)
    os.close(DataFolder(tmp_path).lock())


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable, match=r"nothing can be kept in .*file: "):
        DataFolder(tmp_path / "file").lock()


def test_a_restart_is_the_same_instance_and_a_copy_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    original = DataFolder(tmp_path / "a").instance("journal")
    assert DataFolder(tmp_path / "a").instance("journal") == original
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert DataFolder(tmp_path / "b").instance("journal") != original
    assert DataFolder(tmp_path / "a").instance("another journal") != original


def test_a_code_from_a_file_needs_no_process_list_and_is_removed_once_used(tmp_path: Path) -> None:
    file = tmp_path / "code"
    settings = EdgeSettings(data=tmp_path, code_file=file)
    assert settings.enrolment_code() is None
    settings.forget_code()
    file.write_text("c0de\n")
    assert settings.enrolment_code() == "c0de"
    settings.forget_code()
    assert not file.exists()
    given = EdgeSettings(data=tmp_path, code_file=file, code=SecretStr("given"))
    assert given.enrolment_code() == "given"


def test_a_code_file_that_cannot_be_read_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CodeUnreadable, match="cannot read the enrolment code"):
        EdgeSettings(data=tmp_path, code_file=tmp_path).enrolment_code()
