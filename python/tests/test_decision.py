"""What the real binary refuses, and what is made of answers that make no sense."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import andiron
from andiron import _binary, _load, _source
from conftest import Project, QuietPayload, safetensors_bytes

ONE = safetensors_bytes(a=("F32", [2], bytes(8)))


def verify(path: Path, operation: Any = "load", **options: Any) -> _load.Verified:
    """Do all that a load does before torch is needed."""
    with _source.open_source(path) as source:
        return _load.verify(source, _load.request(operation, **options))


def test_nothing_is_trusted_without_lock_and_policy(project: Project) -> None:
    path = project.file("a.safetensors", ONE)
    with pytest.raises(andiron.UntrustedModelError) as caught:
        andiron.load(path)
    assert caught.value.where == str(path)
    assert caught.value.rules
    assert caught.value.hint


def test_what_the_lock_lists_is_trusted(project: Project) -> None:
    path = project.file("a.safetensors", ONE)
    project.add(path)
    verified = verify(path)
    assert verified.copy.sha256 == hashlib.sha256(ONE).hexdigest()
    assert verified.answer.format == "safetensors"
    assert verified.answer.verdict == "safe"
    assert not verified.copy.path, "a locked file needs no copy that others can see"


def test_a_changed_file_is_a_digest_mismatch(project: Project) -> None:
    path = project.file("a.safetensors", ONE)
    project.add(path)
    path.write_bytes(safetensors_bytes(a=("F32", [2], b"\1" * 8)))
    with pytest.raises(andiron.DigestMismatchError) as caught:
        andiron.load(path)
    assert caught.value.expected == hashlib.sha256(ONE).hexdigest()
    assert caught.value.actual == andiron.hash_file(path)


def test_the_caller_s_digest_must_be_met(project: Project) -> None:
    path = project.file("a.safetensors", ONE)
    project.add(path)
    with pytest.raises(andiron.DigestMismatchError, match="the caller gave the digest"):
        andiron.load(path, sha256="0" * 64)


def test_the_caller_s_digest_makes_it_trusted_and_scanned(project: Project, marker: Path) -> None:
    path = project.file("a.safetensors", ONE)
    assert verify(path, sha256=andiron.hash_file(path)).answer.verdict == "safe"
    import pickle

    evil = project.file("b.pkl", pickle.dumps(QuietPayload(marker)))
    with pytest.raises(andiron.ScanError) as caught:
        verify(evil, sha256="sha256:" + andiron.hash_file(evil).upper().lower())
    assert caught.value.verdict in ("unknown", "suspicious", "dangerous")
    assert caught.value.rules
    assert not marker.exists()


def test_a_source_that_is_scanned(project: Project, marker: Path) -> None:
    project.policy("sources:\n  - path: models/\n    trust: scan\n")
    path = project.file("a.safetensors", ONE)
    verified = verify(path)
    assert verified.copy.path, "the scanner saw the copy"
    assert verified.answer.verdict == "safe"
    path.write_bytes(ONE + b"trailing")
    with pytest.raises(andiron.ScanError):
        andiron.load(path)


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ("trust: deny", andiron.PolicyError),
        ("trust: scan\n    formats: [torch-zip]", andiron.PolicyError),
        ("trust: scan\n    max_size: 10", andiron.PolicyError),
        ("trust: scan\n    min_age: 24h", andiron.PolicyError),
        ("trust: scan\n    review_by: 2020-01-01", andiron.RefusedError),
    ],
)
def test_rules_of_the_policy(rule: str, error: type[andiron.AndironError], project: Project) -> None:
    project.policy(f"sources:\n  - path: models/\n    {rule}\n")
    path = project.file("a.safetensors", ONE)
    with pytest.raises(error):
        andiron.load(path)


def test_what_is_too_large_is_refused_before_it_is_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.policy("sources:\n  - path: models/\n    trust: scan\n    max_size: 1MiB\n")
    path = project.file("huge.safetensors", b"")
    os.truncate(path, 1 << 40)

    def read_at(self: _source.Source, piece: memoryview, offset: int) -> int:
        raise AssertionError("it was read")

    monkeypatch.setattr(_source.Source, "read_at", read_at)
    with pytest.raises(andiron.PolicyError):
        andiron.load(path)


def test_a_place_that_others_can_write_to(project: Project) -> None:
    project.policy("sources:\n  - path: models/\n    trust: scan\n")
    path = project.file("a.safetensors", ONE)
    path.parent.chmod(0o777)
    with pytest.raises(andiron.PolicyError, match="write"):
        andiron.load(path)


def test_a_link_that_leads_out(project: Project) -> None:
    project.policy("sources:\n  - path: models/\n    trust: scan\n")
    outside = project.root.parent / "outside.safetensors"
    outside.write_bytes(ONE)
    link = project.root / "models" / "a.safetensors"
    link.symlink_to(outside)
    with pytest.raises(andiron.PolicyError):
        andiron.load(link)


def test_uploads(project: Project) -> None:
    path = project.file("a.safetensors", ONE)
    with pytest.raises(andiron.PolicyError, match="user"):
        andiron.load(path, upload=True)
    project.policy("user_uploads: scan\n")
    assert verify(path, upload=True).answer.verdict == "safe"


def test_a_signature_that_is_required(project: Project) -> None:
    project.policy("require_signature: true\nsources:\n  - path: models/\n    trust: scan\n")
    with pytest.raises(andiron.RefusedError):
        andiron.load(project.file("a.safetensors", ONE))


def test_a_policy_that_cannot_be_read_allows_nothing(project: Project) -> None:
    path = project.file("a.safetensors", ONE)
    project.add(path)
    (project.root / "andiron.yaml").write_text("nonsense: [\n")
    with pytest.raises(andiron.PolicyError):
        andiron.load(path)


def test_the_project_is_found_upwards_or_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project.file("a.safetensors", ONE)
    project.add(path)
    monkeypatch.chdir(path.parent)
    assert verify(path).answer.verdict == "safe"
    monkeypatch.chdir("/")
    assert verify(path, project=project.root).answer.verdict == "safe"
    with pytest.raises(andiron.UntrustedModelError):
        verify(path)


def test_a_name_that_is_not_utf8(project: Project) -> None:
    path = os.fsdecode(os.fsencode(project.root / "models") + b"/\xff.pt")
    with open(path, "wb") as file:
        file.write(ONE)
    with pytest.raises(andiron.FileAccessError, match="not UTF-8"):
        andiron.load(path)


def test_a_record_is_logged(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    path = project.file("a.safetensors", ONE)
    project.add(path)
    with caplog.at_level(logging.INFO, "andiron.load"):
        verify(path)
    (record,) = [r for r in caplog.records if r.levelno == logging.INFO]
    fields = vars(record)["andiron"]
    assert fields["event"] == "verified"
    assert fields["sha256"] == hashlib.sha256(ONE).hexdigest()
    assert '"event": "verified"' in record.getMessage()


@pytest.mark.parametrize(
    "script",
    [
        "exit 3",
        "exit 2",
        "cat > /dev/null; echo nonsense",
        "cat > /dev/null; echo '[]'",
        'cat > /dev/null; echo \'{"v":2,"allowed":true,"code":"ok"}\'',
        'cat > /dev/null; echo \'{"v":1,"allowed":"yes","code":"ok"}\'',
        'cat > /dev/null; echo \'{"v":1,"allowed":true}\'',
        'cat > /dev/null; echo \'{"v":1,"allowed":true,"code":"policy"}\'',
        "kill -9 $$",
    ],
)
def test_an_answer_that_makes_no_sense_allows_nothing(
    script: str, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "andiron"
    broken.write_text("#!/bin/sh\n" + script + "\n")
    broken.chmod(0o755)
    monkeypatch.setattr(_binary, "_found", str(broken))
    with pytest.raises(andiron.BinaryError):
        andiron.load(project.file("a.safetensors", ONE))


def test_a_binary_that_takes_too_long(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = tmp_path / "andiron"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr(_binary, "_found", str(slow))
    monkeypatch.setattr("andiron._decision._OPEN_SECONDS", 0.2)
    with pytest.raises(andiron.BinaryError, match="could not be run"):
        andiron.load(project.file("a.safetensors", ONE))


@pytest.mark.parametrize("code", ["something-new", ""])
def test_a_refusal_of_a_newer_binary_is_a_refusal(
    code: str, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    newer = tmp_path / "andiron"
    newer.write_text(f'#!/bin/sh\ncat > /dev/null; echo \'{{"v":1,"allowed":false,"code":"{code}"}}\'\n')
    newer.chmod(0o755)
    monkeypatch.setattr(_binary, "_found", str(newer))
    with pytest.raises(andiron.PolicyError, match="must not be loaded"):
        andiron.load(project.file("a.safetensors", ONE))


def test_without_a_binary_nothing_is_loaded(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_binary, "_found", None)
    monkeypatch.setattr(_binary, "_candidates", lambda: iter(()))
    with pytest.raises(andiron.BinaryNotFoundError, match="pip install"):
        andiron.load(project.file("a.safetensors", ONE))


def test_neither_the_environment_nor_the_current_folder_choose_the_binary(project: Project, tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "andiron"
    fake.parent.mkdir()
    # python -c and -m look for packages in the current folder first.
    claim = project.root / "andiron-9.dist-info"
    claim.mkdir()
    (claim / "METADATA").write_text("Metadata-Version: 2.1\nName: andiron\nVersion: 9\n")
    (claim / "RECORD").write_text(f"{os.path.relpath(fake, project.root)},,\n")
    fake.write_text('#!/bin/sh\necho \'{"v":1,"allowed":true,"code":"ok"}\'\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    path = project.file("a.safetensors", ONE)
    code = f"import andiron\ntry: andiron.load({str(path)!r})\nexcept andiron.UntrustedModelError: print('refused')"
    env = {**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}", "ANDIRON_BINARY": str(fake)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"
