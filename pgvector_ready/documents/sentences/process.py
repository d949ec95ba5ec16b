"""Sentences about the process itself, and about errors that nobody foresaw."""

from pgvector_ready.documents.sentences.text import Sentences, Table, Text
from pgvector_ready.judgement.failures import Code

PROCESS: Table = {
    (Code.STARTING, ""): Sentences(
        Text(
            "Start-up has not succeeded yet: the database is not vector-ready.",
            "起動処理がまだ成功していません。データベースの準備ができていません。",
        ),
        Text(
            "See {database_path} for the cause; this turns to 200 by itself when it is mended.",
            "原因は {database_path} で確かめてください。解決すれば、自動的に 200 になります。",
            otherwise=Text(
                "See the answer about the database for the cause; this turns to 200 by itself when it is mended.",
                "原因は、データベースについての応答で確かめてください。解決すれば、自動的に 200 になります。",
            ),
        ),
    ),
    (Code.DRAINING, ""): Sentences(
        Text(
            "The service is shutting down and takes no new work.",
            "サービスは終了処理中で、新しい処理を受け付けません。",
        ),
        Text(
            "Nothing to do: another instance takes over.",
            "することはありません。別のインスタンスが引き継ぎます。",
        ),
    ),
    (Code.UNEXPECTED_ERROR, ""): Sentences(
        Text(
            "Something unforeseen went wrong.",
            "想定外の問題が起きました。",
        ),
        Text(
            "Report it with the server's own words: pgvector-ready check prints them, and a service has them in its log.",
            "サーバー自身のメッセージを添えて報告してください。pgvector-ready check が表示し、サービスではログにあります。",
        ),
    ),
}

# Where a value that a sentence names is missing, which no code should let happen.
LAST_RESORT = Sentences(
    Text(
        "This failure is described under its code in docs/failures.md.",
        "この問題については docs/failures.md の該当するコードの節を参照してください。",
    ),
    Text(
        "Follow the section of this code in docs/failures.md.",
        "docs/failures.md の該当するコードの節に従ってください。",
    ),
)
