"""A store that several machines share: in a directory, over HTTP, and on a server that speaks S3."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.caches import CachedJob, go_on

from orchestrator.cache.entry_text import entry_bytes
from orchestrator.cache.model import Entry, NotRestored, RemoteMode, RemoteSettings, Restored, Saved, Stopped

fsspec = pytest.importorskip("fsspec", reason="the remote cache needs fsspec: install `pexec[dev]`")

SHARED_KEY = b"s" * 32


class Machine(CachedJob):
    """A machine with a store and a key of its own."""

    def __init__(self, folder: Path, url: str, mode: RemoteMode = "readwrite", key: bytes | None = SHARED_KEY) -> None:
        own = folder.name.encode().ljust(32, b".")
        super().__init__(folder, key=own, remote=RemoteSettings(url, mode, key))
        self.write("src/a.c", "int a;")

    def build(self) -> Saved:
        """Build, and store."""
        self.write("dist/app", "app of a", executable=True)
        self.write("dist/doc/index.html", "<p>" * 1000)
        answer = self.save(values={"number": '"1"'}, log=b"compiled\n")
        assert isinstance(answer, Saved)
        return answer


class _Server(BaseHTTPRequestHandler):
    """Keeps what is put there."""

    protocol_version = "HTTP/1.1"
    stored: dict[str, bytes]
    delay = 0.0

    def do_PUT(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers["Content-Length"]))
        self.stored[self.path] = data
        self._answer(201)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        time.sleep(self.delay)
        data = self.stored.get(self.path)
        if data is None:
            self._answer(404)
        else:
            self._answer(200, data)

    def _answer(self, status: int, data: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[tuple[str, type[_Server]]]:
    """A web server that can be written to: its URL, and its handler."""
    handler = type("_Handler", (_Server,), {"stored": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/cache", handler
    server.shutdown()
    thread.join(60)
    server.server_close()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a server that speaks S3."""
    moto = pytest.importorskip("moto.server", reason="a server of S3 needs `moto[server]`: install `pexec[dev]`")
    pytest.importorskip("s3fs", reason="S3 needs `s3fs`: install `pexec[dev]`")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"results-{os.urandom(4).hex()}"  # the server remembers the others
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(name)
    yield f"s3://{name}/pexec"
    server.stop()


@pytest.fixture(params=["file", "http", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A remote store of each kind."""
    if request.param == "file":
        return f"file://{tmp_path}/remote"
    if request.param == "http":
        return str(request.getfixturevalue("web")[0])
    return str(request.getfixturevalue("bucket"))


def test_what_one_machine_built_comes_to_another_one(url: str, tmp_path: Path) -> None:
    one, other = Machine(tmp_path / "one", url), Machine(tmp_path / "other", url)
    assert other.found() is None
    one.build()
    assert other.bring() == Restored(("dist/app", "dist/doc/index.html"))
    assert other.tree() == one.tree()
    entry = other.found()
    assert entry is not None
    assert entry.values == {"number": '"1"'}
    folder = os.open(tmp_path, os.O_RDONLY)
    assert other.cache.write_log(entry, folder, "log", should_stop=go_on)
    os.close(folder)
    assert (tmp_path / "log").read_bytes() == b"compiled\n"
    assert one.warnings == other.warnings == []
    assert CachedJob(tmp_path / "other", key=b"other".ljust(32, b".")).found() is not None, "it is in its own store now"


def test_reading_does_not_write_and_writing_does_not_read(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/remote"
    Machine(tmp_path / "reader", url, "read").build()
    assert not list((tmp_path / "remote").rglob("*/*")) if (tmp_path / "remote").exists() else True
    Machine(tmp_path / "writer", url, "write").build()
    assert Machine(tmp_path / "other writer", url, "write").found() is None
    assert Machine(tmp_path / "other reader", url, "read").found() is not None


def test_an_entry_with_another_key_or_none_is_a_miss(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/remote"
    Machine(tmp_path / "one", url).build()
    other = Machine(tmp_path / "other", url, key=b"x" * 32)
    assert other.found() is None
    assert Machine(tmp_path / "third", url, key=None).found() is None
    assert other.warnings == []
    other.build()
    assert Machine(tmp_path / "fourth", url).found() is None, "another one has taken its place"


@pytest.mark.parametrize("damage", ["truncated", "changed", "unsigned", "empty", "another", "huge"])
def test_an_entry_that_is_forged_or_damaged_is_a_miss(
    web: tuple[str, type[_Server]], tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, server = web
    Machine(tmp_path / "one", url).build()
    (path,) = (path for path in server.stored if "/entries/" in path)
    whole = server.stored[path]
    signature, _, payload = whole.partition(b"\n")
    server.stored[path] = {
        "truncated": whole[:-10],
        "changed": whole.replace(b"dist/app", b"dist/evl"),
        "unsigned": b"\n" + payload,
        "empty": b"",
        "another": signature + b"\n" + payload.replace(b"index", b"indey"),
        "huge": whole + b"x" * 3000,
    }[damage]
    monkeypatch.setattr("orchestrator.cache.remote._MOST_ENTRY_BYTES", 3000)
    other = Machine(tmp_path / "other", url)
    assert other.found() is None
    assert other.bring() is None
    server.stored[path] = whole
    assert Machine(tmp_path / "third", url).found() is not None


@pytest.mark.parametrize("damage", ["changed", "truncated", "longer", "gone"])
def test_damaged_content_is_a_miss_and_who_writes_repairs_it(
    web: tuple[str, type[_Server]], tmp_path: Path, damage: str
) -> None:
    url, server = web
    one = Machine(tmp_path / "one", url)
    one.build()
    (path,) = (path for path, data in server.stored.items() if data == b"app of a")
    if damage == "gone":
        del server.stored[path]
    else:
        server.stored[path] = {"changed": b"APP OF A", "truncated": b"app", "longer": b"app of a" * 10**6}[damage]
    other = Machine(tmp_path / "other", url)
    assert other.bring() == NotRestored("the stored content of `dist/app` is missing")
    assert not (other.folder / "dist").exists()
    other.build()
    assert server.stored[path] == b"app of a"
    assert isinstance(Machine(tmp_path / "third", url).bring(), Restored)


def built(tmp_path: Path) -> tuple[str, Entry, Path]:
    """A remote store with one entry, which a machine has stored: its URL, the entry, and the file that has it."""
    url = f"file://{tmp_path}/remote"
    one = Machine(tmp_path / "one", url)
    one.build()
    entry = one.found()
    assert entry is not None
    (stored,) = (tmp_path / "remote/entries").glob("*/*")
    return url, entry, stored


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil", ".git/hooks/evil", "", "a//b", ".pexec/x"])
def test_a_signed_entry_whose_paths_lead_out_is_a_miss(tmp_path: Path, path: str) -> None:
    url, entry, stored = built(tmp_path)
    for which in (0, 1):
        outputs = list(entry.outputs)
        outputs[which] = replace(outputs[which], path=path)
        stored.write_bytes(entry_bytes(SHARED_KEY, replace(entry, outputs=tuple(outputs), listings=())))
        assert Machine(tmp_path / "other", url).bring() is None


STRANGE: dict[str, Callable[[Entry], Entry]] = {
    "a set-user-ID bit": lambda entry: _with_output(entry, mode=0o4755),
    "a digest that is a path": lambda entry: _with_output(entry, sha256="../../../victim", size=6),
    "a digest in capitals": lambda entry: _with_output(entry, sha256="A" * 64),
    "a negative size": lambda entry: _with_output(entry, size=-1),
    "an absolute link": lambda entry: _with_output(entry, sha256="", size=0, link="/etc/passwd"),
    "a link that leads out": lambda entry: _with_output(entry, sha256="", size=0, link="../../x"),
    "a link with content": lambda entry: _with_output(entry, link="x"),
    "a directory with content": lambda entry: _with_output(entry, is_directory=True),
    "nothing at all": lambda entry: _with_output(entry, sha256="", size=0),
    "a log that is a path": lambda entry: replace(entry, log="../../../victim", log_size=6),
    "a listing that is a path": lambda entry: replace(entry, listings=("../../../victim",)),
}


def _with_output(entry: Entry, **changes: Any) -> Entry:
    first, *others = entry.outputs
    return replace(entry, outputs=(replace(first, **changes), *others))


@pytest.mark.parametrize("what", STRANGE)
def test_a_signed_entry_that_pexec_cannot_have_made_is_a_miss(tmp_path: Path, what: str) -> None:
    url, entry, stored = built(tmp_path)
    stored.write_bytes(entry_bytes(SHARED_KEY, STRANGE[what](replace(entry, listings=()))))
    other = Machine(tmp_path / "other", url)
    victims = [
        path / "victim"
        for path in (
            other.directory,
            tmp_path / "other",
            *(path for path in other.directory.iterdir() if path.is_dir()),
        )
    ]
    for victim in victims:
        victim.write_text("victim")
    found = other.found()
    assert (found, other.bring()) == (None, None)
    assert all(victim.read_text() == "victim" for victim in victims)


@pytest.mark.parametrize("damage", ["truncated", "unsigned", "another", "gone", "content"])
def test_what_is_damaged_on_a_server_of_s3_is_a_miss(bucket: str, tmp_path: Path, damage: str) -> None:
    Machine(tmp_path / "one", bucket).build()
    system, root = fsspec.url_to_fs(bucket, use_listings_cache=False, skip_instance_cache=True)
    (entry,) = (path for path in system.find(f"{root}/entries"))
    whole = system.cat_file(entry)
    signature, _, payload = whole.partition(b"\n")
    if damage == "gone":
        system.rm_file(entry)
    elif damage == "content":
        (path,) = (path for path in system.find(f"{root}/objects") if system.cat_file(path) == b"app of a")
        system.pipe_file(path, b"APP OF A")
    else:
        forged = {
            "truncated": whole[:-10],
            "unsigned": b"\n" + payload,
            "another": signature + b"\n" + payload.replace(b"index", b"indey"),
        }[damage]
        system.pipe_file(entry, forged)
    other = Machine(tmp_path / "other", bucket)
    answer = other.bring()
    assert isinstance(answer, NotRestored) if damage == "content" else answer is None
    assert not (other.folder / "dist").exists()
    other.build()
    assert isinstance(Machine(tmp_path / "third", bucket).bring(), Restored), "who writes repairs it"


def test_a_store_without_a_key_is_only_used_in_a_directory(tmp_path: Path) -> None:
    for number, url in enumerate(("http://127.0.0.1:1/", "s3://bucket", "gs://bucket", "ssh://host/x")):
        machine = Machine(tmp_path / f"machine{number}", url, key=None)
        machine.build()
        (warning,) = machine.warnings
        assert warning == f"the remote cache `{url}` is not used: it has no `key`, so its entries cannot be verified"
    url = f"file://{tmp_path}/remote"
    one = CachedJob(tmp_path / "one", remote=RemoteSettings(url, "readwrite"))
    one.write("src/a.c", "a")
    one.write("dist/app", "app")
    one.save()
    other = CachedJob(tmp_path / "other", remote=RemoteSettings(url, "readwrite"))
    other.write("src/a.c", "a")
    assert isinstance(other.bring(), Restored), "of the same user"


def test_a_server_that_cannot_be_reached_is_asked_once_and_the_local_store_works(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine", "http://user:hunter2@127.0.0.1:1/cache")
    assert machine.found() is None
    machine.build()
    shutil.rmtree(machine.folder / "dist")
    assert isinstance(machine.bring(), Restored)
    (warning,) = machine.warnings
    assert warning.startswith("the remote cache `http://127.0.0.1:1/cache` is not used: ")
    assert "hunter2" not in warning


def test_an_unknown_kind_of_url_is_said(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine", "memory://x")
    assert machine.found() is None
    assert machine.warnings == [
        "the remote cache `memory://x` is not used: `memory` is not one of file, s3, gs, http, https, ssh, sftp"
    ]


def test_a_library_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(*_: object, **__: object) -> None:
        raise ImportError("no such module")

    monkeypatch.setattr(fsspec, "url_to_fs", lacks)
    machine = Machine(tmp_path / "machine", "s3://bucket")
    assert machine.found() is None
    assert machine.warnings == [
        "the remote cache `s3://bucket` is not used: `pexec[remote]` and `s3fs` must be installed"
    ]


def test_a_server_that_does_not_answer_delays_no_stop(web: tuple[str, type[_Server]], tmp_path: Path) -> None:
    url, server = web
    server.delay = 30.0
    machine = Machine(tmp_path / "machine", url)
    listing = machine.listing()
    begin = time.monotonic()
    with pytest.raises(Stopped):
        machine.cache.look_up(machine.fingerprint(listing).digest, should_stop=lambda: True)
    assert time.monotonic() - begin < 25
    server.delay = 0.0


def test_a_server_that_does_not_answer_is_given_up_after_a_time(
    web: tuple[str, type[_Server]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.cache.remote._PATIENCE_SECONDS", 0.1)
    url, server = web
    server.delay = 30.0
    machine = Machine(tmp_path / "machine", url)
    assert machine.found() is None
    assert machine.warnings == [f"the remote cache `{url}` is not used: it does not answer"]
    server.delay = 0.0
