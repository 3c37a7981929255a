"""Which mirror Asterisk is unpacked from, and what becomes of a broken cache."""

from pathlib import Path

import pytest
from _lab import debian
from _lab.errors import LabError

DEB822 = """\
Types: deb
# http://snapshot.example/archive/debian/2025
URIs: http://mirror.example/debian/ https://second.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
"""


def test_mirrors_are_read_from_the_deb822_form():
    assert debian.mirrors_in(DEB822) == ["http://mirror.example/debian", "https://second.example/debian"]


def test_mirrors_are_read_from_the_one_line_form_and_other_vendors_are_left_out():
    sources = "deb [arch=amd64] http://mirror.example/debian bookworm main\ndeb https://vendor.example stable main\n"
    assert debian.mirrors_in(sources) == ["http://mirror.example/debian"]


def test_a_commented_source_is_no_source():
    assert debian.mirrors_in("# deb http://old.example/debian bookworm main\n") == []


def test_the_public_mirror_is_the_last_resort(monkeypatch):
    monkeypatch.setattr(debian, "_is_debian", lambda: True)
    monkeypatch.setattr(debian, "_configured_mirrors", lambda: ["http://mirror.example/debian"])
    assert debian.mirrors() == ["http://mirror.example/debian", debian.PUBLIC_MIRROR]


def test_another_system_s_mirror_is_not_asked_for_debian(monkeypatch):
    monkeypatch.setattr(debian, "_is_debian", lambda: False)
    assert debian.mirrors() == [debian.PUBLIC_MIRROR]


def test_the_cache_goes_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("WARM_TRANSFER_CACHE", str(tmp_path))
    assert debian.cache_dir() == tmp_path


@pytest.fixture
def unpacking(monkeypatch, tmp_path):
    """A cache in `tmp_path` filled without Debian; returns how often it was filled."""
    fills: list[Path] = []

    def unpack(program: str, into: Path) -> None:
        fills.append(into)
        (into / "whole").touch()

    monkeypatch.setenv("WARM_TRANSFER_CACHE", str(tmp_path))
    monkeypatch.setattr(debian, "_mmdebstrap", lambda: "mmdebstrap")
    monkeypatch.setattr(debian, "_unpack", unpack)
    monkeypatch.setattr(debian, "_link_sounds", lambda root: None)
    return fills


def is_whole(root: Path) -> bool:
    return (root / "whole").exists()


def test_a_whole_cache_is_filled_once(unpacking):
    assert debian.unpacked(is_whole) == debian.unpacked(is_whole)
    assert len(unpacking) == 1


def test_a_damaged_cache_is_replaced(unpacking):
    root = debian.unpacked(is_whole)
    (root / "whole").unlink()
    assert is_whole(debian.unpacked(is_whole))
    assert len(unpacking) == 2


def test_what_an_interrupted_fill_left_behind_is_removed(unpacking):
    root = debian.unpacked(is_whole)
    (root / "whole").unlink()
    left_behind = root.parent / f"{root.name}.interrupted"
    left_behind.mkdir()
    debian.unpacked(is_whole)
    assert not left_behind.exists()


def test_packages_that_do_not_run_here_are_one_clear_line(unpacking):
    with pytest.raises(LabError, match="does not run on this machine"):
        debian.unpacked(lambda root: False)


def test_without_root_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(debian.shutil, "which", lambda program: None)
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="apt-get install mmdebstrap"):
        debian._mmdebstrap()
