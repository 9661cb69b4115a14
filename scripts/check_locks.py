"""Check that the locks hold hashes, hold no download addresses, and agree with what they lock."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"https?:|git\+|ssh:|file:|(?:^|\s)--(?:index|extra-index|find-links)")
ENTRY = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)


def main() -> int:
    """Print every problem and return 1 where there is one."""
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    package_lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    problems = [
        *lock_problems(lock),
        *agreement_problems(pyproject, lock),
        *package_lock_problems(package, package_lock),
    ]
    for problem in problems:
        print(problem)
    if not problems:
        print("The locks hold hashes and no addresses, and agree with what they lock.")
    return 1 if problems else 0


def locked_versions(lock: str) -> dict[str, str]:
    """Return version by package name, as `requirements.lock` pins them."""
    return {name: version for name, version, _ in ENTRY.findall(lock)}


def lock_problems(lock: str) -> list[str]:
    """Return what is wrong inside `requirements.lock`."""
    problems = [
        f"requirements.lock line {number}: an address; make the lock with `make lock`"
        for number, line in enumerate(lock.splitlines(), start=1)
        if ADDRESS.search(line)
    ]
    entries = ENTRY.findall(lock)
    problems += [
        f"requirements.lock: {name} has no hash; make the lock with `make lock`"
        for name, _, rest in entries
        if "--hash=sha256:" not in rest
    ]
    loose = [
        line for line in lock.splitlines() if line and line[0] not in " #" and "==" not in line
    ]
    problems += [f"requirements.lock: {line.split()[0]} is not pinned" for line in loose]
    return problems if entries else [*problems, "requirements.lock pins nothing"]


def agreement_problems(pyproject: str, lock: str) -> list[str]:
    """Return which of the project's own requirements the lock does not meet."""
    import tomllib

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    settings = tomllib.loads(pyproject)
    groups = settings.get("dependency-groups", {}).values()
    wanted = [
        *settings["project"]["dependencies"],
        *(line for group in groups for line in group if isinstance(line, str)),
    ]
    pinned = locked_versions(lock)
    problems = []
    for line in wanted:
        requirement = Requirement(line)
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None:
            problems.append(f"requirements.lock lacks {requirement.name}; run `make lock`")
        elif not requirement.specifier.contains(version, prereleases=True):
            problems.append(
                f"requirements.lock has {requirement.name} {version}, and pyproject.toml asks for "
                f"{requirement.specifier}; run `make lock`"
            )
        if not requirement.specifier:
            problems.append(f"pyproject.toml: {requirement.name} has no floor")
    return problems


def package_lock_problems(package: dict[str, object], lock: dict[str, object]) -> list[str]:
    """Return what is wrong with `package.json` and `package-lock.json` together."""
    packages = lock["packages"]
    wanted = package["dependencies"]
    assert isinstance(packages, dict)
    assert isinstance(wanted, dict)
    problems = []
    if packages.get("", {}).get("dependencies") != wanted:
        problems.append("package-lock.json does not agree with package.json; run `make lock`")
    problems += [
        f"package.json: {name} must name one exact version"
        for name, version in wanted.items()
        if not re.fullmatch(r"\d+\.\d+\.\d+", str(version))
    ]
    for place, facts in packages.items():
        if "resolved" in facts:
            problems.append(f"package-lock.json: {place} records an address; run `make lock`")
        if place and "integrity" not in facts:
            problems.append(f"package-lock.json: {place} has no checksum; run `make lock`")
    return problems


if __name__ == "__main__":
    sys.exit(main())
