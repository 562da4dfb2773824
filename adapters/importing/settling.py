"""Rules that say nothing of how a column writes dates or numbers, completed by what it says."""

from datetime import date, datetime
from decimal import Decimal

from adapters.importing.detecting import Notations
from adapters.importing.mapping import BadMapping, Rule
from adapters.importing.targets import Target
from adapters.remarks import Either, Remark
from aggregates.values import Money


def settled(rule: Rule, of: Target, finding: Notations) -> Rule:
    """The rule, with the format or the decimal mark of its column. Raises BadMapping where nothing
    decides between two readings."""
    if rule.column is None:
        return rule
    if of.holds(date, datetime) and rule.format is None:
        return _with_format(rule, rule.column, finding)
    if _is_number(rule, of) and rule.decimal is None:
        return _with_decimal(rule, rule.column, finding)
    return rule


def _is_number(rule: Rule, of: Target) -> bool:
    is_custom = of.is_custom and rule.type in ("integer", "number")
    return is_custom or of.holds(Money, Decimal, int, float)


def _with_format(rule: Rule, column: str, finding: Notations) -> Rule:
    found = finding.dates(column)
    if found is None or (found.format is None and not found.readings):
        return rule
    if found.order is None:
        why = Remark("mapping.day-or-month", example=found.example)
        if found.contradicting:
            one, other = found.contradicting
            why = Remark("mapping.day-and-month", one=one, other=other)
        how = Either(f'format = "{reading}"' for reading in found.readings)
        raise BadMapping("mapping.undecided", column=column, said=why, how=how)
    return rule.model_copy(update={"format": found.format})


def _with_decimal(rule: Rule, column: str, finding: Notations) -> Rule:
    found = finding.numbers(column)
    if found is None or found.is_plain:
        return rule
    how = Either(('decimal = "."', 'decimal = ","'))
    if found.is_undecided:
        plain = found.example.replace(",", ".")
        either = Either((plain, plain.replace(".", "")))
        why = Remark("mapping.thousand", example=found.example, readings=either)
        raise BadMapping("mapping.undecided", column=column, said=why, how=how)
    if found.contradicting is not None:
        why = Remark("mapping.differently", one=found.example, other=found.contradicting)
        raise BadMapping("mapping.undecided", column=column, said=why, how=how)
    return rule.model_copy(update={"decimal": found.mark or "."})
