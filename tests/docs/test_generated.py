"""Pages that are made from the code are as the code is."""

import pytest

from tests.docs import generated
from tests.docs.generated import generated_pages


@pytest.mark.parametrize("page", sorted({page for page, _ in generated.PARTS}))
def test_the_page_is_up_to_date(page):
    text = generated_pages()[generated.ROOT / page]
    assert (generated.ROOT / page).read_text() == text, "run `make docs` and commit the result"


def test_a_page_without_markers_for_its_part_is_named(monkeypatch):
    monkeypatch.setattr(generated, "PARTS", {("README.md", "nowhere"): lambda: ""})
    with pytest.raises(LookupError, match=r"README\.md has no place for nowhere"):
        generated_pages()
