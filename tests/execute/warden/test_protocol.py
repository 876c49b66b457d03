"""Packets arrive as they were sent, whatever their size, and by name."""

from __future__ import annotations

import marshal
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from orchestrator.execute.warden import pid1, protocol

LIMITS = protocol.AttemptLimits(
    rlimits=((7, 64, 64),), memory_bytes=1 << 20, cpu_seconds=1.5, cgroups=((b"/cgroup", ((b"pids.max", b"3"),)),)
)
SANDBOX = protocol.SandboxSpec(new_pids=True, hidden=[b"/run"], mounts=[(b"/a", b"/b")], writable=[b"/w"])


def request(**changes: object) -> protocol.StartRequest:
    """A request with neither limits nor a sandbox, but for `changes`."""
    plain = protocol.StartRequest(
        serial=7,
        argv=[b"sh", b"-c", b"true"],
        working_dir=b"/work",
        base=1,
        base_variables={b"PATH": b"/bin"},
        overlay={b"A": b"b"},
        log=b"job.1.log",
        timeout=None,
        grace=10.0,
        limits=None,
        plain_words=(b"true",),
        sandbox=None,
    )
    return plain._replace(**changes)  # type: ignore[arg-type]


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        yield here, there


@pytest.mark.parametrize(
    "sent",
    [
        request(),
        request(limits=LIMITS),
        request(sandbox=SANDBOX),
        request(limits=LIMITS, sandbox=SANDBOX, base_variables=None, timeout=2.5),
        request(overlay={b"LARGE": bytes(200_000)}),
    ],
    ids=["plain", "limits", "sandbox", "all", "too large for a packet"],
)
def test_a_request_arrives_as_it_was_sent(
    ends: tuple[socket.socket, socket.socket], sent: protocol.StartRequest
) -> None:
    protocol.send(ends[0], protocol.pack_start(sent))
    received = protocol.receive(ends[1])
    assert received is not None
    message, descriptors = received
    found = protocol.unpack_start(message)
    assert (found, descriptors) == (sent, [])
    assert (type(found.limits), type(found.sandbox)) == (type(sent.limits), type(sent.sandbox))


def test_a_message_whose_descriptor_finds_no_room_is_lost_and_the_next_one_is_not(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    protocol.send(ends[0], protocol.pack_start(request(overlay={b"LARGE": bytes(200_000)})))
    protocol.send(ends[0], protocol.pack_start(request()))
    next_free = os.dup(0)
    os.close(next_free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_free, hard))
    try:
        with pytest.raises(protocol.MessageLostError):
            protocol.receive(ends[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    received = protocol.receive(ends[1])
    assert received is not None
    assert protocol.unpack_start(received[0]) == request()


def test_a_descriptor_arrives_with_its_request(ends: tuple[socket.socket, socket.socket]) -> None:
    descriptor = os.memfd_create("test")
    with open(descriptor, "wb") as file:
        protocol.send(ends[0], tuple(protocol.Control(protocol.LOGS)), file.fileno())
        received = protocol.receive(ends[1])
        assert received is not None
        message, (passed,) = received
        assert protocol.Control._make(message) == protocol.Control(protocol.LOGS, protocol.NO_SERIAL, False)
        assert os.path.sameopenfile(passed, file.fileno())
    assert not os.get_inheritable(passed)
    os.close(passed)


def test_replies_of_every_kind_arrive_as_they_were_sent() -> None:
    replies: list[protocol.Reply] = [
        protocol.Started(1, 100, 5),
        protocol.Finished(
            serial=2,
            pid=100,
            start_ticks=5,
            cause=protocol.BY_TIMEOUT,
            status=None,
            duration=1.5,
            cpu_seconds=0.5,
            max_rss_kib=9,
            log_bytes=3,
            killed_descendants=2,
            has_survivors=True,
        ),
        protocol.Refused(3, protocol.NOT_FOUND, 2, b"no-such-command"),
        protocol.Scarce(protocol.NO_SERIAL, 24),
        protocol.NeverStarted(4),
    ]
    found = protocol.unpack_replies(marshal.dumps(protocol.pack_replies(replies)))
    assert [(type(reply), reply) for reply in found] == [(type(reply), reply) for reply in replies]


def test_the_reports_of_pid1_are_decoded_as_they_were_encoded() -> None:
    data = pid1.encode(pid1.STARTED) + pid1.encode(pid1.ENDED, 256, 1.25, 4096) + pid1.encode(pid1.FAILED, 2)
    started, ended, failed = pid1.decode(data)
    assert started.kind == pid1.STARTED
    assert (ended.kind, ended.number, ended.usage) == (pid1.ENDED, 256, pid1.Usage(1.25, 0.0, 4096))
    assert (failed.kind, failed.number) == (pid1.FAILED, 2)
    assert started.at <= ended.at <= failed.at
    assert pid1.decode(data[:-1]) == [started, ended]
