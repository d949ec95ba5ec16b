"""Sentences about DATABASE_URL itself; none repeats a piece of the string."""

from pgvector_ready.documents.sentences.text import Sentences, Table, Text
from pgvector_ready.judgement.failures import Code

_SHAPE = "postgresql://user:password@host:5432/database"
_ENCODE = "python3 -c \"import urllib.parse; print(urllib.parse.quote(input(), safe=''))\""

CONFIGURED: Table = {
    (Code.DATABASE_URL_MISSING, ""): Sentences(
        Text("DATABASE_URL is not set.", "DATABASE_URL が設定されていません。"),
        Text(
            "Set DATABASE_URL to the database's public connection string: on Render under the service's Environment, "
            "on Railway in the service's Variables, elsewhere in the process's environment.",
            "DATABASE_URL にデータベースの公開用の接続文字列を設定してください。Render ではサービスの Environment、"
            "Railway ではサービスの Variables、そのほかではプロセスの環境変数です。",
        ),
    ),
    (Code.DATABASE_URL_MISSING, "ci"): Sentences(
        Text("DATABASE_URL is not set in this CI job.", "この CI ジョブには DATABASE_URL が設定されていません。"),
        Text(
            "Set DATABASE_URL from a secret of the CI; an empty one, as a pull request from a fork gets, is no database, "
            "and nothing stands in for it.",
            "CI のシークレットから DATABASE_URL を設定してください。フォークからのプルリクエストで空になったシークレットは"
            "データベースの指定とはみなされず、代わりに使われるものもありません。",
        ),
    ),
    (Code.DATABASE_URL_MISSING, "other_variables"): Sentences(
        Text(
            "DATABASE_URL is not set, and {names} cannot stand in for it.",
            "DATABASE_URL が設定されていません。{names} はその代わりになりません。",
        ),
        Text(
            f"Set DATABASE_URL to the connection string of the database that is meant, as {_SHAPE}; for the embedded "
            "server unset them.",
            f"使いたいデータベースの接続文字列を {_SHAPE} の形で DATABASE_URL に設定してください。組み込みのサーバーを"
            "使う場合は、それらの変数を未設定にしてください。",
        ),
    ),
    (Code.DATABASE_URL_MISSING, "no_data"): Sentences(
        Text(
            "DATABASE_URL is not set, and there is no embedded database in {folder} yet.",
            "DATABASE_URL が設定されておらず、{folder} に組み込みのデータベースもまだありません。",
        ),
        Text(
            "Set DATABASE_URL, or put it into a .env file here; or run pgvector-ready serve once without it, which "
            "makes an embedded database.",
            "DATABASE_URL を環境変数か、作業フォルダーの .env に設定してください。または DATABASE_URL なしで一度 "
            "pgvector-ready serve を実行すると、組み込みのデータベースが作られます。",
        ),
    ),
    (Code.DATABASE_URL_INVALID, ""): Sentences(
        Text(
            "The server refuses a setting that DATABASE_URL brings along in options=..., or PGOPTIONS does.",
            "DATABASE_URL の options=... または PGOPTIONS で渡した設定を、サーバーが受け付けません。",
        ),
        Text(
            "Correct it or leave it out; pgvector-ready check prints its name, and so does: "
            'psql "$DATABASE_URL" -c "SELECT 1".',
            "その設定を正すか、取り除いてください。どの設定かは、pgvector-ready check か次のコマンドでわかります: "
            'psql "$DATABASE_URL" -c "SELECT 1" 。',
        ),
    ),
    (Code.DATABASE_URL_INVALID, "not_a_connection_string"): Sentences(
        Text("The connection string is {found}.", "接続文字列が正しくありません: {found}。"),
        Text(
            f"Paste the database's connection string: {_SHAPE}.",
            f"データベースの接続文字列を貼り付けてください: {_SHAPE} の形です。",
        ),
    ),
    (Code.DATABASE_URL_INVALID, "unknown_keyword"): Sentences(
        Text(
            "The connection string has the parameter {keyword} that PostgreSQL does not know.",
            "接続文字列に、PostgreSQL が知らないパラメーター {keyword} があります。",
            # Where naming it could show a piece of a broken password.
            otherwise=Text(
                "The connection string has a parameter that PostgreSQL does not know.",
                "接続文字列に、PostgreSQL が知らないパラメーターがあります。",
            ),
        ),
        Text(
            "{correction}",
            "{correction}",
            otherwise=Text(
                "Remove it or correct its spelling; percent-encode & as %26 and = as %3D where they belong to a value.",
                "取り除くか、綴りを正してください。値の一部である & は %26、= は %3D と書きます。",
            ),
        ),
    ),
    (Code.DATABASE_URL_INVALID, "parameter_in_name"): Sentences(
        Text(
            "The {name} has the parameter {keyword} in it, which PostgreSQL would take for a piece of the name.",
            "{name} の中にパラメーター {keyword} があり、PostgreSQL はそれを名前の一部とみなします。",
            otherwise=Text(
                "The {name} has a parameter in it, which PostgreSQL would take for a piece of the name.",
                "{name} の中にパラメーターがあり、PostgreSQL はそれを名前の一部とみなします。",
            ),
        ),
        Text(
            "Begin the parameters of a URI with one ? and separate them with &, not with ; or &amp;: "
            f"{_SHAPE}?sslmode=require. In keyword=value pairs a blank separates them.",
            "URI のパラメーターは一つの ? で始め、; や &amp; ではなく & で区切ってください: "
            f"{_SHAPE}?sslmode=require 。keyword=value の並びでは空白で区切ります。",
        ),
    ),
    (Code.DATABASE_URL_INVALID, "address_in_name"): Sentences(
        Text(
            "The {name} is a whole connection string, which PostgreSQL would take for a name.",
            "{name} が接続文字列そのものになっていて、PostgreSQL はそれを名前とみなします。",
        ),
        Text(
            f"Give the connection string by itself: {_SHAPE}.",
            f"接続文字列だけを書いてください: {_SHAPE} の形です。",
        ),
    ),
    (Code.DATABASE_URL_INVALID, "password_in_name"): Sentences(
        Text(
            "The {name} has a colon in it and no password beside it: PostgreSQL would take both for the name.",
            "{name} の中にコロンがあり、パスワードが別にありません。PostgreSQL は全体を名前とみなします。",
        ),
        Text(
            f"Leave the colon between user and password as it is and percent-encode each by itself: {_SHAPE}. Where "
            "it belongs to the name, set PGPASSWORD as well, if only to nothing.",
            "ユーザーとパスワードの間のコロンはそのまま書き、それぞれを別々にパーセントエンコードしてください: "
            f"{_SHAPE} 。コロンが名前の一部なら、空でもよいので PGPASSWORD も設定してください。",
        ),
    ),
    (Code.DATABASE_URL_INVALID, "bad_value"): Sentences(
        Text(
            "The value of {name} is not one that PostgreSQL accepts.",
            "{name} の値は、PostgreSQL が受け付けるものではありません。",
        ),
        Text("Set {name} to {expected}.", "{name} を {expected} にしてください。"),
    ),
    (Code.DATABASE_URL_INVALID, "bad_percent"): Sentences(
        Text(
            "A percent sign in the connection string's {part} does not begin a percent-encoded character.",
            "接続文字列の {part} にあるパーセント記号が、パーセントエンコードになっていません。",
        ),
        Text(
            "Write %25 for a percent sign itself; %00 is not allowed.",
            "パーセント記号そのものは %25 と書いてください。%00 は使えません。",
        ),
    ),
    (Code.DATABASE_URL_INVALID, "unbracketed"): Sentences(
        Text(
            "The host or port has colons or square brackets that do not make an address.",
            "ホストまたはポートのコロンや角括弧が、アドレスになっていません。",
        ),
        Text(
            "Write a host and its port as host:5432, and an IPv6 address between square brackets: [::1]:5432.",
            "ホストとポートは host:5432 、IPv6 アドレスは角括弧で囲んで [::1]:5432 のように書いてください。",
        ),
    ),
    (Code.DATABASE_URL_INVALID, "not_pairs"): Sentences(
        Text(
            "The connection string's parameters are not keyword=value pairs.",
            "接続文字列のパラメーターが keyword=value の形になっていません。",
        ),
        Text(
            "Write each as keyword=value; in a URI, & in a value is %26 and = is %3D; "
            "elsewhere a value with a blank stands between single quotes.",
            "それぞれを keyword=value と書いてください。URI では、値の中の & は %26、= は %3D です。"
            "URI でない形では、空白を含む値を単一引用符で囲みます。",
        ),
    ),
    (Code.DATABASE_URL_INVALID, "undecodable"): Sentences(
        Text("The connection string has characters that are not UTF-8.", "接続文字列に UTF-8 ではない文字があります。"),
        Text("Encode them as UTF-8: é is %C3%A9.", "UTF-8 でエンコードしてください。たとえば é は %C3%A9 です。"),
    ),
    (Code.DATABASE_URL_INVALID, "service"): Sentences(
        Text(
            "{name} names a section of a pg_service.conf file, which is not read here.",
            "{name} は pg_service.conf のセクションを指していますが、ここではこのファイルを読みません。",
        ),
        Text(
            "Name host, user, password and database themselves.",
            "host、user、password、database をそれぞれ書いてください。",
        ),
    ),
    (Code.DATABASE_URL_INVALID, "abstract_socket"): Sentences(
        Text(
            "{name} names an abstract Unix socket (@), which the driver cannot reach.",
            "{name} は抽象 Unix ソケット(@)を指していますが、ドライバーからは接続できません。",
        ),
        Text(
            "Name the folder of an ordinary socket, such as /var/run/postgresql, or a host: 127.0.0.1.",
            "/var/run/postgresql のような通常のソケットのフォルダーか、127.0.0.1 のようなホストを指定してください。",
        ),
    ),
    (Code.DATABASE_URL_INVALID, "unmatched_hosts"): Sentences(
        Text(
            "The connection string has different numbers of hosts, addresses and ports.",
            "接続文字列のホスト、アドレス、ポートの数が揃っていません。",
        ),
        Text(
            "Give every host its port, or one port for all of them.",
            "ホストごとにポートを書くか、全体で一つのポートを書いてください。",
        ),
    ),
    (Code.DATABASE_URL_PLACEHOLDER, ""): Sentences(
        Text(
            "The connection string is still a placeholder, or has a reference that nothing has replaced.",
            "接続文字列が雛形のままか、置き換えられていない参照を含んでいます。",
        ),
        Text(
            "References are replaced only within the platform that invented them; paste the real value: "
            "copy the whole connection string from your database provider's dashboard.",
            "参照が置き換えられるのは、それを用意したプラットフォームの中だけです。実際の値を貼り付けてください。"
            "データベースのプロバイダーのダッシュボードから、接続文字列の全体をコピーします。",
        ),
    ),
    (Code.DATABASE_URL_PLACEHOLDER, "one_part"): Sentences(
        Text(
            "The {parts:and} in the connection string is still a placeholder.",
            "接続文字列の{parts:and}が雛形のままです。",
        ),
        Text(
            "Paste the real value: copy the whole connection string from your database provider's dashboard.",
            "実際の値を貼り付けてください。データベースのプロバイダーのダッシュボードから、接続文字列の全体をコピーします。",
        ),
    ),
    (Code.DATABASE_URL_PLACEHOLDER, "several_parts"): Sentences(
        Text(
            "The {parts:and} in the connection string are still placeholders.",
            "接続文字列の{parts:and}が雛形のままです。",
        ),
        Text(
            "Paste the real value: copy the whole connection string from your database provider's dashboard.",
            "実際の値を貼り付けてください。データベースのプロバイダーのダッシュボードから、接続文字列の全体をコピーします。",
        ),
    ),
    (Code.DATABASE_URL_UNENCODED, ""): Sentences(
        Text(
            "The connection string cannot be taken apart: the password (or user or database name) has a special "
            "character that is not percent-encoded.",
            "接続文字列を分解できません。パスワード(またはユーザー名かデータベース名)に、"
            "パーセントエンコードされていない記号があります。",
        ),
        Text(
            "Percent-encode it: @ is %40, / is %2F, # is %23, ? is %3F, % is %25, : is %3A and a blank is %20; "
            f"{_ENCODE} encodes what it is given.",
            "パーセントエンコードしてください。@ は %40、/ は %2F、# は %23、? は %3F、% は %25、: は %3A、空白は %20 です。"
            f"次のコマンドは、入力された文字列をエンコードします: {_ENCODE}",
        ),
    ),
    (Code.DATABASE_URL_WHITESPACE, ""): Sentences(
        Text(
            "The connection string has a blank or a line break inside.", "接続文字列の途中に空白または改行があります。"
        ),
        Text(
            "Paste it again as one line without blanks; a blank that belongs to a value is written %20.",
            "空白のない一行として貼り付け直してください。値の一部である空白は %20 と書きます。",
        ),
    ),
    (Code.DATABASE_URL_DOUBTFUL, ""): Sentences(
        Text(
            "DATABASE_URL names the database {database}, with a character that hardly belongs to its name.",
            "DATABASE_URL のデータベース名 {database} に、名前の一部とは思えない文字があります。",
        ),
        Text(
            "End DATABASE_URL in /{meant} if that is the database's name; psql takes all of it for the name.",
            "データベース名からその文字を除くなら、DATABASE_URL の末尾を /{meant} にしてください。psql は余分な文字も名前とみなします。",
        ),
    ),
    (Code.DATABASE_URL_REPAIRED, ""): Sentences(
        Text(
            "DATABASE_URL carried something around its value, which was left aside.",
            "DATABASE_URL の値の周りに余分なものがあったため、取り除いて読みました。",
        ),
        Text(
            "Paste the value again without it, so that psql and every other tool read it too.",
            "psql などほかのツールでも読めるように、余分なものを除いて貼り付け直してください。",
        ),
    ),
}
