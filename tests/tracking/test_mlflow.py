"""MLflow mirrors the registry: with a stand-in, and with the real package where installed."""

import os
import sys
from datetime import datetime
from types import ModuleType, SimpleNamespace

import pytest

from lakehouse.lake import Author, Lake
from lakehouse.registry import Version, promote, rollback, start_shadow
from lakehouse.registry.versions import register
from lakehouse.settings import load_settings
from lakehouse.tracking import MissingExtra, mirror


def able(_version):
    return ""


class Page(list):
    token = None


class Down(Exception):
    pass


class Server:
    """A stand-in for the MLflow server and the client calls used here; it can be down."""

    def __init__(self):
        self.runs, self.models, self.experiments = {}, {}, {}
        self.down = self.dies_after = None
        self.calls = 0

    def client(self, tracking_uri, registry_uri):
        assert tracking_uri == registry_uri == "http://me:secret@tracker"
        return self

    def __getattribute__(self, name):
        if name in ("create_run", "log_batch", "log_artifact", "search_runs", "set_terminated"):
            object.__setattr__(self, "calls", self.calls + 1)
            if self.down or (self.dies_after is not None and self.calls > self.dies_after):
                raise Down("no answer from http://me:secret@tracker\nat all")
        return object.__getattribute__(self, name)

    def get_experiment_by_name(self, name):
        found = self.experiments.get(name)
        return SimpleNamespace(experiment_id=found) if found else None

    def create_experiment(self, name):
        return self.experiments.setdefault(name, str(len(self.experiments) + 1))

    def search_runs(self, experiments, page_token):
        return Page(self.runs.values())

    def create_run(self, experiment, start_time, tags, run_name):
        number = f"run{len(self.runs)}"
        info = SimpleNamespace(run_id=number, status="RUNNING", artifact_uri=f"files/{number}")
        data = SimpleNamespace(tags=tags, metrics={}, params={})
        self.runs[number] = SimpleNamespace(info=info, data=data, files=[])
        return self.runs[number]

    def get_run(self, number):
        return self.runs[number]

    def log_batch(self, number, metrics=(), params=()):
        assert len(params) <= 100
        self.runs[number].data.metrics.update({m.key: m.value for m in metrics})
        self.runs[number].data.params.update({p.key: p.value for p in params})

    def log_artifact(self, number, path):
        self.runs[number].files.append(os.path.basename(path))

    def set_terminated(self, number, status, end_time=None):
        self.runs[number].info.status = status

    def search_registered_models(self, filter_string):
        return [m for name, m in self.models.items() if filter_string == f"name = '{name}'"]

    def create_registered_model(self, name):
        self.models[name] = SimpleNamespace(aliases={}, versions=[])

    def search_model_versions(self, filter_string):
        return [v for m in self.search_registered_models(filter_string) for v in m.versions]

    def create_model_version(self, name, source, run_id):
        versions = self.models[name].versions
        versions.append(SimpleNamespace(version=len(versions) + 1, run_id=run_id, tags={}))
        return versions[-1]

    def set_model_version_tag(self, name, version, key, value):
        self.models[name].versions[int(version) - 1].tags[key] = value

    def get_registered_model(self, name):
        return self.models[name]

    def set_registered_model_alias(self, name, alias, version):
        self.models[name].aliases[alias] = version

    def delete_registered_model_alias(self, name, alias):
        del self.models[name].aliases[alias]


@pytest.fixture
def server(monkeypatch):
    """A stand-in for an installed MLflow."""
    server = Server()
    package, exceptions, entities = (
        ModuleType(name) for name in ("mlflow", "mlflow.exceptions", "mlflow.entities")
    )
    package.MlflowClient = server.client
    exceptions.MlflowException = Down
    entities.Metric = lambda key, value, at, step: SimpleNamespace(key=key, value=value)
    entities.Param = lambda key, value: SimpleNamespace(key=key, value=value)
    for module in (package, exceptions, entities):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return server


@pytest.fixture
def settings(tmp_path):
    uri = "http://me:secret@tracker"
    return load_settings({}, data_dir=tmp_path / "data", mlflow_tracking_uri=uri)


def version(number):
    name = f"v{number:04d}-{number:08x}"
    return Version(
        model="m",
        version=name,
        number=number,
        state="candidate",
        created_at=datetime(2026, 6, number),
        run_id="run",
        snapshot=7,
        training_set_id="set",
        training_set_hash="hash",
        split={},
        code_version="1",
        code_hash="code",
        config_hash="config",
        feature_schema_hash="schema",
        params={"seed": number, **{f"p{i}": i for i in range(150)}},
        metrics={"test": {"auc_roc": 0.9, "recall": None}},
        artefact=f"m/{name}",
        files={"model.txt": "abc", "gone.json": "def"},
    )


@pytest.fixture
def three(lake):
    with lake.writer(Author("test")) as writer:
        for number in (1, 2, 3):
            registered = version(number)
            register(writer, registered, "training", "first version")
            folder = lake.settings.models_dir / registered.artefact
            folder.mkdir(parents=True)
            (folder / "model.txt").write_text("trees")
    return [version(number).version for number in (1, 2, 3)]


def aliases(server):
    versions = {str(v.version): v for v in server.models["m"].versions}
    return {
        alias: server.runs[versions[number].run_id].data.tags["lakehouse.version"]
        for alias, number in server.models["m"].aliases.items()
    }


def test_every_version_is_a_run_with_parameters_metrics_and_files_once(server, lake, three):
    assert mirror(lake, "m").logged == tuple(three)
    assert mirror(lake, "m").logged == ()
    assert len(server.runs) == 3
    first = server.runs["run0"]
    assert first.data.params["seed"] == "1"
    assert len(first.data.params) == 151
    assert first.data.metrics == {"test/auc_roc": 0.9}
    assert first.files == ["model.txt"]
    assert first.info.status == "FINISHED"
    assert first.data.tags["lakehouse.training_set_sha256"] == "hash"


def test_aliases_and_states_follow_the_registry(server, lake, three):
    mirror(lake, "m")
    assert aliases(server) == {}
    promote(lake, "m", three[0], who="me", why="x")
    start_shadow(lake, "m", three[1], who="me", why="x")
    mirror(lake, "m")
    assert aliases(server) == {"champion": three[0], "shadow": three[1]}
    promote(lake, "m", three[1], who="me", why="x")
    mirror(lake, "m")
    assert aliases(server) == {"champion": three[1]}
    rollback(lake, "m", prove=able, who="me", why="x")
    mirror(lake, "m")
    assert aliases(server) == {"champion": three[0]}
    states = [v.tags["lakehouse.state"] for v in server.models["m"].versions]
    assert states == ["champion", "rolled_back", "candidate"]


def test_a_server_that_is_down_causes_a_warning_and_catches_up_later(server, lake, three):
    server.down = True
    result = mirror(lake, "m")
    assert "not up to date for m; the next run tries again: no answer" in result.problem
    assert "secret" not in result.problem
    server.down = False
    assert mirror(lake, "m").logged == tuple(three)


@pytest.mark.parametrize("calls", range(1, 8))
def test_every_version_gets_one_finished_run_wherever_the_connection_breaks(
    server, lake, three, calls
):
    server.dies_after = calls
    assert mirror(lake, "m").problem
    server.dies_after = None
    mirror(lake, "m")
    finished = [r for r in server.runs.values() if r.info.status == "FINISHED"]
    assert sorted(r.data.tags["lakehouse.version"] for r in finished) == three
    assert all(r.info.status in ("FINISHED", "KILLED") for r in server.runs.values())
    assert len(server.models["m"].versions) == 3


def test_mlflow_is_not_imported_without_a_tracking_uri(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with Lake(load_settings({}, data_dir=tmp_path)) as lake:
        assert mirror(lake, "m").problem == ""


def test_a_tracking_uri_without_the_package_is_one_sentence_that_names_the_extra(lake, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'lakehouse\[mlflow\]'"):
        mirror(lake, "m")


@pytest.mark.slow
def test_the_real_mlflow_shows_the_same(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = f"file://{tmp_path / 'mlflow'}"
    settings = load_settings({}, data_dir=tmp_path / "data", mlflow_tracking_uri=uri)
    with Lake(settings) as lake:
        with lake.writer(Author("test")) as writer:
            for number in (1, 2):
                register(writer, version(number), "training", "made")
        first, second = version(1).version, version(2).version
        folder = settings.models_dir / version(1).artefact
        folder.mkdir(parents=True)
        (folder / "model.txt").write_text("trees")
        promote(lake, "m", first, who="me", why="x")
        start_shadow(lake, "m", second, who="me", why="x")
        result = mirror(lake, "m")
        assert (result.logged, result.problem) == ((first, second), "")
        assert mirror(lake, "m").logged == ()
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        champion = client.get_model_version_by_alias("m", "champion")
        run = client.get_run(champion.run_id)
        assert run.data.tags["lakehouse.version"] == first
        assert run.data.metrics == {"test/auc_roc": 0.9}
        assert [f.path for f in client.list_artifacts(champion.run_id)] == ["model.txt"]
        promote(lake, "m", second, who="me", why="x")
        mirror(lake, "m")
        champion = client.get_model_version_by_alias("m", "champion")
        assert client.get_run(champion.run_id).data.tags["lakehouse.version"] == second
        assert "shadow" not in client.get_registered_model("m").aliases
