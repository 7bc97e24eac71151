"""No move happens before its target is proved able to score, and advice never goes in a circle."""

import re
import threading

import pytest

from lakehouse.lake import Author, Lake
from lakehouse.registry import (
    NoChampion,
    NoVersionReady,
    RegistryError,
    archive,
    champion,
    list_transitions,
    list_versions,
    promote,
    rollback,
    start_shadow,
)
from lakehouse.registry.versions import register
from tests.registry.test_registry import version

BY = {"who": "me", "why": "so"}
FALLBACK = "base_rate"


class FakeProof:
    """A proof that accepts the given versions and records which it was called with."""

    def __init__(self, *names):
        self.names, self.tested = set(names), []

    def __call__(self, version):
        self.tested.append(version.version)
        return "" if version.version in self.names else f"{version.version} cannot be loaded"


def states(lake):
    return {found.number: found.state for found in list_versions(lake, "m")}


@pytest.fixture
def four(lake):
    """v1, v2 and v3 decided in this order; v4 is a candidate."""
    with lake.writer(Author("test")) as writer:
        for number in (1, 2, 3, 4):
            register(writer, version(number), "training", "made")
    names = [version(number).version for number in (1, 2, 3, 4)]
    for name in names[:3]:
        promote(lake, "m", name, **BY)
    return names


def test_a_target_that_cannot_score_is_skipped_and_the_reason_recorded(lake, four):
    proof = FakeProof(four[0])
    assert rollback(lake, "m", prove=proof, **BY).version == four[0]
    assert proof.tested == [four[1], four[0]]
    assert states(lake) == {1: "champion", 2: "archived", 3: "rolled_back", 4: "candidate"}
    for move in list_transitions(lake, "m")[:2]:
        assert move.evidence == {"cannot_score": {four[1]: f"{four[1]} cannot be loaded"}}


def test_if_no_version_can_score_nothing_moves_and_nothing_is_written(lake, four):
    snapshot = lake.snapshot()
    with pytest.raises(NoVersionReady, match="nothing was moved"):
        rollback(lake, "m", prove=FakeProof(four[2]), **BY)
    with pytest.raises(RegistryError, match="cannot score, so nothing was moved"):
        promote(lake, "m", four[3], prove=FakeProof(), **BY)
    assert lake.snapshot() == snapshot
    assert champion(lake, "m").version == four[2]


def test_a_declared_fallback_takes_over_if_no_version_can_score(lake, four):
    assert rollback(lake, "m", prove=FakeProof(), fallback=FALLBACK, **BY) is None
    assert states(lake) == {1: "archived", 2: "archived", 3: "rolled_back", 4: "candidate"}
    move = list_transitions(lake, "m")[0]
    assert (move.evidence["decides"], set(move.evidence["cannot_score"])) == (FALLBACK, {*four[:2]})
    with pytest.raises(NoChampion):
        rollback(lake, "m", prove=FakeProof(), fallback=FALLBACK, **BY)


def test_a_version_that_was_rolled_back_returns_if_the_champion_cannot_score(lake, four):
    rollback(lake, "m", prove=FakeProof(*four), **BY)
    for proof in (FakeProof(*four), None):
        with pytest.raises(RegistryError, match=r"first make it a shadow: .* --shadow"):
            promote(lake, "m", four[2], prove=proof, **BY)
    assert promote(lake, "m", four[2], prove=FakeProof(four[2]), **BY).state == "champion"
    move = list_transitions(lake, "m")[0]
    assert (move.who, move.why, move.evidence) == ("me", "so", {"was_rolled_back": True})
    assert states(lake)[2] == "archived"


def test_the_only_version_is_never_blocked(lake):
    with lake.writer(Author("test")) as writer:
        register(writer, version(1), "training", "made")
    name = version(1).version
    promote(lake, "m", name, **BY)
    rollback(lake, "m", prove=FakeProof(), fallback=FALLBACK, **BY)
    assert promote(lake, "m", name, prove=FakeProof(name), **BY).state == "champion"


def follow(lake, proof, subject, message):
    """Follow a message's advice: whether it works.

    It works if a version decides and can score at the end, or if the message reports that training
    is needed because no version but the one to replace can score.
    """
    if "--force" in message:
        return proof.names <= {subject}
    if found := re.search(r"(v\d{4}-\w+) decides and can score", message):
        return found[1] in proof.names and champion(lake, "m").version == found[1]
    found = re.search(r"`lakehouse models promote m (v\d{4}-\w+)( --shadow)?`", message)
    assert found, message
    if found[2]:
        start_shadow(lake, "m", found[1], **BY)
        return champion(lake, "m").version in proof.names
    return promote(lake, "m", found[1], prove=proof, **BY).version in proof.names


FAST = {("", 0), ("", 4), ("r", 6), ("rr", 8)}
WORLDS = [(before, mask) for before in ("", "r", "rr", "a", "s", "rs") for mask in range(16)]


@pytest.mark.parametrize(
    ("before", "mask"),
    [pytest.param(*w, marks=[] if w in FAST else pytest.mark.slow) for w in WORLDS],
)
def test_the_advice_of_every_refusal_leads_to_a_version_that_decides_or_to_training(
    lake, four, mask, before
):
    """For any set of versions that can score, after a rollback, an archiving or a shadow."""
    for step in before:
        if step == "r":
            rollback(lake, "m", prove=FakeProof(*four), **BY)
        elif step == "a":
            archive(lake, "m", four[3], **BY)
        else:
            start_shadow(lake, "m", four[3], **BY)
    proof = FakeProof(*(name for i, name in enumerate(four) if mask >> i & 1))
    moves = [(champion(lake, "m").version, lambda: rollback(lake, "m", prove=proof, **BY))]
    for name in four:
        moves.append((name, lambda name=name: promote(lake, "m", name, prove=proof, **BY)))
    for subject, move in moves:
        message = refusal(move)
        assert not message or follow(lake, proof, subject, message), message


def refusal(move):
    """The reason why a move is refused; an empty string if it was made."""
    try:
        move()
    except RegistryError as error:
        return str(error)
    return ""


def test_versions_are_proved_before_the_lock_and_moves_since_then_are_detected(
    lake, four, settings
):
    """Another process archives the champion, or takes the target, between proof and move."""

    def promote_another(_):
        with Lake(settings) as other:
            promote(other, "m", four[3], who="other", why="first")
        return ""

    with pytest.raises(RegistryError, match=f"now {four[3]} decides"):
        rollback(lake, "m", prove=promote_another, **BY)
    assert champion(lake, "m").version == four[3]

    def make_target_a_shadow(target):
        with Lake(settings) as other:
            start_shadow(other, "m", target.version, who="other", why="a second chance")
        return ""

    with pytest.raises(RegistryError, match="is shadow now, so nothing was moved"):
        rollback(lake, "m", prove=make_target_a_shadow, **BY)
    assert champion(lake, "m").version == four[3]


def test_a_version_that_is_rolled_back_while_it_is_proved_does_not_return(lake, four, settings):
    def promote_and_roll_back(target):
        with Lake(settings) as other:
            promote(other, "m", target.version, who="other", why="first")
            rollback(other, "m", prove=FakeProof(*four), who="other", why="it floods")
        return ""

    with pytest.raises(RegistryError, match="was rolled back by another process"):
        promote(lake, "m", four[3], prove=promote_and_roll_back, **BY)
    assert champion(lake, "m").version == four[2]
    assert states(lake)[4] == "rolled_back"


def test_a_process_killed_between_proof_and_move_changes_nothing(lake, four, settings):
    class Killed(BaseException):
        pass

    def die(_):
        raise Killed

    snapshot = lake.snapshot()
    with pytest.raises(Killed):
        rollback(lake, "m", prove=die, **BY)
    assert lake.snapshot() == snapshot
    assert rollback(lake, "m", prove=FakeProof(*four), **BY).version == four[1]


def test_of_two_concurrent_rollbacks_one_is_refused_and_one_champion_is_left(lake, four, settings):
    """Without `expected_champion` a caller means the champion it saw; a stale one is refused."""
    start, outcomes = threading.Barrier(2), []

    def go(name):
        with Lake(settings) as own:

            def wait(_):
                start.wait(10)
                return ""

            try:
                outcomes.append(rollback(own, "m", prove=wait, who=name, why="decay").version)
            except RegistryError as error:
                outcomes.append(str(error))

    threads = [threading.Thread(target=go, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [text for text in outcomes if text == four[1]]
    refused = [text for text in outcomes if "try again" in text]
    assert (len(done), len(refused)) == (1, 1), outcomes
    assert list(states(lake).values()).count("champion") == 1
    assert champion(lake, "m").version == four[1]
