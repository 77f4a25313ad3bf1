"""The guard over torch, numpy, joblib and pandas; runs with --torch VERSION."""

from __future__ import annotations

import importlib
import io
import logging
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import andiron
from andiron import _torch
from conftest import REPOSITORY, Payload, Project, QuietPayload
from test_guard import records
from test_torch import Doubles, same, save, state

pytestmark = [
    pytest.mark.torch,
    pytest.mark.usefixtures("guard"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("options", [{}, {"weights_only": False}, {"pickle_module": pickle}])
def test_torch_load_of_a_path(
    options: dict[str, Any], zipped: bool, torch: Any, project: Project, marker: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = save(project, torch, "good.pt", state(torch), _use_new_zipfile_serialization=zipped)
    evil = save(project, torch, "evil.pt", QuietPayload(marker), _use_new_zipfile_serialization=zipped)
    project.add(good)
    andiron.install_guard()
    assert same(torch, torch.load(good, **options), state(torch))
    assert same(torch, torch.serialization.load(str(good), "cpu", **options), state(torch))
    with pytest.raises(andiron.UntrustedModelError):
        torch.load(evil, **options)
    project.lock(good, evil)
    with pytest.raises(andiron.ScanError):
        torch.load(evil, **options)  # listed, and still only weights
    assert not marker.exists()
    overridden = records(caplog, "overridden")
    assert [fields["parameters"] for fields in overridden[:1]] == [list(options)] * bool(options)


def test_torch_load_of_an_open_file(torch: Any, project: Project, marker: Path) -> None:
    good = save(project, torch, "good.pt", state(torch))
    evil = save(project, torch, "evil.pt", QuietPayload(marker))
    project.add(good)
    andiron.install_guard()
    with good.open("rb") as file:
        assert same(torch, torch.load(file), state(torch))
    with evil.open("rb") as file, pytest.raises(andiron.UntrustedModelError):
        torch.load(file, weights_only=False)
    assert not marker.exists()


def test_several_checkpoints_in_one_file(torch: Any, project: Project) -> None:
    path = project.root / "models" / "a.pt"
    with path.open("wb") as file:
        for n in range(3):
            torch.save({"n": torch.tensor(n)}, file, _use_new_zipfile_serialization=False)
    project.lock(path)
    andiron.install_guard()
    with path.open("rb") as file:
        assert [torch.load(file)["n"].item() for _ in range(3)] == [0, 1, 2]
    buffer = io.BytesIO(path.read_bytes())
    project.policy("user_uploads: scan\n")
    with pytest.raises(andiron.RefusedError):
        torch.load(buffer)  # three in one are not what the scanner calls safe
    one = io.BytesIO()
    torch.save({"n": torch.tensor(7)}, one, _use_new_zipfile_serialization=False)
    one.seek(0)
    assert torch.load(one)["n"].item() == 7
    assert one.tell() == len(one.getvalue())


def test_a_buffer_is_what_a_user_uploads(torch: Any, project: Project, marker: Path) -> None:
    def buffer(value: Any) -> io.BytesIO:
        out = io.BytesIO()
        torch.save(value, out)
        out.seek(0)
        return out

    andiron.install_guard()
    with pytest.raises(andiron.PolicyError, match="users"):
        torch.load(buffer(state(torch)))
    project.policy("user_uploads: scan\n")
    assert same(torch, torch.load(buffer(state(torch))), state(torch))
    for payload in (Payload(marker), QuietPayload(marker)):
        with pytest.raises(andiron.ScanError):
            torch.load(buffer(payload), weights_only=False)
    assert not marker.exists()


def test_warn_changes_nothing(torch: Any, project: Project, caplog: pytest.LogCaptureFixture) -> None:
    path = save(project, torch, "a.pt", torch.nn.Linear(2, 3))
    andiron.install_guard("warn")
    options = {"weights_only": False}
    assert isinstance(torch.load(path, **options), torch.nn.Linear)
    with path.open("rb") as file:
        assert isinstance(torch.load(file, **options), torch.nn.Linear)
    assert isinstance(torch.load(io.BytesIO(path.read_bytes()), **options), torch.nn.Linear)
    errors = [fields["error"] for fields in records(caplog, "would block") if fields["call"] == "torch.load"]
    assert errors == ["UntrustedModelError", "UntrustedModelError", "PolicyError"]


def test_torch_jit_load(torch: Any, project: Project) -> None:
    make = Doubles(torch, project.root / "models")
    good, other = make.script("good.pt", 2), make.script("other.pt", 5)
    project.add(good)
    andiron.install_guard()
    for f in (good, str(good)):
        assert torch.jit.load(f, map_location="cpu")(torch.tensor([3.0])).tolist() == [6.0]
    with good.open("rb") as file:
        assert torch.jit.load(file)(torch.tensor([3.0])).tolist() == [6.0]
    with pytest.raises(andiron.UntrustedModelError):
        torch.jit.load(str(other))
    with pytest.raises(andiron.PolicyError):
        torch.jit.load(io.BytesIO(other.read_bytes()))
    assert andiron.jit_load(good)(torch.tensor([3.0])).tolist() == [6.0], "our own loads pass through"


def test_torch_hub(torch: Any, project: Project) -> None:
    repo = project.root / "repo"
    repo.mkdir()
    (repo / "hubconf.py").write_text("def model(): return 'made'\n")
    andiron.install_guard()
    with pytest.raises(andiron.PolicyError, match="runs its code"):
        torch.hub.load("owner/name", "model")
    with pytest.raises(andiron.PolicyError, match="runs its code"):
        torch.hub.list("owner/name")
    assert torch.hub.load(str(repo), "model", source="local") == "made"


def test_torch_hub_addresses_are_judged(torch: Any, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = save(project, torch, "a.pt", state(torch))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, dst, *a, **k: shutil.copy(checkpoint, dst))
    commit = "0123456789012345678901234567890123456789"
    allowed = f"https://models.example.com/{commit}/a.pt"
    project.policy("sources:\n  - url: https://models.example.com/\n    trust: scan\n")
    andiron.install_guard()
    for number, (url, passes) in enumerate(
        [(allowed, True), (allowed.replace("https", "http"), False), ("https://evil.example.com/a.pt", False)]
    ):
        folder = project.root / "hub" / str(number)
        if passes:
            loaded = torch.hub.load_state_dict_from_url(url, model_dir=str(folder), progress=False)
            assert same(torch, loaded, state(torch))
        else:
            with pytest.raises(andiron.RefusedError):
                torch.hub.load_state_dict_from_url(url, model_dir=str(folder), progress=False)


def test_torch_package(torch: Any, project: Project) -> None:
    from torch import package

    path = project.root / "models" / "p.pt"
    with package.PackageExporter(str(path)) as exporter:
        exporter.save_text("pkg", "note.txt", "hello")
    andiron.install_guard()
    with pytest.raises(andiron.RefusedError):
        package.PackageImporter(str(path))
    project.lock(path, fmt="torch-package")
    importer = package.PackageImporter(str(path))
    assert importer.load_text("pkg", "note.txt") == "hello"
    assert isinstance(importer, package.PackageImporter)


def test_torch_export(torch: Any, project: Project) -> None:
    if _torch.version(torch) < (2, 1):
        assert not hasattr(torch, "export")
        return

    class Add(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x + 1

    path = project.root / "models" / "a.pt2"
    torch.export.save(torch.export.export(Add(), (torch.ones(2),)), str(path))
    andiron.install_guard()
    with pytest.raises(andiron.RefusedError):
        torch.export.load(str(path))
    project.lock(path, fmt="pt2")
    assert torch.export.load(str(path)).module()(torch.ones(2)).tolist() == [2.0, 2.0]


def test_numpy(project: Project, marker: Path, tmp_path: Path) -> None:
    import numpy

    plain, objects, evil = (project.root / "models" / name for name in ("a.npy", "b.npy", "c.npy"))
    numpy.save(plain, numpy.arange(5))
    numpy.save(objects, numpy.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    numpy.save(evil, numpy.array([QuietPayload(marker)], dtype=object), allow_pickle=True)
    archive = project.root / "models" / "d.npz"
    numpy.savez(archive, x=numpy.array([{"b": 2}], dtype=object))
    project.lock(objects, archive, fmt="npy")
    andiron.install_guard(strict=True)
    assert numpy.load(plain).tolist() == [0, 1, 2, 3, 4]
    assert numpy.load(objects, allow_pickle=True)[0] == {"a": 1}
    assert numpy.load(objects, None, True)[0] == {"a": 1}
    assert numpy.load(str(archive), allow_pickle=True)["x"][0] == {"b": 2}
    assert numpy.load(plain, mmap_mode="r", allow_pickle=True)[1] == 1
    for file in (evil, str(evil), io.BytesIO(evil.read_bytes())):
        with pytest.raises(andiron.RefusedError):
            numpy.load(file, allow_pickle=True)
    assert not marker.exists()


def test_several_arrays_in_one_file(project: Project) -> None:
    import numpy

    path = project.root / "models" / "a.npy"
    with path.open("wb") as file:
        for n in range(3):
            numpy.save(file, numpy.array([{"n": n}], dtype=object), allow_pickle=True)
    project.lock(path, fmt="npy")
    andiron.install_guard()
    with path.open("rb") as file:
        assert [numpy.load(file, allow_pickle=True)[0]["n"] for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("compress", [0, 3])
def test_joblib(compress: int, project: Project, marker: Path) -> None:
    import joblib
    import numpy

    good, evil = (str(project.root / "models" / name) for name in ("a.joblib", "b.joblib"))
    joblib.dump({"a": numpy.arange(1000)}, good, compress=compress)
    joblib.dump(QuietPayload(marker), evil, compress=compress)
    project.lock(Path(good), fmt="joblib")
    andiron.install_guard(strict=True)
    assert joblib.load(good)["a"].sum() == 499_500
    assert joblib.load(good, mmap_mode="r")["a"][3] == 3
    with pytest.raises(andiron.UntrustedModelError):
        joblib.load(evil)
    assert not marker.exists()


@pytest.mark.pandas
@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".bz2", ".zip"])
def test_pandas(suffix: str, project: Project, marker: Path) -> None:
    import pandas

    good = project.root / "models" / f"a.pkl{suffix}"
    evil = project.root / "models" / f"b.pkl{suffix}"
    pandas.DataFrame({"x": [1, 2]}).to_pickle(good)
    pandas.to_pickle(QuietPayload(marker), evil)
    project.lock(good, fmt="pickle")
    andiron.install_guard(strict=True)
    assert pandas.read_pickle(good)["x"].tolist() == [1, 2]
    with pytest.raises(andiron.UntrustedModelError):
        pandas.read_pickle(evil)
    with pytest.raises(andiron.PolicyError, match="in one go"):
        pandas.read_pickle("https://models.example.com/a.pkl")
    assert not marker.exists()


@pytest.mark.parametrize("name", ["cloudpickle", "dill"])
def test_their_pickles(name: str, project: Project, marker: Path) -> None:
    module = importlib.import_module(name)
    good = project.file("a.pkl", module.dumps({"f": len}))
    evil = project.file("b.pkl", module.dumps(QuietPayload(marker)))
    project.lock(good, fmt="pickle")
    andiron.install_guard()
    with good.open("rb") as file:
        assert module.load(file)["f"]([1, 2]) == 2
    with evil.open("rb") as file, pytest.raises(andiron.UntrustedModelError):
        module.load(file)
    assert not marker.exists()


ORDER = """
import sys, andiron
andiron.install_guard()
assert "torch" not in sys.modules
import torch, torch.hub
from torch import load
from torch.jit import load as jit_load
for name in ("load", "serialization.load", "jit.load", "hub.load", "package.PackageImporter"):
    thing = torch
    for part in name.split("."):
        thing = getattr(thing, part)
    assert hasattr(thing, "__andiron_original__"), name
for f in (load, jit_load, lambda p: torch.load(p, weights_only=False)):
    try:
        f(sys.argv[1])
    except andiron.UntrustedModelError:
        print("refused")
"""


def test_torch_that_is_imported_later(torch: Any, project: Project) -> None:
    path = save(project, torch, "a.pt", {"a": 1})
    done = subprocess.run([sys.executable, "-c", ORDER, path], capture_output=True, text=True, check=False)
    assert done.stdout == "refused\n" * 3, done.stderr


def test_data_loaders_and_torch_multiprocessing_go_on(torch: Any) -> None:
    from torch.utils.data import DataLoader

    andiron.install_guard(strict=True)
    batches = list(DataLoader(torch.arange(12), batch_size=4, num_workers=2))
    assert torch.cat(batches).tolist() == list(range(12))


def test_the_example_s_hostile_checkpoint(torch: Any, project: Project, tmp_path: Path, monkeypatch: Any) -> None:
    sample = REPOSITORY / "examples" / "vision-service" / "models" / "community_finetune.ckpt"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    path = project.file("a.ckpt", sample.read_bytes())
    andiron.install_guard(logger=logging.getLogger("quiet"))
    with pytest.raises(andiron.UntrustedModelError):
        torch.load(path, weights_only=False)
    project.lock(path)
    with pytest.raises(andiron.ScanError):
        torch.load(path, weights_only=False)
    assert not (tmp_path / "andiron-demo-marker").exists()
