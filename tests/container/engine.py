"""Docker, as far as the container check needs it: build, run, ask, and take everything down again."""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
CANARY = "canary-of-the-container-check"


class DockerError(Exception):
    """Docker refused; `str()` says what, and the end of what it printed."""

    def __init__(self, arguments: Sequence[str], said: str) -> None:
        super().__init__(f"docker {arguments[0]}: {said.strip()[-6000:]}")


def docker(*arguments: str) -> str:
    """What docker printed on stdout. Raises DockerError."""
    result = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise DockerError(arguments, result.stderr)
    return result.stdout.strip()


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask until it is true; `seconds` only catches a hang."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@dataclass(frozen=True, slots=True)
class Answer:
    """What one GET brought; status 0 while nothing answers."""

    status: int
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Container:
    """A container that was started, known by its name."""

    name: str
    port: int
    """Where the service listens inside."""

    def state(self) -> dict[str, Any]:
        """What the engine knows of it now: Running, ExitCode, Health."""
        state: dict[str, Any] = json.loads(docker("inspect", "--format", "{{json .State}}", self.name))
        return state

    def health(self) -> str:
        """`starting`, `healthy` or `unhealthy`."""
        return str(self.state()["Health"]["Status"])

    def execute(self, *command: str) -> str:
        """Run a command inside, as the container's own user; its stdout and then its exit code as the last word."""
        command = ("docker", "exec", self.name, *command)
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return f"{result.stdout.strip()} {result.returncode}".strip()

    def get(self, path: str) -> Answer:
        """Ask from the host, through the published port."""
        published = docker("port", self.name, f"{self.port}/tcp").splitlines()[0]
        try:
            with urllib.request.urlopen(f"http://{published}{path}", timeout=10) as response:
                return Answer(response.status, json.load(response))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, json.load(error))
        except (OSError, ValueError):  # not listening yet; cut off; not the service's document
            return Answer(0, {})

    def log(self) -> str:
        """Everything it wrote to stdout and stderr."""
        result = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, check=True)
        return result.stdout + result.stderr


@dataclass(slots=True)
class Engine:
    """Everything that one run makes, under names of its own, so that `remove` takes exactly that away."""

    name: str
    images: list[str] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)

    def build(self, label: str, dockerfile: Path, context: Path, *flags: str) -> str:
        """Build an image; docker's own output is shown only when it fails. Raises DockerError."""
        tag = f"{self.name}-{label}"
        self.images.append(tag)
        arguments = ["build", *flags, "--tag", tag, "--file", str(dockerfile), str(context)]
        environment = os.environ | {"DOCKER_BUILDKIT": "1"}
        result = subprocess.run(["docker", *arguments], env=environment, capture_output=True, text=True, check=False)
        if result.returncode:
            raise DockerError(arguments, result.stderr)
        return tag

    def create_network(self) -> None:
        """A network of our own, in which containers find each other by name."""
        docker("network", "create", self.name)

    def run(self, label: str, image: str, *flags: str, port: int) -> Container:
        """Start a container in the network of this run, under `label` as its host name."""
        container = Container(f"{self.name}-{label}", port)
        self.containers.append(container.name)
        network = ("--network", self.name, "--network-alias", label)
        docker("run", "--detach", "--name", container.name, *network, *flags, image)
        return container

    def remove(self) -> None:
        """Take away what this run made, and nothing else; what is already gone is no failure."""
        for command in (
            ("rm", "--force", "--volumes", *self.containers),
            ("network", "rm", self.name),
            ("rmi", "--force", *self.images),
        ):
            with contextlib.suppress(DockerError):
                docker(*command)


def build_flags(folder: Path) -> list[str]:
    """Return `DOCKER_BUILD_FLAGS` with a canary in every secret, and at the least a pip.conf."""
    flags = shlex.split(os.environ.get("DOCKER_BUILD_FLAGS", ""))
    marked = [_mark(flag, folder) for flag in flags]
    if not any("id=pipconf" in flag for flag in marked):
        configuration = folder / "pipconf"
        configuration.write_text(f"# {CANARY}\n")
        marked += ["--secret", f"id=pipconf,src={configuration}"]
    return marked


def _mark(flag: str, folder: Path) -> str:
    """Point `id=X,src=PATH` to a copy that ends in the canary: a comment in a pip.conf, ignored in a PEM bundle."""
    words = dict(word.split("=", 1) for word in flag.removeprefix("--secret=").split(",") if "=" in word)
    if not {"id", "src"} <= words.keys():
        return flag
    copy = folder / words["id"]
    shutil.copyfile(words["src"], copy)
    with copy.open("a") as file:
        file.write(f"\n# {CANARY}\n")
    return flag.replace(words["src"], str(copy))
