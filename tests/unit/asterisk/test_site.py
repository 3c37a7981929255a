"""The folder of a lab, and the shipped configuration read as text."""

import re
import wave
from pathlib import Path

import pytest
from _lab import site
from _lab.distribution import Distribution
from _lab.ports import Ports

PORTS = Ports(http=18088, sip=15060, rtp_start=20000)
DISTRIBUTION = Distribution(("/usr/sbin/asterisk",), False, Path("/modules"), Path("/data"))
SHIPPED = sorted(site.SHIPPED.glob("*.conf"))


@pytest.fixture
def lab(tmp_path):
    site.write(tmp_path, DISTRIBUTION, PORTS, "secret")
    return tmp_path


def test_every_placeholder_is_filled(lab):
    for file in (lab / "etc/site").glob("*.conf"):
        assert not re.search(r"@[A-Z_]+@", file.read_text()), file.name


def test_ports_and_password_go_to_the_site_folder(lab):
    assert "bindport = 18088" in (lab / "etc/site/http.conf").read_text()
    assert "bind = 127.0.0.1:15060" in (lab / "etc/site/pjsip.conf").read_text()
    assert "rtpend = 20399" in (lab / "etc/site/rtp.conf").read_text()
    assert "password = secret" in (lab / "etc/site/ari.conf").read_text()


def test_the_password_is_for_the_owner_only(lab):
    assert (lab / "etc/site/ari.conf").stat().st_mode & 0o077 == 0


def test_the_lab_runs_the_shipped_files_unchanged(lab):
    for file in SHIPPED:
        assert (lab / "etc" / file.name).read_bytes() == file.read_bytes()


def test_directories_come_first_and_the_shipped_options_after(lab):
    text = (lab / "asterisk.conf").read_text()
    assert text.startswith("[directories]\n")
    assert f"astetcdir => {lab}/etc" in text
    assert text.endswith((site.SHIPPED / "asterisk.conf").read_text())


def test_a_second_start_forgets_edits_and_keeps_recordings(lab):
    (lab / "etc/extensions.conf").write_text("broken")
    (lab / "spool/recording/kept.wav").touch()
    site.write(lab, DISTRIBUTION, PORTS, "secret")
    assert "fallback" in (lab / "etc/extensions.conf").read_text()
    assert (lab / "spool/recording/kept.wav").exists()


def test_the_lab_music_is_a_minute_of_whole_waves(lab):
    with wave.open(str(lab / "music/300hz.wav")) as music:
        assert (music.getframerate(), music.getnchannels(), music.getnframes()) == (8000, 1, 480_000)


def test_a_path_too_long_for_a_socket_moves_the_run_directory(tmp_path):
    deep = tmp_path / ("x" * 120)
    assert len(str(site.run_dir(deep) / "asterisk.ctl")) <= site.LONGEST_SOCKET_PATH
    assert site.run_dir(deep) != site.run_dir(deep / "other")


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_every_shipped_file_lets_the_site_have_the_last_word(file):
    if file.name != "asterisk.conf":
        assert file.read_text().splitlines()[-1] == f"#tryinclude site/{file.name}"


def test_nobody_is_answered_before_the_app_has_the_call():
    dialplan = (site.SHIPPED / "extensions.conf").read_text()
    before_the_app = dialplan.split("[from-trunk]\n")[1].split("[fallback]\n")[0]
    assert "Answer(" not in before_the_app


def test_the_fallback_lifts_the_lease_first():
    dialplan = (site.SHIPPED / "extensions.conf").read_text()
    assert dialplan.split("[fallback]\n")[1].startswith("exten => s,1,Set(TIMEOUT(absolute)=0)")
