"""Schemathesis against a Hirewire instance: whatever the OpenAPI description allows, and what it does not, is answered as it says
and never with a 5xx. See ../README.md.

    python fuzz.py SECONDS [further arguments of `schemathesis run`]
"""

import json
import os
import pathlib
import ssl
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

URL = os.environ["HIREWIRE_URL"].rstrip("/")
CA = os.environ.get("HIREWIRE_CA")

# The real ids, so that handlers are reached behind the look-up of the job.
CONFIG = """
[parameters]
"path.sp" = "{HIREWIRE_SERVICE_PRINCIPAL}"
"path.job" = "{HIREWIRE_JOB}"
"path.tenant" = "{HIREWIRE_TENANT}"

# A filter is a grammar, ids in bodies name things, the managed identity has to be configured, /me needs a person: JSON Schema
# says none of that, and 400 is the right answer.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 401, 403, 404, 409, 429]
"""
# What would end the work of all the others: the app and the job themselves.
ENDS = r"^DELETE /(v1\.0|beta)/(servicePrincipals|applications)/\{sp\}(/synchronization/jobs/\{job\})?$"


def token():
    form = urllib.parse.urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": os.environ["HIREWIRE_CLIENT_ID"],
            "client_secret": os.environ["HIREWIRE_CLIENT_SECRET"],
            "scope": f"{URL}/.default",
        }
    )
    url = f"{URL}/{os.environ['HIREWIRE_TENANT']}/oauth2/v2.0/token"
    context = ssl.create_default_context(cafile=CA) if URL.startswith("https") else None
    with urllib.request.urlopen(url, form.encode(), context=context) as answer:
        return json.load(answer)["access_token"]


def main(seconds, more):
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder, "schemathesis.toml")
        config.write_text(CONFIG.format(**os.environ))
        program = pathlib.Path(sys.executable).with_name("schemathesis")
        command = [program, "--config-file", config, "run", f"{URL}/openapi.json"]
        command += ["-H", f"Authorization: Bearer {token()}", "--max-time", seconds, "--continue-on-failure"]
        command += ["--warnings", "off", "--suppress-health-check", "all"]
        if CA:
            command += ["--tls-verify", CA]
        command += ["--exclude-name-regex", ENDS]
        command += more
        result = subprocess.run(command, cwd=folder, check=False)
    if result.returncode == 0:
        print("all steps passed")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
