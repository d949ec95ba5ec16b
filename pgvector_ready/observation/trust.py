"""Whose objects may be met: the roles that are trusted, and what strangers own of a table."""

from pgvector_ready.observation.sql import qualified

# Whose objects may be run, read or written: superusers', the database's owner's, this role's, and those of the roles
# it was granted. pg_has_role() would not do: it says yes to a superuser for everybody. A grant counts that was made by
# somebody trusted, since until PostgreSQL 14 any role may grant itself to anybody; and only one that is of use
# (`{of_use}`): from PostgreSQL 16 on, whoever creates a role is granted it with neither INHERIT nor SET.
# pg_database_owner owns `public` and stands for the database's owner.
TRUSTED = """\
database AS (
    SELECT oid, datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
), rulers AS (
    SELECT oid FROM pg_catalog.pg_roles
    WHERE rolsuper OR rolname = 'pg_database_owner' OR oid = (SELECT datdba FROM database)
), ours(oid) AS (
    SELECT pg_catalog.quote_ident(name)::pg_catalog.regrole::pg_catalog.oid
    FROM pg_catalog.unnest(ARRAY[current_user, session_user]) AS name
    UNION
    SELECT m.roleid FROM ours JOIN pg_catalog.pg_auth_members AS m ON m.member = ours.oid
    WHERE (m.grantor = ANY (SELECT oid FROM rulers) OR m.grantor = ours.oid){of_use}
), trusted AS (
    SELECT oid FROM rulers UNION SELECT oid FROM ours
)"""
_OF_USE = " AND (m.inherit_option OR m.set_option)"
_OF_USE_SINCE = 16


def of_use(major_version: int) -> str:
    """Return the condition on a grant that this server knows."""
    return _OF_USE if major_version >= _OF_USE_SINCE else ""


# What stands on the version table (defaults, constraints, indexes, triggers, policies, its row type), and what that and
# the table are made of. What is PostgreSQL's own leaves no trace in pg_depend; of a view that reads the table nothing
# follows. `{version_table}` is the oid of the table.
PARTS = """\
standing(classid, objid) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, {version_table}::pg_catalog.oid
    UNION ALL
    SELECT classid, objid FROM pg_catalog.pg_depend
    WHERE refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND refobjid = {version_table}
      AND deptype = ANY ('{{a,i}}'::pg_catalog."char"[])
), parts(classid, objid) AS (
    SELECT d.refclassid, d.refobjid FROM standing AS s
    JOIN pg_catalog.pg_depend AS d ON d.classid = s.classid AND d.objid = s.objid
    UNION
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, tgconstrrelid  -- its foreign key refers here
    FROM pg_catalog.pg_trigger WHERE tgrelid = {version_table} AND tgconstrrelid <> 0
), foreign_parts AS (
    SELECT p.classid, p.objid, d.refobjid AS owner FROM parts AS p JOIN pg_catalog.pg_shdepend AS d
      ON d.dbid = (SELECT oid FROM database) AND d.classid = p.classid AND d.objid = p.objid AND d.deptype = 'o'
    WHERE NOT d.refobjid = ANY (SELECT oid FROM trusted)
)"""

# Before the proof, where something stands on the table: nothing is read of a table with a stranger's part.
GIVEN = qualified(f"WITH RECURSIVE {TRUSTED}, {PARTS}\n")
UNLESS_FOREIGN = "CASE WHEN NOT EXISTS (SELECT FROM foreign_parts) THEN {revisions} END"
FOREIGN_PART = """\
(SELECT pg_catalog.json_build_object('kind', i.type, 'name', i.identity, 'owner', pg_catalog.pg_get_userbyid(owner))
        FROM foreign_parts AS f CROSS JOIN LATERAL pg_catalog.pg_identify_object(f.classid, f.objid, 0) AS i LIMIT 1)"""
