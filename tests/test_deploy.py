"""deploy/: what can be checked of the image and the manifest without a container runtime.

`tox -e lint` has hadolint read the Dockerfile, and the Kubernetes schemas the manifest.
"""

import re
import shlex
import shutil
import subprocess
import sys

import pytest
from support.checkouts import ROOT

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def instructions(name):
    """Return the arguments of each instruction of that name, with continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return re.findall(rf"^{name} (.*)$", joined, re.MULTILINE)


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """What `docker build` sends: what .dockerignore lets through."""
    context = tmp_path_factory.mktemp("context")
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            source = ROOT / line[1:]
            if source.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, context / line[1:], ignore=ignore)
            else:
                shutil.copy(source, context)
    return context


def test_what_the_image_installs_can_be_built_from_what_is_sent(context, tmp_path):
    (handlers,) = (value for value in instructions("ARG") if value.startswith("HANDLERS="))
    packages = [".", *handlers.partition("=")[2].strip('"').split()]
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*wheel, "-w", str(tmp_path), *packages], cwd=context, check=True, timeout=100)
    assert len(list(tmp_path.glob("*.whl"))) == len(packages)


def test_the_image_runs_the_command_as_its_own_user_and_not_through_a_shell():
    assert instructions("USER") == ["10001:10001"]
    assert instructions("ENTRYPOINT") == ['["smoothop"]']
    (health,) = instructions("HEALTHCHECK")
    assert health.endswith('CMD ["smoothop", "health"]')


def test_the_account_is_made_by_programs_that_a_slim_image_has():
    (line,) = (line for line in instructions("RUN") if line.startswith("useradd"))
    programs = [shlex.split(part)[0] for part in line.split("&&")]
    assert programs == ["useradd", "install"]  # of passwd and coreutils, which are essential


def test_the_pod_has_longer_to_stop_than_the_operator():
    manifest = (ROOT / "deploy" / "kubernetes.yaml").read_text()
    (grace,) = re.findall(r'grace = "(\d+)s"', manifest)
    (period,) = re.findall(r"terminationGracePeriodSeconds: (\d+)", manifest)
    assert int(period) >= int(grace) + 2
