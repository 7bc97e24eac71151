"""Plant secrets of every form, make every part fail, and search all that was written.

The search does not depend on the redaction code: each secret consists of words like `Qz81x`, which
no encoding changes and which occur nowhere else, so a piece of one anywhere is a leak.
"""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

NOWHERE = "127.0.0.1:1"
WORDS = re.compile(rb"[A-Z][a-z]\d\d[a-z]")
SECRETS = {
    "BANK_URL": f"postgresql://bank:Bq11x%40Bq12x%2FBq13x@{NOWHERE}/bank?sslpassword=Bq14xyz",
    "RATES_URL": f"http://rates:Ra21k!@{NOWHERE}/v1?api_key=Ra23k",
    "PRICES_API_KEY": "Ra24k",
    "LAKEHOUSE_WEBHOOK_URL": f"http://{NOWHERE}/services/Tw31v/Bw32v/Cw33vCw34v?token=Dw35v",
    "LAKEHOUSE_MLFLOW_TRACKING_URI": f"http://ml:Mf41b%21@{NOWHERE}",
    "LAKEHOUSE_PII_KEY": "Pk51j Pk52j'Pk53j\"Pk54j",
    "LAKEHOUSE_S3_KEY_ID": "minio",
    "LAKEHOUSE_S3_SECRET": "Sv61k/Sv62k+'Sv63k\\Sv64k",
    "LAKEHOUSE_S3_ENDPOINT": NOWHERE,
    "LAKEHOUSE_S3_USE_SSL": "false",
}
CATALOGS = {
    "encoded": f"postgresql://me:Ca11e%40Ca12e%2fCa13e%20Ca14e@{NOWHERE}/lake",
    "not encoded": f"postgresql://me:Cb11e@Cb12e/Cb13e?Cb14e@{NOWHERE}/lake",
    "a query": f"postgresql://me@{NOWHERE}/lake?password=Cc11e%26Cc12e",
    "words": "host=127.0.0.1 port=1 dbname=lake user=me password=Cd11e!Cd12e",
    "quoted": r"host=127.0.0.1 port=1 password='Ce11e Ce12e\'Ce13e\\Ce14e' dbname=lake",
    "escaped": r"host=127.0.0.1 port=1 password=Cf11e\ Cf12e dbname=lake",
    "a forgotten quote": "host=127.0.0.1 port=1 password=Cg11e Cg12e dbname=lake",
    "an open quote": "host=127.0.0.1 port=1 dbname=lake password='Ch11e Ch12e",
}


def find_words(secrets: Mapping[str, str]) -> set[bytes]:
    return {word for value in secrets.values() for word in WORDS.findall(value.encode())}


def leaks(folder: Path, output: str, secrets: Mapping[str, str]) -> Iterator[str]:
    """Where a piece of a secret occurs: files below `folder`, names included, and the output."""
    words = find_words(secrets)
    encoded = {
        base64.b64encode(pair.encode())[:12]
        for value in secrets.values()
        for pair in re.findall(r"://([^/@]+)@", value)
    }
    texts = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name, content in {**texts, "the terminal": output.encode()}.items():
        for word in words | encoded:
            if word in content or word.decode() in name:
                place = content.find(word)
                yield f"{name}: {content[max(place - 60, 0) : place + 40]!r}"


def run(folder: Path, *command: str, **environment: str) -> str:
    """The whole output of a program, whatever its status."""
    values = {k: v for k, v in os.environ.items() if not k.startswith("LAKEHOUSE_")}
    values |= {"LAKEHOUSE_DATA_DIR": str(folder), "PYTHONPATH": os.getcwd(), "NO_PROXY": "*"}
    done = subprocess.run(
        [sys.executable, *command], env={**values, **environment}, capture_output=True, text=True
    )
    assert done.returncode >= 0, f"killed by signal {-done.returncode}: {done.stderr}"
    return done.stdout + done.stderr


COMMAND = "import sys; from lakehouse.cli import start; sys.argv[0] = 'lakehouse'; start()"


@pytest.mark.slow
def test_no_secret_is_written_whatever_fails(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    output = run(
        folder, "-m", "tests.secrets.everything_fails", **SECRETS, PLANTED=",".join(SECRETS)
    )
    assert "the sensor failed" in output, output
    assert output.rstrip().splitlines()[-1].startswith("RuntimeError"), output
    written = [path for path in folder.rglob("*.db") if path.stat().st_size > 20_000]
    assert len(written) >= 3, "what Dagster remembers was not written"
    assert any(path.stat().st_size for path in (folder / "logs").iterdir())
    assert not (found := [*leaks(folder, output, SECRETS)]), "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("shape", CATALOGS)
def test_no_form_of_a_catalog_password_is_written(tmp_path: Path, shape: str) -> None:
    folder = tmp_path / "data"
    environment = {
        "LAKEHOUSE_CATALOG": f"postgres:{CATALOGS[shape]}",
        "LAKEHOUSE_LOCK_TIMEOUT": "1",
    }
    output = run(folder, "-c", COMMAND, "sql", "select 1", **environment)
    assert "error" in output
    assert "127.0.0.1" in output, "it must still name the address"
    script = (
        "import logging, sys\n"
        "from lakehouse.lake import Lake\n"
        "from lakehouse.redacted_output import guard_process\n"
        "from lakehouse.settings import load_settings\n"
        "guard_process()\n"
        "lake = Lake(load_settings())\n"
        "try:\n    lake.snapshot()\n"
        "except Exception:\n    logging.getLogger('x').exception('down')\n"
        "lake.snapshot()\n"
    )
    output += run(folder, "-c", script, **environment)
    assert "down" in output
    assert not (found := [*leaks(folder, output, environment)]), "\n".join(found)


@pytest.mark.slow
def test_a_manual_dbt_run_writes_no_password_to_its_log(tmp_path: Path) -> None:
    folder, target = tmp_path / "data", tmp_path / "data" / "target"
    environment = {"LAKEHOUSE_CATALOG": f"postgres:{CATALOGS['not encoded']}"}
    places = ["--project-dir", "dbt_project", "--profiles-dir", "dbt_project"]
    places += ["--target-path", str(target), "--log-path", str(target)]
    script = "import sys; from dbt.cli.main import cli; cli()"
    output = run(
        folder,
        "-c",
        script,
        "--debug",
        "build",
        "--select",
        "stg_customers",
        *places,
        **environment,
    )
    assert "does not answer" in output, output
    assert (target / "dbt.log").stat().st_size
    assert not (found := [*leaks(folder, output, environment)]), "\n".join(found)


@pytest.mark.parametrize(
    "environment",
    [
        {"LAKEHOUSE_CATALOG": "mysql://me:Xa11e@h/lake"},
        {"LAKEHOUSE_CATALOG": f"postgres:{CATALOGS['quoted']}", "LAKEHOUSE_THREADS": "many"},
        {"LAKEHOUSE_S3_SECRETS": "Xb12e"},
    ],
)
def test_a_bad_setting_is_named_without_its_secret(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    output = run(tmp_path, "-c", COMMAND, "status", **environment)
    assert "error" in output
    assert not (found := [*leaks(tmp_path, output, environment)]), "\n".join(found)
