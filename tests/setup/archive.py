"""An archive of tiny Debian packages on this machine, which the real ``apt-get`` and ``dpkg-deb`` read.

Its ``mariadb-server-core`` needs a library that the system lacks and one that it has. The servers are scripts that
say how they were called. apt is told by ``APT_CONFIG`` of another system: its sources, lists and installed packages.
"""

from __future__ import annotations

import ensurepip
import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.setup.clone import Clone

NEEDS, HAS = "libneeded1", "libpresent1"
_SAYS = '#!/bin/sh\necho "${0##*/}" "$LD_LIBRARY_PATH" "$*"\n'
_LIBRARY = "usr/lib/x86_64-linux-gnu/{}.so"
_CONFIG = """
Dir::Etc::sourcelist "{root}/sources.list";
Dir::Etc::sourceparts "{root}/none";
Dir::State "{root}/state";
Dir::State::status "{root}/status";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Sandbox::User "root";
"""


class Archive:
    """Packages below ``root/packages``, and the system that apt is told of."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.packages = root / "packages"
        self.environ = {"APT_CONFIG": str(root / "apt.conf"), "PLAYED_UID": "1000"}

    def package(self, name: str) -> Path:
        return self.packages / f"{name}_1_all.deb"

    def fetch_lists(self) -> None:
        """Let the system have the package lists."""
        subprocess.run(["apt-get", "-qq", "update"], env=self.environ, check=True, capture_output=True)


def make_archive(root: Path) -> Archive:
    """Return an archive, and a system that has no package lists yet. Skips where there is no apt."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    archive = Archive(root)
    for directory in ("packages", "none", "state/lists/partial"):
        (root / directory).mkdir(parents=True)
    entries = [
        _package(archive, "mariadb-server-core", f"{NEEDS}, {HAS}", {"usr/sbin/mariadbd": _SAYS}),
        _package(archive, "redis-tools", HAS, {"usr/bin/redis-check-rdb": _SAYS}),
        _package(archive, "python3-pip-whl", "", {f"usr/share/python-wheels/{_pip().name}": _pip().read_bytes()}),
        *(_package(archive, name, "", {_LIBRARY.format(name): ""}) for name in (NEEDS, HAS)),
    ]
    (archive.packages / "Packages").write_text("\n".join(entries))
    (root / "sources.list").write_text(f"deb [trusted=yes] copy:{archive.packages} ./\n")
    (root / "status").write_text(_control(HAS, "", "Status: install ok installed\n"))
    (root / "apt.conf").write_text(_CONFIG.format(root=root))
    return archive


def let_user_unpack(clone: Clone) -> None:
    """Let the clone's machine be of a user without rights, with apt-get and what unpacking takes."""
    clone.play("id", 'echo "${PLAYED_UID-1000}"')
    for tool in ("apt-get", "chmod", "dpkg-deb", "head", "mv", "tar", "uname"):
        (clone.bin / tool).unlink(missing_ok=True)
        (clone.bin / tool).symlink_to(str(shutil.which(tool)))


def _package(archive: Archive, name: str, needs: str, files: Mapping[str, str | bytes]) -> str:
    """Build one package and return its entry in the list."""
    tree = archive.root / "trees" / name
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(_control(name, needs))
    for path, content in files.items():
        file = tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(0o755)
    package = archive.package(name)
    subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "--build", tree, package], check=True, stdout=-3)
    content = package.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return _control(name, needs, f"Filename: ./{package.name}\nSize: {len(content)}\nSHA256: {digest}\n")


def _control(name: str, needs: str, more: str = "") -> str:
    depends = f"Depends: {needs}\n" if needs else ""
    return (
        f"Package: {name}\n{more}Version: 1\nArchitecture: all\nMaintainer: Nobody <nobody@localhost>\n{depends}"
        f"Description: for a test\n"
    )


def _pip() -> Path:
    """Return the wheel of pip that this Python's ``ensurepip`` would install."""
    places = [Path("/usr/share/python-wheels"), Path(ensurepip.__file__).parent / "_bundled"]
    return next(wheel for place in places for wheel in place.glob("pip-*.whl"))
