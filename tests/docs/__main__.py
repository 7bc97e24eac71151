"""Write the generated parts of the documentation."""

from tests.docs.generated import generated_pages

for path, text in generated_pages().items():
    path.write_text(text)
