"""How Asterisk is found and started."""

from pathlib import Path

import pytest
from _lab.distribution import OLDEST, Distribution, version_in


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1", (22, 10, 1)),
        ("Asterisk 16.28.0~dfsg-0+deb11u4", (16, 28, 0)),
        (" SIPp v3.8.0-TLS-SCTP-PCAP.", (3, 8, 0)),
        ("no such thing", ()),
    ],
)
def test_versions_are_read_from_what_programs_say(said, version):
    assert version_in(said) == version


def test_an_older_asterisk_and_none_at_all_are_too_old():
    assert version_in("Asterisk 22.9.0") < OLDEST
    assert () < OLDEST


def test_the_launcher_gives_its_own_name_so_that_core_restart_finds_it():
    unpacked = Distribution(("/c/ld.so", "--library-path", "/c/lib", "/c/asterisk"), True, Path("/m"), Path("/d"))
    assert unpacked.launcher(Path("/lab/asterisk")).splitlines() == [
        "#!/bin/sh",
        "exec '/c/ld.so' '--argv0' '/lab/asterisk' '--library-path' '/c/lib' '/c/asterisk' \"$@\"",
    ]


def test_an_installed_asterisk_is_run_as_it_is():
    installed = Distribution(("/usr/sbin/asterisk",), False, Path("/m"), Path("/d"))
    assert "exec '/usr/sbin/asterisk' \"$@\"" in installed.launcher(Path("/lab/asterisk"))
