import json
import re
from pathlib import Path

import pytest

from scripts import assets

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "serving" / "static" / "vendor"


@pytest.mark.parametrize(
    ("css", "rewritten"),
    [
        ("@font-face{font-family:GDS Transport;src:url(/a.woff)}p{color:red}", "p{color:red}"),
        (
            "p{font-family:GDS Transport,arial,sans-serif}",
            "p{font-family:Arial,Helvetica,sans-serif}",
        ),
        (
            'p{font-family:"GDS Transport", Arial, sans-serif}',
            "p{font-family:Arial,Helvetica,sans-serif}",
        ),
        (
            "i{background:url(/assets/images/icon-document.svg)}",
            "i{background:url(images/icon-document.svg)}",
        ),
        ("f{mask-image:url(/assets/images/govuk-crest.svg)}", "f{mask-image:none}"),
        ("p{color:red}/*# sourceMappingURL=a.css.map */", "p{color:red}"),
        (':root{--govuk-frontend-version:"1.2.3";--govuk-a:#fff}', ":root{--govuk-a:#fff}"),
    ],
)
def test_reserved_font_and_pictures_leave_a_style_sheet(css: str, rewritten: str) -> None:
    """Fonts go, the crest goes, icons are found beside the style sheet."""
    assert assets.rewrite_css(css) == rewritten


def test_assets_are_built_whole_from_the_packages(tmp_path: Path) -> None:
    """Styles, scripts, the icons they name and a notice are copied, and nothing else is."""
    modules = tmp_path / "node_modules"
    govuk, moj = modules / assets.GOVUK, modules / assets.MOJ
    for folder in (govuk, moj):
        (folder / "assets" / "images").mkdir(parents=True)
    (govuk / "govuk-frontend.min.css").write_text("a{}", encoding="utf-8")
    (govuk / "govuk-frontend.min.js").write_text("1;//# sourceMappingURL=x.map", encoding="utf-8")
    (govuk / "assets" / "images" / "govuk-crest.svg").write_text("crest", encoding="utf-8")
    (moj / "moj-frontend.min.css").write_text(
        "b{background:url(/assets/images/icon.svg)}", encoding="utf-8"
    )
    (moj / "moj-frontend.min.js").write_text("2;", encoding="utf-8")
    (moj / "assets" / "images" / "icon.svg").write_text("icon", encoding="utf-8")
    target = tmp_path / "vendor"
    target.mkdir()
    (target / "left-over.js").write_text("old", encoding="utf-8")

    assets.build_assets(modules, target)

    found = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert found == [
        "NOTICE.txt",
        "govuk-frontend.min.css",
        "govuk-frontend.min.js",
        "images/icon.svg",
        "moj-frontend.min.css",
        "moj-frontend.min.js",
    ]
    assert (target / "govuk-frontend.min.js").read_text(encoding="utf-8") == "1;"


def test_built_styles_hold_no_reserved_font_or_picture() -> None:
    """What is served has no GDS Transport, no crest, no logo and no font file."""
    styles = [(VENDOR / name.name).read_text(encoding="utf-8") for name in assets.STYLES]
    files = [path.name.lower() for path in VENDOR.rglob("*")]

    for css in styles:
        assert len(css) > 50_000
        assert "gds transport" not in css.lower()
        assert "@font-face" not in css
        assert not re.search(r"url\([^)]*(crest|crown|logo)", css)
        assert "sourceMappingURL" not in css
    assert not [name for name in files if assets.RESERVED_PICTURE.search(name)]
    assert not [name for name in files if name.endswith((".woff", ".woff2", ".ttf"))]


def test_every_picture_that_the_built_styles_name_is_there() -> None:
    """No page asks the service for an icon it does not have."""
    for style in assets.STYLES:
        css = (VENDOR / style.name).read_text(encoding="utf-8")

        assert "url(/" not in css
        assert all((VENDOR / "images" / name).is_file() for name in assets.named_pictures(css))


def test_no_file_that_is_served_names_a_version() -> None:
    """Nobody learns from the pages' files which release of a library has to be attacked."""
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    versions = {facts["version"] for name, facts in locked.items() if name.startswith("node_")}
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in (ROOT / "serving" / "static").rglob("*")
        if path.suffix in {".css", ".js", ".svg", ".txt"}
    }

    assert len(versions) >= 2
    assert "MIT License" in texts["NOTICE.txt"]
    for name, text in texts.items():
        assert [one for one in versions if re.search(rf"(?<!\d){re.escape(one)}", text)] == [], name
        assert re.findall(r"version\W{1,3}\d+\.\d+\.\d+", text) == [], name
