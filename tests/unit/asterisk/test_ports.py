"""Labs side by side do not meet."""

import socket

import pytest
from _lab import ports
from _lab.errors import LabError


def test_slots_share_no_port():
    slots = [ports.of_slot(slot) for slot in range(ports.SLOTS)]
    signalling = [port for slot in slots for port in (slot.http, slot.sip)]
    assert len(set(signalling)) == 2 * ports.SLOTS
    assert all(one.rtp_end < other.rtp_start for one, other in zip(slots, slots[1:], strict=False))


def test_slots_lie_below_the_ports_the_kernel_gives_to_clients():
    assert ports.of_slot(ports.SLOTS - 1).rtp_end < 32768


def test_two_labs_get_different_ports_as_long_as_the_first_lives(tmp_path):
    first, lock = ports.claim(tmp_path, None, None, None)
    second, other = ports.claim(tmp_path, None, None, None)
    other.close()
    assert first.rtp_start != second.rtp_start
    lock.close()
    again, lock = ports.claim(tmp_path, None, None, None)
    lock.close()
    assert again == first


def test_given_ports_are_kept(tmp_path, free_port):
    http, sip = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    chosen, lock = ports.claim(tmp_path, http, sip, 40000)
    lock.close()
    assert (chosen.http, chosen.sip, chosen.rtp_start, chosen.rtp_end) == (http, sip, 40000, 40399)


def test_a_given_port_that_is_taken_is_named(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LabError, match=f"HTTP port {port} on 127.0.0.1 is taken"):
            ports.claim(tmp_path, port, None, None)


@pytest.fixture
def free_port():
    def find(kind: socket.SocketKind) -> int:
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return find
