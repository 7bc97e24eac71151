"""Finding a version by its full name or an unambiguous prefix."""

from lakehouse.lake import Lake
from lakehouse.registry.states import RegistryError
from lakehouse.registry.versions import Version, list_versions


def find_version(lake: Lake, model: str, text: str) -> Version:
    """The version that `text` names: in full, or by a prefix that only one has (`v0003`).

    Without text the champion, or the newest version if there is none.

    Raises:
        RegistryError: naming the existing versions, when none or several have the prefix.
    """
    versions = list_versions(lake, model)
    if not text and versions:
        return next((v for v in versions if v.state == "champion"), versions[0])
    found = [v for v in versions if v.version.startswith(text)]
    exact = [v for v in found if v.version == text]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not versions:
        raise RegistryError(f"{model} has no version yet; `lakehouse run` trains it")
    known = ", ".join(v.version for v in versions)
    problem = "several versions begin with" if found else "no version begins with"
    raise RegistryError(f"{model}: {problem} {text!r}; known versions: {known}")
