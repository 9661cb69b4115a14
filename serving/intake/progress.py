"""How far each import is: begun, going on, ended, and the rows that it could not use."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, case, insert, or_, select, update

from serving.errors import RefusedError
from serving.persons import Person, read_person
from serving.store import schema
from serving.store.database import Store, Writing, make_key
from serving.store.lookups import is_among

_ADMINISTRATOR: Final = "administrator"


class ImportRefusedError(RefusedError):
    """Rows that an import cannot take now.

    Parameters
    ----------
    code
        ``no_import``, ``import_ended``, ``rows_missing`` or ``not_the_importer``.
    message
        What is wrong and how to mend it.
    """


@dataclass(frozen=True)
class Imported:
    """How far an import is.

    ``rows_done`` is the sum of ``added``, ``repeats``, ``conflicts`` and ``rejects``: every row is
    one of them. ``n_bytes`` is how large they were, of rows that came as lines.
    """

    import_key: str
    source_digest: str
    person: Person
    begun_at_us: int
    ended_at_us: int | None
    rows_total: int | None
    rows_done: int
    added: int
    repeats: int
    conflicts: int
    rejects: int
    n_bytes: int = 0


def begin_import(
    store: Store, person: Person, *, source_digest: str, rows_total: int | None = None
) -> Imported:
    """Begin an import, or find the one of the same source that has not ended, to go on with it.

    Another person's is found by administrators alone: nobody else may go on with it.
    """
    imports = schema.imports
    own = and_(*(imports.c[name] == one for name, one in person.columns().items()))
    query = select(imports).where(
        imports.c.source_digest == source_digest, imports.c.ended_at_us.is_(None)
    )
    if person.role != _ADMINISTRATOR:
        query = query.where(own)
    # An administrator may go on with anybody's import, and their own comes first.
    first = case((own, 0), else_=1)
    query = query.order_by(first, imports.c.begun_at_us, imports.c.import_key).limit(1)
    with store.writing() as writing:
        writing.take_seq(0)  # two who begin at once begin the same
        row = writing.connection.execute(query).one_or_none()
        if row is not None:
            return _describe(row)
        begun = add_import(writing, person, source_digest, rows_total)
        writing.note(operation="collection")
        return begun


def add_import(
    writing: Writing, person: Person, source_digest: str, rows_total: int | None, **more: Any
) -> Imported:
    """Begin an import in an open transaction.

    Parameters
    ----------
    writing
        The transaction.
    person, source_digest, rows_total
        Whose it is, and what is known of its source.
    more
        Columns that are known already: of one that ends where it begins.
    """
    counts = dict.fromkeys(("rows_done", "added", "repeats", "conflicts", "rejects"), 0)
    made = (
        insert(schema.imports)
        .values(
            {
                "import_key": make_key(),
                "source_digest": source_digest,
                **person.columns(),
                "begun_at_us": writing.now_us,
                "rows_total": rows_total,
                "position": {},
                **counts,
                **more,
            }
        )
        .returning(schema.imports)
    )
    return _describe(writing.connection.execute(made).one())


def need_import(connection: Connection, import_key: str) -> Imported:
    """Return an import.

    Raises
    ------
    ImportRefusedError
        If there is none of that key.
    """
    query = select(schema.imports).where(schema.imports.c.import_key == import_key)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise ImportRefusedError("no_import", "there is no import of that key; begin one")
    return _describe(row)


def list_imports(connection: Connection, *, after: str | None, limit: int) -> list[Imported]:
    """Return imports, the latest first, from the one after ``after`` on."""
    imports = schema.imports
    query = (
        select(imports).order_by(imports.c.begun_at_us.desc(), imports.c.import_key).limit(limit)
    )
    if after is not None:
        last = need_import(connection, after)
        query = query.where(
            or_(
                imports.c.begun_at_us < last.begun_at_us,
                (imports.c.begun_at_us == last.begun_at_us) & (imports.c.import_key > after),
            )
        )
    return [_describe(row) for row in connection.execute(query)]


def list_rejects(
    connection: Connection,
    import_key: str,
    *,
    after: int,
    limit: int,
    tied: Collection[str] = (),
) -> Sequence[Row[Any]]:
    """Return an import's rejects in the order in which they came, those after number ``after``.

    Of the cases ``tied``, to which whoever asks is a party, there are none, but for rows that name
    a case which was not there for their sender.
    """
    rejects = schema.import_rejects
    query = (
        select(rejects)
        .where(rejects.c.import_key == import_key, rejects.c.number > after)
        .order_by(rejects.c.number)
        .limit(limit)
    )
    if tied:
        hidden = is_among(connection, rejects.c.case_key, tied)
        unknown = rejects.c.code == "unknown_case"
        query = query.where(or_(rejects.c.case_key.is_(None), unknown, ~hidden))
    return connection.execute(query).all()


def check_rows(imported: Imported, first: int) -> None:
    """Refuse rows that leave a gap behind those that were taken.

    Raises
    ------
    ImportRefusedError
        If rows before row ``first`` are missing.
    """
    if first > imported.rows_done + 1:
        raise ImportRefusedError(
            "rows_missing", "rows before these are missing; go on from rows_done"
        )


def check_importer(imported: Imported, person: Person) -> None:
    """Refuse that somebody goes on with another person's import.

    Raises
    ------
    ImportRefusedError
        If the person neither began it, in the same role and agency, nor is an administrator.
    """
    if person != imported.person and person.role != _ADMINISTRATOR:
        raise ImportRefusedError(
            "not_the_importer", "another person began this import; begin one of your own"
        )


def check_whole(imported: Imported) -> None:
    """Refuse to end an import of which rows are missing.

    Raises
    ------
    ImportRefusedError
        If fewer rows are done than it was said to have.
    """
    if imported.rows_total is not None and imported.rows_done < imported.rows_total:
        raise ImportRefusedError(
            "rows_missing",
            "fewer rows came than the import has; send the rest, from rows_done on",
        )


def note_end(writing: Writing, import_key: str) -> Imported | None:
    """Note that an import ends now; return it, or ``None`` where it had ended before."""
    imports = schema.imports
    ended = (
        update(imports)
        .where(imports.c.import_key == import_key, imports.c.ended_at_us.is_(None))
        .values(ended_at_us=writing.now_us)
        .returning(imports)
    )
    row = writing.connection.execute(ended).one_or_none()
    return None if row is None else _describe(row)


def note_progress(writing: Writing, import_key: str, **columns: Any) -> Imported:
    """Set columns of an import, which is there; return how far it is then."""
    imports = schema.imports
    changed = update(imports).where(imports.c.import_key == import_key).values(columns)
    return _describe(writing.connection.execute(changed.returning(imports)).one())


def _describe(row: Row[Any]) -> Imported:
    return Imported(
        import_key=row.import_key,
        source_digest=row.source_digest,
        person=read_person(row),
        begun_at_us=row.begun_at_us,
        ended_at_us=row.ended_at_us,
        rows_total=row.rows_total,
        rows_done=row.rows_done,
        added=row.added,
        repeats=row.repeats,
        conflicts=row.conflicts,
        rejects=row.rejects,
        n_bytes=int(row.position.get("bytes", 0)),
    )
