//! Migrations run while replicas of the version before serve: what is newer than the first release takes no
//! long lock, and takes nothing away that the version before still uses.
//!
//! A statement that may do so says why it does not, in a comment of its own that begins with `Safe:`. An index
//! on a table that may be big is made `CONCURRENTLY`, in a file of its own that begins with
//! `-- no-transaction`, as sqlx wants it.

use std::{collections::BTreeSet, fs, path::Path};

/// The last migration of each service in the first release: on an empty database everything is safe.
const FIRST_RELEASE: [(&str, u32); 3] = [
    ("booking-command", 6),
    ("notification", 4),
    ("sync-worker", 3),
];

/// A statement without its comments, in capitals and with single blanks; and the comments.
#[derive(Debug, Default)]
struct Statement {
    text: String,
    comments: String,
}

fn statements(sql: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut next = Statement::default();
    for line in sql.lines() {
        let (code, comment) = line.split_once("--").unwrap_or((line, ""));
        next.comments.push_str(comment.trim());
        next.comments.push('\n');
        for (place, part) in code.split(';').enumerate() {
            if place > 0 {
                statements.push(std::mem::take(&mut next));
            }
            for word in part.split_whitespace() {
                next.text.push_str(&word.to_uppercase());
                next.text.push(' ');
            }
        }
    }
    statements.push(next);
    statements.retain(|statement| !statement.text.is_empty());
    statements
}

/// What is wrong with one statement, if nobody says why it is safe.
fn risk(text: &str, new_tables: &[String]) -> Option<&'static str> {
    let of_a_new_table = new_tables
        .iter()
        .any(|table| text.contains(&format!(" {table} ")) || text.contains(&format!(" {table}(")));
    if of_a_new_table {
        return None;
    }
    let has = |word: &str| text.contains(word);
    let begins = |word: &str| text.starts_with(word);
    let alters = begins("ALTER TABLE");
    let mut columns = text.split(" ADD ").skip(1);
    let volatile = ["RANDOM(", "GEN_RANDOM_UUID(", "CLOCK_TIMESTAMP("];
    if (begins("CREATE INDEX") || begins("CREATE UNIQUE INDEX")) && !has(" CONCURRENTLY ") {
        Some("an index blocks writers while it is made")
    } else if alters && has(" SET NOT NULL") {
        Some("the whole table is read under a lock")
    } else if alters && (has(" TYPE ") || has(" SET DATA TYPE ")) {
        Some("the table is written anew under a lock")
    } else if alters && has("ADD CONSTRAINT") && !has("NOT VALID") {
        Some("every row is checked under a lock")
    } else if alters && columns.any(|it| it.starts_with("COLUMN") && it.contains(" REFERENCES ")) {
        Some("a foreign key locks the other table, too")
    } else if alters && volatile.iter().any(|default| has(default)) {
        Some("a default that differs from row to row writes the table anew")
    } else if alters && adds_without_default(text) {
        Some("the version before does not give the column a value")
    } else if alters && (has(" DROP COLUMN ") || has(" RENAME ")) || begins("DROP TABLE") {
        Some("the version before still uses it")
    } else if begins("UPDATE") || begins("DELETE") {
        Some("many rows stay locked until the commit")
    } else if begins("LOCK") || begins("CLUSTER") || begins("VACUUM FULL") {
        Some("nobody else can do anything meanwhile")
    } else {
        None
    }
}

/// `ADD COLUMN .. NOT NULL` without a default.
fn adds_without_default(text: &str) -> bool {
    let added = text.split("ADD COLUMN ").skip(1);
    let mut first_clauses = added.map(|it| it.split(", ADD ").next().unwrap_or(it));
    first_clauses.any(|it| it.contains(" NOT NULL") && !it.contains(" DEFAULT "))
}

fn findings(sql: &str) -> Vec<String> {
    let statements = statements(sql);
    let new_tables: Vec<_> = statements
        .iter()
        .filter_map(|it| it.text.strip_prefix("CREATE TABLE "))
        .filter_map(|rest| rest.split([' ', '(']).next())
        .map(str::to_owned)
        .collect();
    let says_why = |it: &Statement| it.comments.lines().any(|line| line.starts_with("Safe:"));
    let mut findings: Vec<_> = statements
        .iter()
        .filter(|it| !says_why(it))
        .filter_map(|it| Some(format!("{}: {}", risk(&it.text, &new_tables)?, it.text)))
        .collect();
    let concurrently = statements
        .iter()
        .any(|it| it.text.contains(" CONCURRENTLY "));
    if concurrently && (statements.len() > 1 || !sql.starts_with("-- no-transaction")) {
        findings
            .push("CONCURRENTLY: alone in a file that begins with `-- no-transaction`".to_owned());
    }
    let altered: BTreeSet<_> = statements
        .iter()
        .filter_map(|it| it.text.strip_prefix("ALTER TABLE "))
        .filter_map(|rest| rest.split(' ').next())
        .filter(|table| !new_tables.iter().any(|it| it == table))
        .collect();
    if altered.len() > 1 {
        // A file is one transaction: it would wait for one table while it holds another.
        findings.push("several tables: each in a file of its own".to_owned());
    }
    findings
}

#[test]
fn migrations_run_beside_the_version_before() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services");
    let mut seen = 0;
    for (service, first_release) in FIRST_RELEASE {
        for entry in fs::read_dir(root.join(service).join("migrations")).expect("migrations") {
            let path = entry.expect("a file").path();
            let name = path.file_name().and_then(|it| it.to_str()).expect("UTF-8");
            let number: u32 = name[..4].parse().expect("a number of four digits");
            if number <= first_release {
                continue;
            }
            seen += 1;
            let sql = fs::read_to_string(&path).expect("SQL");
            assert_eq!(findings(&sql), Vec::<String>::new(), "{service}/{name}");
        }
    }
    assert!(seen >= 2, "only {seen} migrations were looked at");
}

#[test]
fn what_would_hurt_is_found() {
    for sql in [
        "CREATE INDEX a ON s.t (b);",
        "CREATE UNIQUE INDEX a ON s.t (b);",
        "CREATE INDEX CONCURRENTLY a ON s.t (b);",
        "ALTER TABLE s.t ALTER COLUMN b SET NOT NULL;",
        "ALTER TABLE s.t\n    ALTER COLUMN b TYPE bigint;",
        "ALTER TABLE s.t ADD CONSTRAINT c CHECK (b > 0);",
        "ALTER TABLE s.t ADD COLUMN b uuid REFERENCES s.u;",
        "ALTER TABLE s.t ADD COLUMN b uuid DEFAULT gen_random_uuid();",
        "ALTER TABLE s.t ADD COLUMN b text NOT NULL;",
        "ALTER TABLE s.t ADD COLUMN a text NOT NULL DEFAULT '', ADD COLUMN b text NOT NULL;",
        "ALTER TABLE s.t DROP COLUMN b;",
        "ALTER TABLE s.t RENAME COLUMN a TO b;",
        "DROP TABLE s.t;",
        "-- everything anew\nUPDATE s.t SET b = 0;",
        "LOCK TABLE s.t;",
        "CREATE TABLE s.u (a text); CREATE INDEX a ON s.t (b);",
        "ALTER TABLE s.t ADD COLUMN b text; ALTER TABLE s.u ADD COLUMN b text;",
    ] {
        assert_eq!(findings(sql).len(), 1, "{sql}");
    }
}

#[test]
fn what_is_safe_or_says_why_passes() {
    for sql in [
        "ALTER TABLE s.t ADD COLUMN b timestamptz; -- NULL; not a lock in sight",
        "ALTER TABLE s.t ADD COLUMN b text NOT NULL DEFAULT '';",
        "ALTER TABLE s.t ADD CONSTRAINT c CHECK (b > 0) NOT VALID;",
        "ALTER TABLE s.t ALTER COLUMN b DROP NOT NULL;",
        "CREATE TABLE s.u (a text NOT NULL);\nCREATE INDEX a ON s.u (a);",
        "-- no-transaction\nCREATE INDEX CONCURRENTLY a ON s.t (b);",
        "-- Safe: a handful of rows.\nCREATE INDEX a ON s.t (b);",
    ] {
        assert_eq!(findings(sql), Vec::<String>::new(), "{sql}");
    }
}
