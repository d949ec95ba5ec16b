"""The parts of sentences, and the notes."""

from collections.abc import Mapping

from pgvector_ready.documents.sentences.text import Text
from pgvector_ready.judgement.phrases import Part

PARTS: Mapping[Part, Text] = {
    Part.USER: Text("user", "ユーザー名"),
    Part.PASSWORD: Text("password", "パスワード"),
    Part.HOST: Text("host", "ホスト"),
    Part.PORT: Text("port", "ポート"),
    Part.DATABASE: Text("database", "データベース名"),
    Part.PARAMETERS: Text("parameters", "パラメーター"),
    Part.IN_THE_STRING: Text("{part} in the connection string", "接続文字列の{part}"),
    Part.SERVER_SETTING: Text(
        "It is a setting of the server: write options=-c%20{setting}%3D and its value.",
        "これはサーバーの設定です。options=-c%20{setting}%3D に続けて値を書いてください。",
    ),
    Part.HTML_AMPERSAND: Text(
        "Write &{keyword}= in place of &amp;{keyword}=: HTML's way of writing & was pasted.",
        "&amp;{keyword}= ではなく &{keyword}= と書いてください。HTML での & の書き方が貼り付けられています。",
    ),
    Part.SPELLING: Text("Write {keyword}, in this spelling.", "{keyword} と、この綴りで書いてください。"),
    Part.EMPTY: Text("empty", "空です"),
    Part.JDBC: Text("a JDBC address", "JDBC のアドレスです"),
    Part.WEB_ADDRESS: Text("a web address", "Web のアドレスです"),
    Part.ANOTHER_DATABASE: Text("for another database", "別の種類のデータベースのものです"),
    Part.PRISMA: Text("for Prisma's own service", "Prisma 自身のサービスのものです"),
    Part.ANOTHER_SCHEME: Text(
        "an address that does not begin with postgresql://", "postgresql:// で始まらないアドレスです"
    ),
    Part.PSQL_COMMAND: Text("a psql command", "psql のコマンドです"),
    Part.DOTNET: Text("in the form for .NET, with semicolons", "セミコロンで区切る .NET の形式です"),
    Part.NEITHER: Text(
        "neither a postgresql:// address nor keyword=value pairs",
        "postgresql:// のアドレスでも keyword=value の並びでもありません",
    ),
    Part.NO_HOST: Text("without a usable host name", "使えるホスト名がありません"),
    Part.ONE_OF: Text("one of {choices}", "{choices} のいずれか"),
    Part.WHOLE_NUMBER: Text("a whole number", "整数"),
    Part.PORT_NUMBER: Text("a whole number from 1 to 65535", "1 から 65535 までの整数"),
    Part.AUTH_METHODS: Text("a list such as scram-sha-256,md5", "scram-sha-256,md5 のような一覧"),
    Part.IP_ADDRESSES: Text("IP addresses", "IP アドレス"),
    Part.NO_LESS_THAN: Text("no less than {name}", "{name} 以上の値"),
    Part.DEMANDED: Text("{value}, which {by} demands", "{value}({by} が求める値)"),
    Part.OTHER_HOST: Text(
        "host {expected} was expected and {reached} was reached",
        "ホストは {expected} のはずが {reached} でした",
        otherwise=Text(
            "host {expected} was expected and the one that was reached has no name",
            "ホストは {expected} のはずが、接続先にはホスト名がありません",
        ),
    ),
    Part.OTHER_DATABASE: Text(
        "database {expected} was expected and {reached} was reached",
        "データベースは {expected} のはずが {reached} でした",
        otherwise=Text(
            "database {expected} was expected and the server does not name its own",
            "データベースは {expected} のはずが、サーバーが名前を示しません",
        ),
    ),
    Part.OTHER_FINGERPRINT: Text(
        "fingerprint {expected} was expected and {reached} was reached",
        "フィンガープリントは {expected} のはずが {reached} でした",
        otherwise=Text(
            "fingerprint {expected} was expected and the server does not show its own",
            "フィンガープリントは {expected} のはずが、サーバーがフィンガープリントを示しません",
        ),
    ),
    Part.OTHER_ENGINE: Text(
        "DATABASE_URL leads to the database with the fingerprint {expected}, and the application's engine to the one "
        "with {reached}",
        "DATABASE_URL の接続先のフィンガープリントは {expected} ですが、アプリケーションのエンジンの接続先は {reached} です",
    ),
    Part.VIOLATION_LENGTH: Text("a message has an impossible length", "メッセージの長さがあり得ない値です"),
    Part.VIOLATION_MESSAGE: Text(
        "a message is malformed, or comes where it may not come",
        "メッセージの形が正しくないか、来るはずのないところで来ています",
    ),
    Part.VIOLATION_SIZE: Text(
        "it sends far more than it was asked for", "求められたものよりはるかに多くのデータを送っています"
    ),
    Part.VIOLATION_PASSWORD: Text(
        "it asks for a password hash with more iterations than anybody waits for",
        "待ちきれないほど反復回数の多いパスワードハッシュを求めています",
    ),
    Part.VIOLATION_DRIVER: Text("the driver could not read it", "ドライバーが読み取れませんでした"),
    Part.VIOLATION_ANSWER: Text(
        "its answer to a query does not have the values that were asked for",
        "問い合わせへの応答に、求めた値がありません",
    ),
    Part.DEED_PROOF: Text("calculates a distance", "距離を計算する文"),
    Part.DEED_ENABLE: Text("creates the extension", "拡張を作成する文"),
    Part.DEED_UPDATE: Text("updates the extension", "拡張を更新する文"),
    Part.DEED_APPLICATION: Text(
        "makes a temporary table with a vector index", "ベクトルの索引を持つ一時表を作成する文"
    ),
    Part.OF_ANOTHER_KIND: Text(
        "it is a {kind} of {owner}, and reading it runs what its owner wrote",
        "{owner} の {kind} であり、読むと所有者の書いたものが実行されるためです",
    ),
    Part.OF_A_STRANGER: Text(
        "it belongs to {owner}, who is neither a superuser, nor the database's owner, nor granted to this role",
        "所有者の {owner} が、スーパーユーザーでもデータベースの所有者でもなく、このロールに付与されてもいないためです",
    ),
    Part.IN_A_STRANGERS_SCHEMA: Text(
        "its schema belongs to {owner}, who is neither a superuser, nor the database's owner, nor granted to this role",
        "スキーマの所有者の {owner} が、スーパーユーザーでもデータベースの所有者でもなく、このロールに付与されてもいないためです",
    ),
    Part.IN_A_TREE: Text("it is part of a tree of tables", "継承するテーブルの一部であるためです"),
    Part.UNDER_A_RULE: Text("a rule stands on it", "ルールが付いているためです"),
    Part.UNDER_A_STRANGERS_PART: Text(
        "the {kind} {object} of {owner} stands on it", "{owner} の {kind} {object} が付いているためです"
    ),
    Part.WITHOUT_ITS_COLUMN: Text("it has no column version_num of text", "テキスト型の列 version_num がないためです"),
    Part.UNJUDGED: Text("{reason}", "マイグレーションの履歴は、実行せずには判定できません: {reason}"),
    Part.REPAIRED: Text(
        "Removed from around the connection string: {removed:,}.", "接続文字列の周りから取り除いたもの: {removed:,}。"
    ),
    Part.LEFT_ASIDE: Text(
        "Left aside what PostgreSQL does not know: {keywords}.", "PostgreSQL が知らないものは無視しました: {keywords}。"
    ),
    Part.TAKEN_FOR_SSLMODE: Text(
        "{keyword} had another tool's value; it was taken for sslmode={sslmode}.",
        "{keyword} は別のツールの値だったため、sslmode={sslmode} とみなしました。",
    ),
    Part.NO_CHANNEL_BINDING: Text(
        "{keyword} was left aside: the driver has no channel binding; the connection is encrypted all the same.",
        "{keyword} は無視しました。ドライバーにチャネルバインディングがありません。接続は暗号化されます。",
    ),
    Part.NO_GSSAPI: Text(
        "{keyword} was left aside: the driver has no GSSAPI encryption.",
        "{keyword} は無視しました。ドライバーに GSSAPI による暗号化がありません。",
    ),
    Part.CERTIFICATE_WHEN_ASKED: Text(
        "{keyword} was left aside: the driver shows its client certificate only when it is asked to.",
        "{keyword} は無視しました。ドライバーは、求められたときだけクライアント証明書を示します。",
    ),
    Part.ONE_REVOCATION_LIST: Text(
        "{keyword} was left aside: the driver reads one list of revoked certificates only (sslcrl).",
        "{keyword} は無視しました。ドライバーが読む失効リストは一つだけです(sslcrl)。",
    ),
    Part.ANY_AUTH_METHOD: Text(
        "{keyword} was left aside: the driver logs in by whichever method the server asks for.",
        "{keyword} は無視しました。ドライバーは、サーバーが求める方式でログインします。",
    ),
    Part.SOCKET_OWNER_UNASKED: Text(
        "{keyword} was left aside: the driver does not ask who owns the socket.",
        "{keyword} は無視しました。ドライバーはソケットの所有者を確かめません。",
    ),
    Part.ORDINARY_SESSIONS: Text(
        "{keyword} was left aside: this service opens ordinary sessions only.",
        "{keyword} は無視しました。このサービスは通常のセッションだけを開きます。",
    ),
    Part.PASSWORD_ONLY: Text(
        "{keyword} was left aside: the driver logs in with a password only.",
        "{keyword} は無視しました。ドライバーはパスワードだけでログインします。",
    ),
    Part.NO_OAUTH: Text(
        "{keyword} was left aside: the driver has no OAuth.",
        "{keyword} は無視しました。ドライバーに OAuth がありません。",
    ),
    Part.POOLED: Text(
        "A connection pooler answers: in transaction mode it keeps no session state; "
        "migrations and session-level locks need the database's direct address.",
        "接続プーラーが応答しています。トランザクションモードではセッションの状態が保たれません。"
        "マイグレーションとセッション単位のロックには、データベースの直接のアドレスが必要です。",
    ),
    Part.COULD_NOT_LOOK: Text(
        "The last look at the vectors failed: the database gave no answer in time, or no session.",
        "直近のベクトルの確認に失敗しました。データベースが時間内に応答しないか、空いている接続がありません。",
    ),
    Part.MISSING: Text("is not there", "ありません"),
    Part.UNREADABLE: Text("may not be read by this service", "このサービスが読み取れません"),
    Part.FOLDER: Text("is a folder", "フォルダーです"),
    Part.NO_CERTIFICATE: Text("holds no certificate in PEM", "PEM 形式の証明書ではありません"),
    Part.NO_FITTING_KEY: Text(
        "holds no key that fits sslcert and sslpassword", "sslcert と sslpassword に合う鍵ではありません"
    ),
    Part.NO_LIST_OF_ITS_AUTHORITY: Text(
        "has no list of the authority that signed the server's certificate",
        "サーバーの証明書に署名した認証局の失効リストではありません",
    ),
    Part.LIST_EXPIRED: Text("is a list of revoked certificates that is out of date", "期限の切れた失効リストです"),
    Part.LIST_NOT_YET_VALID: Text(
        "is a list of revoked certificates that is not valid yet", "まだ有効期間に入っていない失効リストです"
    ),
    Part.CLOSES: Text("closes the connection", "接続を閉じます"),
    Part.STAYS_SILENT: Text("stays silent", "応答しません"),
    Part.ANSWERS_WITH_AN_ERROR: Text("answers with an error", "エラーを返します"),
    Part.BLANKS: Text("blanks or line breaks", "空白または改行"),
    Part.VARIABLE_NAME: Text("a variable's name", "変数名"),
    Part.COMMAND: Text("the psql command", "psql コマンド"),
    Part.QUOTES: Text("quotes", "引用符"),
    Part.QUOTE_MARK: Text("a single quote mark", "片方だけの引用符"),
    Part.LITERAL_NEWLINE: Text(r"a literal \n", r"文字としての \n"),
}
