import json

import pytest

from lakehouse.models.artefact import CARD, TREES, load_model, sha256
from lakehouse.models.errors import BadArtefact
from lakehouse.training import identity


@pytest.mark.slow
def test_other_libraries_or_code_change_the_code_hash(monkeypatch):
    def now():
        identity.code_hash.cache_clear()
        return identity.code_hash()

    before = now()
    assert now() == before
    with monkeypatch.context() as patch:
        patch.setattr(identity, "library_version", lambda name: "0")
        assert now() != before
    with monkeypatch.context() as patch:
        patch.setattr(identity, "code_definitions", lambda: dict.fromkeys("ab", "c"))
        assert now() != before
    assert now() == before


def test_the_card_of_an_incompatible_release_is_a_clear_error(tmp_path):
    contents = {CARD: json.dumps({"model": "detector", "metrics": {}}).encode(), TREES: b"tree"}
    (tmp_path / "v1").mkdir()
    for name, content in contents.items():
        (tmp_path / "v1" / name).write_bytes(content)
    files = {name: sha256(content) for name, content in contents.items()}
    with pytest.raises(BadArtefact, match=r"written by an incompatible release.*train a new"):
        load_model(tmp_path, "v1", files)
