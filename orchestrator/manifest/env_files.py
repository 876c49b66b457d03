"""Reads the files that `env_file` keys name, once each, when the manifest is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from orchestrator.bounded_read import NotRegularError, read_bounded
from orchestrator.manifest.env_file_keys import env_file_paths
from orchestrator.manifest.env_file_text import MAX_ENV_FILE_BYTES, read_variables
from orchestrator.manifest.file_facts import EnvFileFacts
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.read import Loaded


def gather_env_files(loaded: Loaded, manifest: Manifest, key_index: KeyIndex) -> dict[str, EnvFileFacts]:
    """The facts of each env file of a manifest and of what it includes, by its path from the manifest's directory."""
    paths = dict.fromkeys(_paths(loaded, manifest, key_index))
    return {path: _facts(os.path.join(loaded.base_dir, path)) for path in paths}


def _paths(loaded: Loaded, manifest: Manifest, key_index: KeyIndex) -> Iterator[str]:
    yield from env_file_paths(manifest.defaults.env_file)
    for origin in {id(one): one for one in loaded.origins.values()}.values():
        yield from map(origin.path_of, env_file_paths(origin.defaults.env_file))
    for name, workflow in key_index.of("env_file").items():
        paths: Iterable[str] = env_file_paths(workflow.env_file)
        yield from map(loaded.origins[name].path_of, paths) if name in loaded.origins else paths


def _facts(path: str) -> EnvFileFacts:
    try:
        data = read_bounded(path, MAX_ENV_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return EnvFileFacts("does not exist", is_missing=True)
    except IsADirectoryError:
        return EnvFileFacts("is a directory")
    except NotRegularError:
        return EnvFileFacts("is not a regular file")
    except OSError as error:
        return EnvFileFacts(f"cannot be read: {(error.strerror or 'unknown error').lower()}")
    if len(data) > MAX_ENV_FILE_BYTES:
        return EnvFileFacts(f"is larger than {MAX_ENV_FILE_BYTES // 1024} KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return EnvFileFacts("is not UTF-8 text")
    if "\0" in text:
        return EnvFileFacts("contains a NUL character")
    return EnvFileFacts(variables=read_variables(text))
