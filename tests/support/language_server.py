"""A small client of yaml-language-server, which sends the requests of an editor over standard input and output."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any, BinaryIO

SERVER = shutil.which("yaml-language-server")
MISSING = "yaml-language-server is not on PATH (npm install --prefix DIR yaml-language-server; DIR/node_modules/.bin)"
LIMIT = 50.0
# The answer to every request of the server for its configuration: it must not look for other schemas.
_SETTINGS = {"yaml": {"schemaStore": {"enable": False}, "validate": True, "hover": True, "completion": True}}

Message = dict[str, Any]


class LanguageServer:
    """A running server. Its documents have paths in `folder`, but are not on the disk."""

    def __init__(self, program: str, folder: Path) -> None:
        self._folder = folder
        self._uri = ""
        self._process = subprocess.Popen([program, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input = self._process.stdin
        self._inbox: queue.Queue[Message] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,))
        self._reader.start()
        self._last_id = 0
        self._documents = 0
        capabilities = {"workspace": {"configuration": True}, "textDocument": {"publishDiagnostics": {}}}
        self._ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": capabilities})
        self._tell("initialized", {})

    def __enter__(self) -> LanguageServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._input.close()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def open(self, text: str) -> LanguageServer:
        """Open a text as a new document, which the other methods refer to."""
        self._documents += 1
        self._uri = (self._folder / f"{self._documents}.yaml").as_uri()
        document = {"uri": self._uri, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        return self

    def faults(self) -> list[Message]:
        """The diagnostics of the text."""
        while True:
            message = self._next()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == self._uri:
                return list(message["params"]["diagnostics"])

    def completions(self, line: int, character: int) -> set[str]:
        """The labels of the completions at a position; lines and characters count from 0."""
        answer = self._at("textDocument/completion", line, character)
        return {item["label"] for item in answer["items"]}

    def hover(self, line: int, character: int) -> str:
        """The hover text at a position."""
        return str(self._at("textDocument/hover", line, character)["contents"]["value"])

    def _at(self, method: str, line: int, character: int) -> Any:
        place = {"line": line, "character": character}
        return self._ask(method, {"textDocument": {"uri": self._uri}, "position": place})

    def _ask(self, method: str, parameters: Message) -> Any:
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": parameters})
        while True:
            message = self._next()
            if message.get("id") == self._last_id and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _tell(self, method: str, parameters: Message) -> None:
        self._send({"method": method, "params": parameters})

    def _next(self) -> Message:
        """The next message that is not a request; requests of the server are answered."""
        while True:
            message = self._inbox.get(timeout=LIMIT)
            if "id" not in message or "method" not in message:
                return message
            wanted = message.get("params", {}).get("items", [])
            self._send({"id": message["id"], "result": [_SETTINGS.get(item["section"]) for item in wanted]})

    def _send(self, message: Message) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._input.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._input.flush()

    def _read(self, stream: BinaryIO) -> None:
        while header := stream.readline():
            length = int(header.partition(b":")[2])
            while stream.readline().strip():
                pass
            self._inbox.put(json.loads(stream.read(length)))
