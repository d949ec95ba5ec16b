"""Sentences about the columns of vectors and their indexes; without names for those who may not see them."""

from pgvector_ready.documents.sentences.text import Sentences, Table, Text
from pgvector_ready.judgement.failures import Code

# The remedy for whoever is not shown what it is about.
_ASK = Text(
    "Run pgvector-ready check, which names it and prints the statements; or set HEALTH_TOKEN and send it.",
    "pgvector-ready check を実行してください。対象の名前と SQL 文を表示します。または HEALTH_TOKEN を設定して送信してください。",
)


def _run(english: str, japanese: str) -> Text:
    """Return the remedy that ends with the statements."""
    return Text(f"{english}: {{statements}}", f"{japanese}: {{statements}}", otherwise=_ASK)


SEARCHABLE: Table = {
    (Code.VECTOR_COLUMN_MISSING, ""): Sentences(
        Text(
            "The application's models have a column {column} in {table}, and the database has not.",
            "アプリケーションのモデルには {table} の列 {column} がありますが、データベースにはありません。",
            otherwise=Text(
                "The application's models have a column of vectors that the database has not.",
                "アプリケーションのモデルにあるベクトルの列が、データベースにありません。",
            ),
        ),
        _run(
            "Apply the migration that adds it (pgvector-ready migrate); where there is none, run",
            "列を追加するマイグレーションを適用してください(pgvector-ready migrate)。ない場合は次を実行してください",
        ),
    ),
    (Code.VECTOR_COLUMN_MISSING, "table"): Sentences(
        Text(
            "The application's models have a table {table} with vectors in {column}, and the database has not.",
            "アプリケーションのモデルには、列 {column} にベクトルを持つテーブル {table} がありますが、データベースにはありません。",
            otherwise=Text(
                "The application's models have a table with vectors that the database has not.",
                "アプリケーションのモデルにあるベクトルのテーブルが、データベースにありません。",
            ),
        ),
        Text(
            "Apply your migrations: pgvector-ready migrate. If they are applied, this is another database, or the role's "
            "search_path leads to another schema.",
            "マイグレーションを適用してください: pgvector-ready migrate。適用済みなら、別のデータベースに接続しているか、"
            "ロールの search_path が別のスキーマを指しています。",
        ),
    ),
    (Code.VECTOR_DIMENSIONS_DIFFER, ""): Sentences(
        Text(
            "The column {column} of {table} is {now}, and the application's models say {type}.",
            "{table} の列 {column} は {now} ですが、アプリケーションのモデルでは {type} です。",
            otherwise=Text(
                "A column of vectors is {now}, and the application's models say {type}.",
                "ベクトルの列が {now} ですが、アプリケーションのモデルでは {type} です。",
                otherwise=Text(
                    "A column of vectors is of another type or dimension than the application's models say.",
                    "ベクトルの列の型または次元数が、アプリケーションのモデルと違います。",
                ),
            ),
        ),
        _run(
            "If the database is right, change the model; if the model is right, run",
            "データベースが正しければモデルを直し、モデルが正しければ次を実行してください",
        ),
    ),
    (Code.VECTOR_DIMENSIONS_DIFFER, "anew"): Sentences(
        Text(
            "The column {column} of {table} is {now}, and the application's models say {type}.",
            "{table} の列 {column} は {now} ですが、アプリケーションのモデルでは {type} です。",
            otherwise=Text(
                "A column of vectors is {now}, and the application's models say {type}.",
                "ベクトルの列が {now} ですが、アプリケーションのモデルでは {type} です。",
                otherwise=Text(
                    "A column of vectors is of another type or dimension than the application's models say.",
                    "ベクトルの列の型または次元数が、アプリケーションのモデルと違います。",
                ),
            ),
        ),
        _run(
            "If the database is right, change the model. If the model is right, the vectors have to be computed anew; this "
            "makes an empty column for them and keeps the old one as {kept}",
            "データベースが正しければモデルを直してください。モデルが正しければ、ベクトルを計算し直す必要があります。"
            "次の文は、そのための空の列を作り、元の列を {kept} として残します",
        ),
    ),
    (Code.PGVECTOR_CORRUPTS_INDEXES, ""): Sentences(
        Text(
            "The library of pgvector {release} can damage the indexes that it keeps ({fault}).",
            "pgvector {release} のライブラリは、管理する索引を壊すことがあります({fault})。",
            otherwise=Text(
                "The pgvector of this server can damage the indexes that it keeps.",
                "このサーバーの pgvector は、管理する索引を壊すことがあります。",
            ),
        ),
        _run(
            "Install pgvector {fixed} or newer on the server, connect again, and then make the indexes anew",
            "サーバーに pgvector {fixed} 以降を入れて接続し直し、そのあと索引を作り直してください",
        ),
    ),
    (Code.PGVECTOR_CORRUPTS_INDEXES, "files"): Sentences(
        Text(
            "pgvector {release}, which is installed on the server, can damage the indexes that it keeps ({fault}).",
            "サーバーに入っている pgvector {release} は、管理する索引を壊すことがあります({fault})。",
            otherwise=Text(
                "The pgvector of this server can damage the indexes that it keeps.",
                "このサーバーの pgvector は、管理する索引を壊すことがあります。",
            ),
        ),
        _run(
            "Install pgvector {fixed} or newer on the server, connect again, and then make the indexes anew",
            "サーバーに pgvector {fixed} 以降を入れて接続し直し、そのあと索引を作り直してください",
        ),
    ),
    (Code.COLLATION_CHANGED, ""): Sentences(
        Text(
            "The database's text was sorted by version {recorded} of its collation, and this server has version {now}: "
            "indexes on text may miss rows.",
            "データベースの文字列は照合順序のバージョン {recorded} で並べられましたが、このサーバーのバージョンは {now} です。"
            "文字列の索引が行を見落とすことがあります。",
            otherwise=Text(
                "The database's text was sorted by another version of its collation than this server has: indexes on text may miss rows.",
                "データベースの文字列は、このサーバーとは違うバージョンの照合順序で並べられました。文字列の索引が行を見落とすことがあります。",
            ),
        ),
        _run(
            "Make the indexes anew, and only then record the new version, as the database's owner",
            "データベースの所有者として、先に索引を作り直し、そのあとで新しいバージョンを記録してください",
        ),
    ),
    (Code.VECTOR_INDEX_INVALID, ""): Sentences(
        Text(
            "The index {index} on {table} was not finished, and nobody is building it: searches read the whole table, and "
            "every write pays for it.",
            "{table} の索引 {index} は作成が完了しておらず、誰も作成していません。検索はテーブル全体を読み、書き込みのたびに負担がかかります。",
            otherwise=Text(
                "A vector index was not finished, and nobody is building it: searches read the whole table.",
                "ベクトルの索引の作成が完了しておらず、誰も作成していません。検索はテーブル全体を読みます。",
            ),
        ),
        _run(
            "Build it anew (IF NOT EXISTS would keep it as it is)",
            "作り直してください(IF NOT EXISTS では元のままです)",
        ),
    ),
    (Code.VECTOR_INDEX_INVALID, "leftover"): Sentences(
        Text(
            "The index {index} on {table} was left behind by a REINDEX CONCURRENTLY that did not end: no search uses it, and "
            "every write pays for it.",
            "{table} の索引 {index} は、完了しなかった REINDEX CONCURRENTLY の残りです。検索には使われず、書き込みのたびに負担がかかります。",
            otherwise=Text(
                "A vector index was left behind by a REINDEX CONCURRENTLY that did not end.",
                "完了しなかった REINDEX CONCURRENTLY の残りのベクトルの索引があります。",
            ),
        ),
        _run("Drop it", "削除してください"),
    ),
    (Code.VECTOR_INDEX_INVALID, "partitioned"): Sentences(
        Text(
            "The index {index} on {table} is not complete: not every partition has a valid index that belongs to it.",
            "{table} の索引 {index} は不完全です。この索引に属する有効な索引を持たないパーティションがあります。",
            otherwise=Text(
                "A vector index on a partitioned table is not complete.",
                "パーティションテーブルのベクトルの索引が不完全です。",
            ),
        ),
        _run("Complete it, one statement after the other", "次の文を順に実行して、完成させてください"),
    ),
    (Code.VECTOR_INDEX_DIFFERS, ""): Sentences(
        Text(
            "The index on {column} of {table} is for {now}, and the application's models search by {type}: they do not use "
            "it.",
            "{table} の列 {column} の索引は {now} 用ですが、アプリケーションのモデルは {type} で検索するため、使われません。",
            otherwise=Text(
                "A vector index is for {now}, and the application's models search by {type}: they do not use it.",
                "ベクトルの索引は {now} 用ですが、アプリケーションのモデルは {type} で検索するため、使われません。",
                otherwise=Text(
                    "A vector index is for another operator than the application's models search by.",
                    "ベクトルの索引の演算子が、アプリケーションのモデルの検索と違います。",
                ),
            ),
        ),
        _run("Make the index that the models have", "モデルにある索引を作成してください"),
    ),
    (Code.VECTOR_INDEX_DIFFERS, "none"): Sentences(
        Text(
            "The application's models have an index for {type} on {column} of {table}, and the database has none there.",
            "アプリケーションのモデルには {table} の列 {column} に {type} 用の索引がありますが、データベースにはありません。",
            otherwise=Text(
                "The application's models have a vector index for {type} that the database has not.",
                "アプリケーションのモデルにある {type} 用のベクトルの索引が、データベースにありません。",
                otherwise=Text(
                    "The application's models have a vector index that the database has not.",
                    "アプリケーションのモデルにあるベクトルの索引が、データベースにありません。",
                ),
            ),
        ),
        _run("Make the index that the models have", "モデルにある索引を作成してください"),
    ),
    (Code.PGVECTOR_VULNERABLE, ""): Sentences(
        Text(
            "The library of pgvector {release} has a known hole: {fault}.",
            "pgvector {release} のライブラリには既知の脆弱性があります: {fault}。",
            otherwise=Text(
                "The pgvector of this server has a known hole.", "このサーバーの pgvector には既知の脆弱性があります。"
            ),
        ),
        Text(
            "Install pgvector {fixed} or newer on the server: a newer image, or your provider's upgrade. The "
            "extension's own update does not replace the library.",
            "サーバーに pgvector {fixed} 以降を入れてください。新しいイメージか、プロバイダーのアップグレードを使います。"
            "拡張の更新だけではライブラリは置き換わりません。",
            otherwise=Text(
                "Install the newest pgvector on the server: a newer image, or your provider's upgrade.",
                "サーバーに最新の pgvector を入れてください。新しいイメージか、プロバイダーのアップグレードを使います。",
            ),
        ),
    ),
    (Code.PGVECTOR_VULNERABLE, "files"): Sentences(
        Text(
            "pgvector {release}, which is installed on the server, has a known hole: {fault}.",
            "サーバーに入っている pgvector {release} には既知の脆弱性があります: {fault}。",
            otherwise=Text(
                "The pgvector of this server has a known hole.", "このサーバーの pgvector には既知の脆弱性があります。"
            ),
        ),
        Text(
            "Install pgvector {fixed} or newer on the server: a newer image, or your provider's upgrade. The "
            "extension's own update does not replace the library.",
            "サーバーに pgvector {fixed} 以降を入れてください。新しいイメージか、プロバイダーのアップグレードを使います。"
            "拡張の更新だけではライブラリは置き換わりません。",
            otherwise=Text(
                "Install the newest pgvector on the server: a newer image, or your provider's upgrade.",
                "サーバーに最新の pgvector を入れてください。新しいイメージか、プロバイダーのアップグレードを使います。",
            ),
        ),
    ),
    (Code.VECTOR_INDEX_MISSING, ""): Sentences(
        Text(
            "{table} has about {rows} vectors in {column} and no vector index on it: every search reads all of them.",
            "{table} の列 {column} には約 {rows} 件のベクトルがありますが、ベクトルの索引がありません。検索のたびに全件を読みます。",
            otherwise=Text(
                "A column with about {rows} vectors has no vector index: every search reads all of them.",
                "約 {rows} 件のベクトルがある列に、ベクトルの索引がありません。検索のたびに全件を読みます。",
                otherwise=Text(
                    "A column with many vectors has no vector index: every search reads all of them.",
                    "多くのベクトルがある列に、ベクトルの索引がありません。検索のたびに全件を読みます。",
                ),
            ),
        ),
        _run(
            "Make one for the operator of your queries (vector_cosine_ops for <=>, vector_l2_ops for <->, vector_ip_ops for "
            "<#>)",
            "クエリで使う演算子に合わせて作成してください(<=> には vector_cosine_ops、<-> には vector_l2_ops、<#> には vector_ip_ops)",
        ),
    ),
    (Code.VECTOR_DIMENSIONS_UNINDEXABLE, ""): Sentences(
        Text(
            "{column} of {table} is {type}({dimensions}) with about {rows} vectors: more dimensions than an index on it can "
            "have.",
            "{table} の列 {column} は {type}({dimensions}) で、約 {rows} 件のベクトルがあります。索引を作れる次元数を超えています。",
            otherwise=Text(
                "A column of {type}({dimensions}) with about {rows} vectors has more dimensions than an index on it can "
                "have.",
                "約 {rows} 件のベクトルがある {type}({dimensions}) の列は、索引を作れる次元数を超えています。",
                otherwise=Text(
                    "A column of vectors has more dimensions than an index on it can have.",
                    "ベクトルの列が、索引を作れる次元数を超えています。",
                ),
            ),
        ),
        _run(
            "Make an index on an expression, and write that expression in your queries",
            "式に対する索引を作成し、クエリにも同じ式を書いてください",
        ),
    ),
    (Code.VECTOR_DIMENSIONS_UNINDEXABLE, "halfvec"): Sentences(
        Text(
            "{column} of {table} is {type}({dimensions}) with about {rows} vectors: more dimensions than an index on it can "
            "have.",
            "{table} の列 {column} は {type}({dimensions}) で、約 {rows} 件のベクトルがあります。索引を作れる次元数を超えています。",
            otherwise=Text(
                "A column of {type}({dimensions}) with about {rows} vectors has more dimensions than an index on it can "
                "have.",
                "約 {rows} 件のベクトルがある {type}({dimensions}) の列は、索引を作れる次元数を超えています。",
                otherwise=Text(
                    "A column of vectors has more dimensions than an index on it can have.",
                    "ベクトルの列が、索引を作れる次元数を超えています。",
                ),
            ),
        ),
        Text(
            "No index of this pgvector gets around the limit: use pgvector 0.7.0 or newer, whose halfvec and "
            "binary_quantize do, or vectors of fewer dimensions.",
            "このバージョンの pgvector には、この制限を避けられる索引がありません。halfvec や binary_quantize のある "
            "pgvector 0.7.0 以降を使うか、次元数を減らしてください。",
        ),
    ),
    (Code.VECTOR_COLUMN_UNDIMENSIONED, ""): Sentences(
        Text(
            "{column} of {table} has about {rows} vectors and no dimension in its type: no index can be made on it.",
            "{table} の列 {column} には約 {rows} 件のベクトルがありますが、型に次元数がないため、索引を作れません。",
            otherwise=Text(
                "A column with about {rows} vectors has no dimension in its type: no index can be made on it.",
                "約 {rows} 件のベクトルがある列の型に次元数がないため、索引を作れません。",
                otherwise=Text(
                    "A column of vectors has no dimension in its type: no index can be made on it.",
                    "ベクトルの列の型に次元数がないため、索引を作れません。",
                ),
            ),
        ),
        _run(
            "Give the column the dimension of its vectors, which locks the table while it is checked",
            "列にベクトルの次元数を指定してください。確認の間、テーブルはロックされます",
        ),
    ),
    (Code.VECTOR_INDEX_DUPLICATE, ""): Sentences(
        Text(
            "The index {index} on {table} serves the searches that {other} serves already: every write pays for both.",
            "{table} の索引 {index} は、{other} と同じ検索のためのものです。書き込みのたびに両方の負担がかかります。",
            otherwise=Text(
                "Two vector indexes serve the same searches: every write pays for both.",
                "同じ検索のためのベクトルの索引が二つあります。書き込みのたびに両方の負担がかかります。",
            ),
        ),
        _run("Drop one of them", "どちらか一方を削除してください"),
    ),
    (Code.VECTORS_UNKNOWN, ""): Sentences(
        Text(
            "Nobody has seen yet whether the vectors fit the application's models.",
            "ベクトルがアプリケーションのモデルに合っているか、まだ確認できていません。",
        ),
        Text(
            "Wait: the service looks again by itself. If it lasts, the database does not answer a look at its catalogue in "
            "time, or has no session free: look at its load; VECTORS=auto does without.",
            "お待ちください。サービスは自動的に確認し直します。続くようなら、データベースがカタログの確認に時間内に応答しないか、"
            "空いている接続がありません。負荷を確認してください。VECTORS=auto にすると、確認なしで動きます。",
        ),
    ),
    (Code.VECTORS_UNKNOWN, "since"): Sentences(
        Text(
            "The last look at the vectors failed; what is said of them is older.",
            "直近のベクトルの確認に失敗しました。表示しているのはそれ以前の結果です。",
        ),
        Text(
            "Wait: the service looks again by itself. If it lasts, the database does not answer a look at its catalogue in "
            "time, or has no session free: look at its load.",
            "お待ちください。サービスは自動的に確認し直します。続くようなら、データベースがカタログの確認に時間内に応答しないか、"
            "空いている接続がありません。負荷を確認してください。",
        ),
    ),
}
