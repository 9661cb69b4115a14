"""Where the marks of charts stand."""

import pytest

from models.charts.curves import Band, Curve, draw_bands, draw_curves
from models.charts.marks import Point, Row, draw_holds, draw_rows, find_round


def test_an_axis_ends_at_a_round_number() -> None:
    """The smallest of 1, 2 or 5 times a power of ten that takes every value in."""
    values = (0.0, 0.03, 1.0, 1.01, 7.0, 216.0, 501.0)
    assert [find_round(one) for one in values] == [1.0, 0.05, 1.0, 2.0, 10.0, 500.0, 1_000.0]


def test_marks_stand_where_their_figures_say() -> None:
    """Half of the axis is half of the track; what is missing has no mark; nothing leaves it."""
    rows = [Row("a", 50.0, "50", 25.0, 120.0), Row("b", None, "too few to tell")]
    chart = draw_rows("k", "t", "s", rows, most=100.0)
    track = chart.rows[0].high
    assert track is not None
    assert chart.rows[0].width == pytest.approx(track / 2)
    assert chart.rows[0].low == pytest.approx(track / 4, abs=0.1)
    assert chart.rows[1].width is None
    assert chart.rows[1].bar_y > chart.rows[0].bar_y


def test_a_point_that_is_right_stands_on_the_line() -> None:
    """What was estimated and seen alike is as far from the left as from below."""
    chart = draw_holds("k", "t", "s", [Point(0.3, 0.3, 0.2, 0.4), Point(0.1, 0.4, None, None)])
    on_line, above = chart.points
    assert on_line.x - chart.left == pytest.approx(chart.bottom - on_line.y)
    assert chart.bottom - above.y > above.x - chart.left
    assert on_line.high is not None
    assert on_line.low is not None
    assert on_line.high < on_line.y < on_line.low


def test_curves_share_their_axes_and_stop_at_nought() -> None:
    """Points of one height stand alike in every curve; what lies below nought is not drawn."""
    below = ((0.0, 4.0), (20.0, -1.0), (50.0, 1.0))
    curves = [Curve("a", ((0.0, 4.0), (50.0, 2.0))), Curve("b", below)]
    chart = draw_curves("k", "t", "s", curves, words=("x", "y"))
    first, second = chart.curves
    assert first.points[0] == second.points[0]
    assert first.points[1][1] > first.points[0][1]
    assert (len(first.points), len(second.points)) == (2, 2)
    assert (first.path.count("M"), second.path.count("M")) == (1, 2)
    assert first.look != second.look
    assert first.key_y < second.key_y < chart.height


def test_each_of_five_curves_is_drawn_and_has_its_own_look() -> None:
    """As many as a report draws over one axis: none is left out."""
    curves = [Curve(name, ((0.0, 1.0), (1.0, 2.0))) for name in "abcde"]
    chart = draw_curves("k", "t", "s", curves, words=("x", "y"))
    assert [one.words for one in chart.curves] == list("abcde")
    assert len({one.look for one in chart.curves}) == len(curves)


def test_an_axis_may_begin_above_nought_and_have_names() -> None:
    """Half of what lies between its ends is half of its height, and each name has a tick."""
    curve = Curve("a", ((0.0, 0.5), (1.0, 0.75), (2.0, 1.0)))
    chart = draw_curves("k", "t", "s", [curve], words=("x", "y"), names="pqr", least=0.5)
    heights = [y for _, y in chart.curves[0].points]
    assert heights == pytest.approx([chart.bottom, (chart.bottom + chart.top) / 2, chart.top])
    assert [name for _, name in chart.across] == ["p", "q", "r"]
    assert [words for _, words in chart.up] == ["0.5", "0.75", "1"]


def test_bands_stand_one_under_the_other_over_one_axis() -> None:
    """A wider band is longer, the middle lies within it, and every fifth place is named."""
    bands = [Band(place, 1.0, 1.0 + place, 2.0 + 2 * place) for place in range(1, 7)]
    chart = draw_bands("k", "t", "s", bands)
    assert [one.name for one in chart.bands] == ["1", "", "", "", "5", ""]
    assert all(one.low <= one.middle <= one.high for one in chart.bands)
    assert [one.y for one in chart.bands] == sorted(one.y for one in chart.bands)
    assert chart.bands[-1].high <= chart.right
