"""Benchmarks run, in small; their figures are for ``make bench``."""

from benchmarks import customer_360, demo_company


def test_the_whole_customer_is_measured_at_any_size() -> None:
    results = customer_360.run(20, requests=3)
    assert [r.target for r in results] == ["< 20 ms", "< 100 ms", "< 100 ms"]
    assert all(r.ours > 0 and r.reference > 0 for r in results)
    assert "1,190 events" in results[0].note


def test_the_demo_company_is_measured_beside_bare_appends() -> None:
    [result] = demo_company.run(3)
    assert result.ours > 0
    assert result.reference > 0
    assert result.note.startswith("3 customers")
