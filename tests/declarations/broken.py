"""Broken declarations: what a person typed, the line to check, and the advice in the message."""

from dataclasses import dataclass

COMPONENTS = "lakehouse.orchestration.components"

SOURCE = f"""\
type: {COMPONENTS}.Source
attributes:
  name: payments
  description: Card payments
  owners: ["team:tests"]
  tags: {{domain: payments}}
  freshness: {{warn: 1d, fail: 2d}}
  connector: {{kind: files}}
  contract:
    key: [id]
    declared_time: time
    on_change: freeze
    columns:
      - {{name: id, type: BIGINT, description: Number}}
      - name: time
        type: TIMESTAMP
        description: When
      - {{name: country, type: VARCHAR, description: Where, values: [SE, DK]}}
"""

FEATURES = f"""\
type: {COMPONENTS}.FeatureSet
attributes:
  name: spending
  description: Spending
  entity: customer_id
  spines:
    - {{name: transactions, table: core.transactions, key: id}}
  streams:
    payments: core.transactions
  aggregates:
    n: {{of: payments, op: count, window: [1d, 7d]}}
    spent:
      of: payments
      op: sum
      value: cents
      window: [1d, 7d]
  features:
    mean: spent / n
    week: {{expression: n_7d, description: In a week}}
"""

MODEL = f"""\
type: {COMPONENTS}.PredictiveModel
attributes:
  name: detector
  description: Fraud
  task: binary
  spine: {{table: core.transactions, key: id, entities: [customer_id]}}
  feature_sets: [spending]
  label: {{table: core.labels, column: is_fraud, maturity: 14d}}
  split: {{test: 14d}}
  params:
    num_leaves: 31
  search:
    space:
      num_leaves: {{low: 15, high: 63}}
  capacity: {{alerts: 100}}
  gates:
    - {{metric: auc_roc, at_least: 0.7}}
  judging:
    segments:
      channel: {{table: core.transactions, column: channel}}
  watch: {{psi: 0.2}}
"""


@dataclass(frozen=True)
class Broken:
    """`old` replaced by `new` in `document`, the wrong `line`, and `words` of its message."""

    document: str
    old: str
    new: str
    line: int
    words: str

    @property
    def text(self) -> str:
        assert self.old in self.document
        return self.document.replace(self.old, self.new, 1)


def _of(document: str, *cases: tuple[str, str, int, str]) -> list[Broken]:
    return [Broken(document, *case) for case in cases]


NOT_YAML = [
    Broken(MODEL, "Fraud", "'Fraud", 4, "closing quote is missing"),
    *_of(
        SOURCE,
        ('["team:tests"]', '["team:tests"', 5, "closing bracket is missing"),
        ("Card payments", '"Card payments', 5, "close the quote before it"),
        ("Card payments", "Payments: by card", 4, "quote text with a colon"),
        ("    key: [id]", "\tkey: [id]", 10, "indent with spaces"),
        ("    key: [id]", "   key: [id]", 11, "indent"),
        ("{kind: files}", "{kind: files", 8, "closing bracket is missing"),
        ("Card payments", "*payments", 4, "quote text that starts with"),
        ("Card payments", "!secret payments", 4, "without a tag"),
        ("Card payments", "{{ text }}", 4, "quote text in braces"),
        ("Card payments", "@payments", 4, "quote text that starts like this"),
        ("Card payments", "2026-02-31", 4, "day is out of range"),
        ("attributes:", "---\nattributes:", 2, "one component per file"),
    ),
]

OUTSIDE = _of(
    SOURCE,
    (f"type: {COMPONENTS}.Source\n", "", 1, "needs a `type`"),
    (f"type: {COMPONENTS}.Source", "type:", 1, "needs a `type`"),
    (".Source", ".Sorce", 1, f"no component {COMPONENTS}.Sorce; did you mean .*Source"),
    (COMPONENTS, "lakehouse.components", 1, f"write {COMPONENTS}.Source"),
    (f"{COMPONENTS}.", "", 1, f"no component Source; write {COMPONENTS}.Source"),
    ("attributes:", "attribute:", 2, "attribute: .*not a section.*did you mean attributes"),
    (SOURCE, "", 1, "declares no component"),
    (SOURCE, "just words", 1, "declares no component"),
    (SOURCE, "- a\n- b", 1, "declares no component"),
    (SOURCE.split("\n", 1)[1], "attributes: 5", 1, "no `attributes` section"),
    (SOURCE.split("\n", 1)[1], "", 1, "no `attributes` section"),
    ("  name: payments", "  name: payments\n  name: other", 4, "name: is given twice.*line 3"),
    (
        "        type: TIMESTAMP",
        "        type: TIMESTAMP\n        type: DATE",
        17,
        "columns.1.type",
    ),
)

SOURCES = _of(
    SOURCE,
    ("name: payments", "nmae: payments", 3, "nmae: there is no such field; did you mean name"),
    ("name: payments", "name: Payments", 3, 'name: "Payments" is not valid: a name has lower-case'),
    ("name: payments", "name: 5", 3, "name: 5 is not valid; write text in quotes"),
    ("  description: Card payments\n", "", 2, "the field description is missing"),
    ("Card payments", "", 4, "description: there is no value"),
    ("Card payments", '""', 4, "description: .*at least 1 character"),
    ('["team:tests"]', "[tests]", 5, "owners.0: owner 'tests' is neither an e-mail address nor"),
    ('["team:tests"]', "team:tests", 5, "owners: .*write a list"),
    ("domain: payments", '"my tag": payments', 6, "tags.*'my tag' is not a valid tag"),
    ("domain: payments", "domain: of payments", 6, "'of payments' is not a valid tag value"),
    ("domain: payments", "level: 3", 6, "tags.level: 3 is not valid; write text in quotes"),
    ("warn: 1d", "warn: 3d", 7, "freshness.warn: 3d is not shorter than `fail`, which is 2d"),
    ("fail: 2d", "fail: 30s", 7, "freshness.fail: 30s is too short"),
    ("fail: 2d", "fail: two days", 7, "freshness.fail: 'two days' is not a duration"),
    ("fail: 2d", "fail: 99999999999d", 7, "freshness.fail: .* too long"),
    ("fail: 2d", "fail: 48", 7, "freshness.fail: "),
    ("kind: files", "kind: ftp", 8, "connector.kind: \"ftp\" is not one of 'files'"),
    ("{kind: files}", "{}", 8, "connector: the field kind is missing"),
    ("{kind: files}", "files", 8, "connector: "),
    ("{kind: files}", "{kind: files, url: x}", 8, "connector.url: there is no such field"),
    ("[id]", "[ids]", 10, "contract.key: 'ids' is not one of the columns"),
    ("declared_time: time", "declared_time: tme", 11, "declared_time: 'tme' is not one of"),
    ("declared_time: time", "declared_time: id", 11, "declared_time: 'id' is not a TIMESTAMP"),
    ("on_change: freeze", "on_change: freze", 12, "not one of .*; did you mean freeze"),
    ("on_change: freeze", "on_change: no", 12, "on_change: false is not one of"),
    ("name: id, type", "name: id, tpe", 14, "columns.0.tpe: .*did you mean type"),
    ("name: time\n", "name: known_at\n", 15, "known_at is a column that the loader adds"),
    ("TIMESTAMP", "DATETIME", 16, "unknown column type 'DATETIME'"),
    ("[SE, DK]", "[SE, NO]", 18, "values.1: false is not valid; write text in quotes"),
    ("contract:", "contract: {}\nx:", 10, "x: .*not a section"),
    ("connector: {kind: files}", "seal_pattern: {regex: '('}\n  connector: {kind: files}", 8,
     "regular expression"),
    ("connector: {kind: files}", "encoding: utf9\n  connector: {kind: files}", 8,
     "encoding 'utf9'"),
)  # fmt: skip

FEATURE_SETS = _of(
    FEATURES,
    ("op: sum", "op: avg", 14, "aggregates.spent.op: op avg is refused.*`total / n`"),
    ("op: count", "op: median", 11, "aggregates.n.op: op median is refused.*quantile"),
    ("op: count", "op: cuont", 11, "aggregates.n.op: .*count"),
    ("op: sum", "op: count", 12, "aggregates.spent: op count takes no `value`"),
    ("      window: [1d, 7d]\n", "", 12, "aggregates.spent: a window is missing"),
    ("      window: [1d, 7d]", "      window: [1d, weekly]", 16, "window.1: 'weekly' is not a dur"),
    ("      window: [1d, 7d]", "      window: [1mo, 7d, 1mo]", 12, "spent: windows .* repetition"),
    ("      window: [1d, 7d]", "      window: 1mo1d", 16, "window: '1mo1d' is not a dur.*months"),
    (
        "op: count, window",
        "op: count, where: cents in, window",
        11,
        "aggregates.n.where: .*'cents in', character 9: ",
    ),
    ("      window: [1d, 7d]", "      window: weekly", 16, "spent.window: 'weekly' is not a dur"),
    ("{of: payments", "{of: paymnts", 11, "aggregates.n.of: .*'paymnts', which is not a declared"),
    ("      value: cents", "      values: cents", 15, "there is no such field; did you mean value"),
    ("    n:", "    N:", 11, 'aggregates.N: "N" is not valid: a name has'),
    ("core.transactions, key", "transactions, key", 7, "spines.0.table: .*schema.name"),
    ("  spines:\n    - {name", "  spines:\n    {name", 6, "spines: .*write a list"),
    ("payments: core", "- core", 8, "streams: .*write `name: value`"),
    ("mean: spent / n", "split: spent / n", 18, "features.split: .*'split' has the name of a"),
    ("mean: spent / n", "customer_id: n_1d", 18, "features.customer_id: .*another column"),
    ("mean: spent / n", "mean: spent /", 18, "features.mean: .*'spent /', character 8: "),
    (
        "mean: spent / n",
        "mean: [spent, n]",
        18,
        "features.mean: .*write fields below it, of expression",
    ),
    (
        "expression: n_7d",
        "expresion: n_7d",
        19,
        "features.week.expresion: .*did you mean expression",
    ),
    ("name: spending", "name: a__b", 3, "two underscores"),
    ("entity: customer_id", "entity: customer_id\n  owners: [me]", 6, "owners.0: owner 'me'"),
)

MODELS = _of(
    MODEL,
    ("task: binary", "task: binry", 5, "task: .*did you mean binary"),
    ("entities: [customer_id]", "entities: customer_id", 6, "spine.entities: .*write a list"),
    ("key: id", "key: score", 6, "spine: .*'score' has the name of a column of the prediction log"),
    ("[spending]", "[]", 7, "feature_sets: .*at least 1"),
    ("column: is_fraud", "colum: is_fraud", 8, "label.colum: .*did you mean column"),
    (
        "table: core.labels, column: is_fraud, maturity: 14d",
        "stream: core.rows, entity: customer_id, op: count, at_least: 1, horizn: 7d",
        8,
        "label.horizn: .*did you mean horizon",
    ),
    (", maturity: 14d", "", 8, "label: declare `label.maturity`: how long"),
    ("test: 14d", "test: 14d, gap: 3d", 9, "split.gap: `split.gap` is 3d, shorter than"),
    ("num_leaves: 31", "deterministic: true", 11, "params.deterministic: .*set by the trainer"),
    ("num_leaves: 31", "num_leaves: [31]", 11, "num_leaves: a list is not valid; write a whole n"),
    ("{low: 15, high: 63}", "{low: 15, hgh: 63}", 14, "num_leaves.hgh: .*did you mean high"),
    ("{low: 15, high: 63}", "{low: 63, high: 15}", 14, "`low` 63 must be below `high` 15"),
    ("{low: 15, high: 63}", "15", 14, "write fields below it, of low, high"),
    ("alerts: 100", "alerts: many", 15, 'capacity.alerts: "many" is not valid; write a whole'),
    ("alerts: 100", "alerts: 0", 15, "capacity.alerts: 0 is not valid; write at least 1"),
    (
        "alerts: 100",
        "alerts: 100, unit: card",
        15,
        "capacity.unit: 'card' is not an entity of the spine",
    ),
    ("  capacity: {alerts: 100}\n", "", 2, "must declare `capacity`"),
    ("metric: auc_roc", "metric: auc", 17, "gates.0.metric: 'auc' is not a metric.*auc_roc"),
    ("at_least: 0.7", "at_lest: 0.7", 17, "gates.0.at_lest: .*did you mean at_least"),
    (", at_least: 0.7", "", 17, "either `at_least` or `at_most`"),
    ("channel: {table", '" ": {table', 20, "without a name"),
    ("psi: 0.2", "psi: -1", 21, "watch.psi: -1 is not valid; write more than 0"),
    ("psi: 0.2", "pis: 0.2", 21, "watch.pis: .*did you mean psi"),
    ("watch: {psi: 0.2}", "watch: [psi]", 21, "watch: a list is not valid; write fields"),
    ("watch: {psi: 0.2}", "yes: 1", 21, "reads this name as true; put it into quotes"),
)

BROKEN = [*NOT_YAML, *OUTSIDE, *SOURCES, *FEATURE_SETS, *MODELS]
